"""In which calendar the dates and times of a parquet file are, as Spark finds out. Driver only.

Spark 2 counted days before 1582-10-15 in the Julian calendar, and times before 1900 by the local
time of a zone; newer Spark turns them into today's calendar when it reads them, Arrow does not. A
file says by its footer which Spark wrote it: the rules are those of ``DataSourceUtils`` in
https://github.com/apache/spark.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias

Calendar: TypeAlias = Literal["modern", "legacy", "unsaid"]

_VERSION = b"org.apache.spark.version"
_LEGACY = (b"org.apache.spark.legacyDateTime", b"org.apache.spark.legacyINT96")
# Times stored as INT96 were written in the old way for one version longer.
_MODERN_SINCE = (3, 1)


def calendar_of(metadata: Any) -> Calendar:
    """Give the calendar of a file: today's, maybe another one, or it does not say.

    Args:
        metadata: ``pyarrow.parquet.FileMetaData``.
    """
    said = metadata.metadata or {}
    if _VERSION not in said:
        return "unsaid"
    numbers = re.findall(rb"\d+", said[_VERSION])[:2]
    version = tuple(int(number) for number in numbers)
    old = version < _MODERN_SINCE or any(name in said for name in _LEGACY)
    return "legacy" if old else "modern"
