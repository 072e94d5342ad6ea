"""What a file of rows looks like to `predict_file`, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa

from scorecast.errors import InputDataError

# Names of the kept columns and of the inputs -> batches with the kept columns, then the inputs.
Read: TypeAlias = Callable[[Sequence[str], Sequence[str]], Iterator[pa.RecordBatch]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A file that has been opened, and its columns found out; rows are read as they are asked for.

    Attributes:
        schema: The columns as the model is given them.
        kept: The same columns as they are written beside the predictions.
        read: Reads the rows, of the asked columns alone.
    """

    schema: pa.Schema
    kept: pa.Schema
    read: Read


def unreadable(source: Path, reason: str) -> InputDataError:
    """Give the error for a file that cannot be read; the reason holds no value of it."""
    return InputDataError(
        f'Cannot read "{source}": {reason}. Check that the file is of the format that its name '
        "says, and that its columns hold what the model takes."
    )
