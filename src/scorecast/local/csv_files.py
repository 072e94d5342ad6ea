"""CSV files: every cell is read as the text that it is, and columns of the model by its types.

Arrow would find types out from the first rows of a file, and so turn the id ``007`` into the number
7, the country ``NA`` into nothing, and fail where a later row looks different.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from scorecast.local.rows import Rows, unreadable
from scorecast.models.signature import Scalar, Signature, Spec, Tensor
from scorecast.worker.arrow_types import ARROW_SCALARS, is_text, readable
from scorecast.worker.casts import MisfitError, cast_exactly

# What stands for a missing number, truth value or time; in text only the empty cell is missing.
_MISSING = pa.array(["", "na", "n/a", "#n/a", "nan", "null", "none"])
_TEXT = pa.string()
_BLOCK = 8 << 20
# Tried in this order for the columns of a model that declares none.
_GUESSES = (pa.int64(), pa.float64(), pa.bool_())


def open_csv(source: Path, signature: Signature, *, verbatim: bool) -> Rows:
    """Open a file with a header.

    Args:
        source: The file.
        signature: What the model declares; it decides the types.
        verbatim: Whether kept columns are the text of the file, whatever their types.

    Raises:
        InputDataError: The file has no header, or cannot be read.
    """
    file = _CsvFile.of(source)
    types = _declared(signature, file.names) if signature.inputs else _guessed(file)
    schema = pa.schema([(name, types.get(name, _TEXT)) for name in file.names])
    kept = pa.schema([(name, _TEXT) for name in file.names]) if verbatim else schema

    def read(keep: Sequence[str], inputs: Sequence[str]) -> Iterator[pa.RecordBatch]:
        wanted = [*(kept.field(name) for name in keep), *(schema.field(name) for name in inputs)]
        done = 0
        for batch in file.batches():
            columns = [_typed(batch.column(f.name), f, source, done) for f in wanted]
            yield pa.RecordBatch.from_arrays(columns, schema=pa.schema(wanted))
            done += batch.num_rows

    return Rows(schema, kept, read)


@dataclass(frozen=True, slots=True)
class _CsvFile:
    source: Path
    names: tuple[str, ...]
    is_empty: bool

    @classmethod
    def of(cls, source: Path) -> _CsvFile:
        try:
            with source.open(encoding="utf-8-sig", newline="") as stream:
                rows = (row for row in csv.reader(stream) if row)
                names = next(rows, None)
                is_empty = not any(line.strip() for line in stream)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise unreadable(source, _reason(error)) from None
        if names is None:
            raise unreadable(source, "it is empty, without even a header")
        return cls(source, tuple(names), is_empty)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Give all cells as text, empty ones as null."""
        broken: list[Any] = []

        def refuse(row: Any) -> str:
            broken.append(row)
            return "error"

        if self.is_empty:
            return
        try:
            reader = pa.csv.open_csv(
                self.source,
                # In one thread, rows have numbers. Quoted cells may hold line ends.
                read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
                parse_options=pa.csv.ParseOptions(
                    newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, _TEXT),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
            while (batch := _next(reader)) is not None:
                yield batch
        except (pa.ArrowInvalid, OSError) as error:
            raise unreadable(self.source, _reason(error, broken)) from None


def _next(reader: Any) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _reason(error: Exception, broken: Sequence[Any] = ()) -> str:
    """Say what is wrong with a file; what Arrow says may hold the cells of a row."""
    if broken:
        row = broken[0]
        return f"row {row.number} has {row.actual_columns} cells, the header {row.expected_columns}"
    if isinstance(error, UnicodeDecodeError) or "UTF8" in str(error):
        return "it is not UTF-8 text"
    if "straddling" in str(error):
        return f"a row is longer than {_BLOCK >> 20} MB, or a quote is never closed"
    return str(error.strerror) if isinstance(error, OSError) else "it is not CSV"


def _declared(signature: Signature, names: Sequence[str]) -> dict[str, pa.DataType]:
    """Give the types of the columns that the model takes, found as the worker finds them."""
    specs = signature.inputs or ()
    if signature.input_names is not None:
        return {str(spec.name): _type_of(spec) for spec in specs}
    if len(specs) == 1 and isinstance(specs[0].type, Tensor):
        return dict.fromkeys(names, _type_of(specs[0]))
    return {name: _type_of(spec) for name, spec in zip(names, specs, strict=False)}


def _type_of(spec: Spec) -> pa.DataType:
    match spec.type:
        case Scalar(name) if name != "binary":
            return ARROW_SCALARS[name]
        case Tensor(dtype, _) if np.dtype(dtype).kind in "biu":
            return pa.from_numpy_dtype(np.dtype(dtype))
        case Tensor(dtype, _) if np.dtype(dtype).kind == "f":
            return pa.float64()
    # CSV has no form for bytes, lists and records: the model does not take the text, and says so.
    return _TEXT


def _guessed(file: _CsvFile) -> dict[str, pa.DataType]:
    """Give the narrowest type that every cell of a column fits, which takes a pass of its own."""
    left = {name: list(_GUESSES) for name in file.names}
    for batch in file.batches():
        for name, guesses in left.items():
            left[name] = [kind for kind in guesses if _fits(batch.column(name), kind)]
    return {name: guesses[0] for name, guesses in left.items() if guesses}


def _fits(cells: pa.Array, kind: pa.DataType) -> bool:
    try:
        _parsed(cells, kind)
    except MisfitError:
        return False
    return True


def _typed(cells: pa.Array, field: pa.Field, source: Path, before: int) -> pa.Array:
    try:
        return _parsed(cells, field.type)
    except MisfitError as misfit:
        message = (
            f'column "{field.name}" is to hold {readable(field.type)} values, and the cell in data '
            f"row {before + (misfit.index or 0) + 1} is none"
        )
        raise unreadable(source, message) from None


def _parsed(cells: pa.Array, kind: pa.DataType) -> pa.Array:
    if is_text(kind):
        return cells
    trimmed = pc.utf8_trim_whitespace(cells)
    missing = pc.is_in(pc.utf8_lower(trimmed), value_set=_MISSING)
    present = pc.if_else(missing, pa.scalar(None, _TEXT), trimmed)
    if pa.types.is_integer(kind):
        # As pandas writes a column of integers with gaps.
        present = pc.replace_substring_regex(present, r"^[+]|[.]0*$", "")
    return cast_exactly(present, kind)
