"""JSON files: a record per line, or one list of records.

Two passes: the first finds the columns and their types, which the last record may change, the
second converts batch by batch. Of a list of records all is in memory, of lines one batch.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from scorecast.local.rows import Rows, unreadable
from scorecast.models.signature import Array, ColumnType, Map, Object, Scalar, Signature, Tensor
from scorecast.worker.arrow_types import arrow_type, readable
from scorecast.worker.casts import ARROW_ERRORS, MisfitError
from scorecast.worker.nested import is_nested
from scorecast.worker.output_values import convert_values

Record: TypeAlias = Mapping[str, Any]

_BATCH_ROWS = 16_384
# As Spark writes the floats that JSON has no numbers for.
_FLOATS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def open_json(source: Path, signature: Signature) -> Rows:
    """Open a file of records.

    Args:
        source: The file.
        signature: What the model declares; it decides what texts stand for.

    Raises:
        InputDataError: The file does not hold records.
    """
    columns = _Columns(source, signature)
    done = 0
    for batch in _batches(source):
        columns.learn(batch, done)
        done += len(batch)
    if not columns.types:  # no record that could have told
        columns.types.update(dict.fromkeys(signature.input_names or (), pa.null()))
    schema = pa.schema(list(columns.types.items()))

    def read(keep: Sequence[str], inputs: Sequence[str]) -> Iterator[pa.RecordBatch]:
        names = [*keep, *inputs]
        wanted = pa.schema([schema.field(name) for name in names])
        done = 0
        for batch in _batches(source):
            arrays = [columns.array(name, batch, done) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, schema=wanted)
            done += len(batch)

    return Rows(schema, schema, read)


class _Columns:
    """The columns of a file, and what is known of their types so far."""

    def __init__(self, source: Path, signature: Signature) -> None:
        self._source = source
        self._declared: dict[str, ColumnType] = {
            spec.name: spec.type
            for spec in signature.inputs or ()
            if spec.name is not None and not isinstance(spec.type, Tensor)
        }
        self.types: dict[str, pa.DataType] = {}
        # What is wrong with a column is a mistake only if the column is asked for.
        self._problems: dict[str, str] = {}

    def learn(self, batch: Sequence[Record], before: int) -> None:
        """Widen the types to those of more records; `before` is how many there were already."""
        for name in dict.fromkeys(name for record in batch for name in record):
            known = self.types.setdefault(name, pa.null())
            if name not in self._problems:
                self.types[name] = self._wider(name, known, batch, before)

    def array(self, name: str, batch: Sequence[Record], before: int) -> pa.Array:
        """Give the values of a column.

        Raises:
            InputDataError: They are not of one type, or not of the declared one.
        """
        if name in self._problems:
            raise unreadable(self._source, f'column "{name}" {self._problems[name]}')
        declared, kind = self._declared.get(name), self.types[name]
        values = [_decoded(record.get(name), declared) for record in batch]
        if declared is None or not is_nested(kind):
            return pa.array(values, kind)
        try:
            return convert_values(values, kind)
        except MisfitError as misfit:
            where = "" if misfit.index is None else f" of record {before + misfit.index + 1}"
            raise unreadable(self._source, f'column "{name}"{where} is no {declared}') from None

    def _wider(
        self, name: str, known: pa.DataType, batch: Sequence[Record], before: int
    ) -> pa.DataType:
        declared = self._declared.get(name)
        values = []
        for i, record in enumerate(batch):
            try:
                values.append(_decoded(record.get(name), declared))
            except ValueError:
                self._problems[name] = f"of record {before + i + 1} is no {declared}"
                return pa.null()
        fixed = None if declared is None else arrow_type(declared)
        if fixed is not None and is_nested(fixed):
            return fixed
        try:
            schemas = [pa.schema([(name, kind)]) for kind in (known, pa.array(values).type)]
            return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except ARROW_ERRORS:
            kinds = {type(value).__name__ for value in values if value is not None}
            earlier = "" if pa.types.is_null(known) else f", and {readable(known)} before"
            what = f"{' and '.join(sorted(kinds))} in one batch{earlier}"
            self._problems[name] = f"holds {what}, which have no type in common"
            return pa.null()


def _decoded(value: Any, declared: ColumnType | None) -> Any:
    """Give what a text stands for where the model declares a type that JSON has no values of."""
    match declared:
        case Scalar("float" | "double") if isinstance(value, str):
            return _FLOATS.get(value, value)
        case Scalar("binary") if isinstance(value, str):
            return base64.b64decode(value, validate=True)
        case Scalar("datetime") if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo is None else moment.astimezone(UTC)
        case Array(items) if isinstance(value, list):
            return [_decoded(item, items) for item in value]
        case Map(values) if isinstance(value, Mapping):
            return {key: _decoded(item, values) for key, item in value.items()}
        case Object(properties) if isinstance(value, Mapping):
            kinds = {member.name: member.type for member in properties}
            return {key: _decoded(item, kinds.get(key)) for key, item in value.items()}
    return value


def _batches(source: Path) -> Iterator[list[Record]]:
    try:
        with source.open(encoding="utf-8-sig") as stream:
            records = _records(source, stream)
            while batch := list(islice(records, _BATCH_ROWS)):
                yield batch
    except UnicodeDecodeError:
        raise unreadable(source, "it is not UTF-8 text") from None
    except OSError as error:
        raise unreadable(source, str(error.strerror)) from None


def _records(source: Path, stream: Any) -> Iterator[Record]:
    first = stream.read(1)
    while first.isspace():
        first = stream.read(1)
    stream.seek(0)
    numbered: Any = _list(source, stream) if first == "[" else _lines(source, stream)
    for where, record in numbered:
        if not isinstance(record, dict):
            reason = f"{where} is {type(record).__name__}, not a record"
            raise unreadable(source, reason)
        yield record


def _list(source: Path, stream: Any) -> Iterator[tuple[str, Any]]:
    for i, record in enumerate(_loaded(source, "the list", stream.read()), start=1):
        yield f"element {i}", record


def _lines(source: Path, stream: Any) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(stream, start=1):
        if line.strip():
            yield f"line {number}", _loaded(source, f"line {number}", line)


def _loaded(source: Path, where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        reason = (
            f"{where} is not JSON ({error.msg}, at its character {error.pos + 1}); expected a "
            "record per line, or one list of records"
        )
        raise unreadable(source, reason) from None
