"""What the files of a quarantine tell: classes of errors, files, and examples where asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import pyarrow.parquet as pq

from scorecast.batch.manifest import OutputFile
from scorecast.batch.show.known import Quarantine
from scorecast.texts import shortened
from scorecast.worker.storage import filesystem_of

# A job that puts millions of rows aside still publishes at once.
_MOST_ROWS = 100_000
_MOST_FILES = 20
_EXAMPLES = 10
_COLUMNS = 20
_LONGEST = 200
_RAISED = re.compile(r"The model raised (\w+) on ")
# File, class of the error, its message and digest of the model stand behind the columns of the
# input. They are told by their place: a column of the input may have one of their names.
_ABOUT = 4


def read_quarantine(
    files: Sequence[OutputFile], place: Callable[[str], str], *, show_values: bool = False
) -> Quarantine:
    """Read why rows are in the quarantine, of a bounded number of rows.

    Args:
        files: Files of the quarantine.
        place: Gives the path or URI of a file by its path in the output.
        show_values: Whether to give a few rows with their values.

    Raises:
        OSError: A file cannot be read.
        pyarrow.ArrowException: A file is no parquet file.
    """
    classes, sources = Counter[str](), Counter[str]()
    examples: list[dict[str, str]] = []
    looked_at = 0
    for file in files[:_MOST_FILES]:
        if looked_at >= _MOST_ROWS:
            break
        filesystem, path = filesystem_of(place(file.path))
        with filesystem.open_input_file(path) as source:
            parquet = pq.ParquetFile(source)
            left = _MOST_ROWS - looked_at
            where, kind, message, _ = parquet.schema_arrow.names[-_ABOUT:]
            for batch in parquet.iter_batches(columns=[where, kind, message]):
                part = batch.slice(0, left)
                kinds = part.column(kind).to_pylist()
                classes.update(map(_reason, kinds, part.column(message).to_pylist()))
                sources.update(map(_text, part.column(where).to_pylist()))
                looked_at += part.num_rows
                left -= part.num_rows
                if not left:
                    break
            if show_values and len(examples) < _EXAMPLES:
                examples += _examples(parquet, _EXAMPLES - len(examples))
    rows = sum(file.rows for file in files)
    return Quarantine(rows, looked_at, _ranked(classes), _ranked(sources), tuple(examples))


def _reason(kind: str | None, message: str | None) -> str:
    """Give the class of an error, and of what the model raised: the rest may hold data."""
    found = _RAISED.match(message or "")
    return f"{_text(kind)} ({found[1]})" if found else _text(kind)


def _ranked(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda item: (-item[1], item[0])))


def _examples(parquet: pq.ParquetFile, most: int) -> list[dict[str, str]]:
    names = parquet.schema_arrow.names
    asked = [*names[-_ABOUT:-1], *names[:-_ABOUT][:_COLUMNS]]
    batch = next(parquet.iter_batches(batch_size=most, columns=asked), None)
    rows = [] if batch is None else batch.to_pylist()
    return [{name: _text(row[name]) for name in asked} for row in rows]


def _text(value: object) -> str:
    return shortened("NULL" if value is None else str(value), _LONGEST)
