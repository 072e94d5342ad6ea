"""Which column of a batch becomes which input of the model: decided once, from names and types.

On the driver where the schema of the data is known there, else on the first batch; the words of the
errors are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import pyarrow as pa

from scorecast.errors import InputMismatchError, did_you_mean
from scorecast.models.signature import Scalar, Signature, Spec, SpecType, Tensor
from scorecast.worker.arrow_types import fits, is_list, readable

Form: TypeAlias = Literal["frame", "tensor", "named_tensors"]

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class InputColumn:
    """One column of the batch on its way into the model.

    Attributes:
        source: Position in the batch.
        name: What the model calls it: a text, or a number where the signature has no names.
        declared: Declared type, or None when the model declares nothing.
        nullable: Whether a column of integers or booleans reaches the model in pandas' nullable
            types, in every batch: where the signature does not require it, or on request.
    """

    source: int
    name: str | int
    declared: SpecType | None = None
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class InputPlan:
    """How batches of one schema become model input.

    Attributes:
        form: ``frame`` for a pandas DataFrame, ``tensor`` for one numpy array, ``named_tensors``
            for a dict of them.
        columns: The columns used, in the order of the signature.
        packed: Whether they come as one column of arrays, the values of a row in this order; all
            are floats of one type, and their source is that column.
    """

    form: Form
    columns: tuple[InputColumn, ...]
    packed: bool = False

    def all_nullable(self) -> InputPlan:
        """Give the same plan with every column nullable."""
        return replace(self, columns=tuple(replace(c, nullable=True) for c in self.columns))


def plan_by_name(signature: Signature, schema: pa.Schema) -> InputPlan:
    """Plan for data whose columns are known by name; columns that are not inputs are left out.

    A signature without names, and a model without a signature, take the columns by position.

    Raises:
        InputMismatchError: Columns are missing or of a wrong type; all of them are named.
    """
    names = signature.input_names
    if not signature.inputs or names is None:
        return plan_by_position(signature, schema)
    positions: dict[str, int] = {}
    problems: list[str] = []
    for position, name in enumerate(schema.names):
        positions.setdefault(name, position)
    problems.extend(
        f'column "{name}" occurs more than once; rename or drop one'
        for name in names
        if schema.names.count(name) > 1
    )
    columns: list[InputColumn] = []
    for spec, name in zip(signature.inputs, names, strict=True):
        if name in positions:
            columns.append(InputColumn(positions[name], name, spec.type, not spec.required))
        elif spec.required:
            free = [column for column in schema.names if column not in names]
            problems.append(
                f'column "{name}" ({spec.type}) is missing.{did_you_mean(name, free)}'.rstrip(".")
            )
    return _checked(signature, schema, columns, problems)


def plan_by_position(signature: Signature, schema: pa.Schema) -> InputPlan:
    """Plan for data whose columns have no names: the first column is the first input, and so on.

    Optional inputs at the end may be left out.

    Raises:
        InputMismatchError: The number of columns is wrong, or types are; all of them are named.
    """
    if not signature.inputs:
        unnamed = schema.names == [""] * len(schema.names)
        return InputPlan(
            "frame",
            tuple(
                InputColumn(position, str(position) if unnamed else name, None)
                for position, name in enumerate(schema.names)
            ),
        )
    got, specs = len(schema.names), signature.inputs
    if _is_one_block(specs, schema):
        return _block_plan(signature, schema)
    least = max((i + 1 for i, spec in enumerate(specs) if spec.required), default=0)
    if not least <= got <= len(specs):
        wanted = str(least) if least == len(specs) else f"{least} to {len(specs)}"
        message = (
            f"The model takes {wanted} input columns, got {got}. In this order: "
            f"{_listed(specs)}. Pass exactly these columns, or pass columns with their names."
        )
        raise InputMismatchError(message)
    columns = [
        InputColumn(i, i if spec.name is None else spec.name, spec.type, not spec.required)
        for i, spec in enumerate(specs[:got])
    ]
    return _checked(signature, schema, columns, [])


def _is_one_block(specs: Sequence[Spec], schema: pa.Schema) -> bool:
    """Tell whether columns of plain values together are the one tensor that the model takes."""
    return (
        len(specs) == 1
        and specs[0].name is None
        and isinstance(specs[0].type, Tensor)
        and len(specs[0].type.shape) > 1
        and not any(is_list(kind) for kind in schema.types)
    )


def _block_plan(signature: Signature, schema: pa.Schema) -> InputPlan:
    (spec,) = signature.inputs or ()
    shape = spec.type.shape[1:] if isinstance(spec.type, Tensor) else ()
    got, wanted = len(schema.names), math.prod(shape)
    problems = []
    if -1 not in shape and got != wanted:
        problems.append(f"the model takes {wanted} values per row, got {got} columns")
    columns = [InputColumn(i, i, spec.type) for i in range(got)]
    return _checked(signature, schema, columns, problems)


def _checked(
    signature: Signature, schema: pa.Schema, columns: Sequence[InputColumn], problems: list[str]
) -> InputPlan:
    for column in columns:
        got = schema.field(column.source).type
        if column.declared is not None and not fits(got, column.declared):
            problems.append(
                f'column "{_shown(column, schema)}" is {readable(got)}, the model takes '
                f"{column.declared}{_cast_hint(got, column.declared)}"
            )
    specs = signature.inputs or ()
    if not columns and not problems:
        problems.append("no input columns are given")
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in _first(problems))
        message = (
            f"The data does not fit the inputs of the model:{lines}\nThe model takes: "
            f"{_listed(specs)}."
        )
        raise InputMismatchError(message)
    if not signature.takes_tensors:
        return InputPlan("frame", tuple(columns))
    form: Form = "tensor" if len(specs) == 1 and specs[0].name is None else "named_tensors"
    return InputPlan(form, tuple(columns))


def _shown(column: InputColumn, schema: pa.Schema) -> str | int:
    return schema.names[column.source] or column.name


def _cast_hint(got: pa.DataType, declared: SpecType) -> str:
    if pa.types.is_floating(got) and str(declared) in ("integer", "long"):
        return (
            " (an integer column with nulls becomes double in pandas: declare the input as double, "
            "or keep the column an integer)"
        )
    if not isinstance(declared, Scalar):
        return ""
    return f"; cast it to {'timestamp' if declared.name == 'datetime' else declared}"


def _listed(specs: Sequence[Spec]) -> str:
    return ", ".join(_first(list(map(str, specs))))


def _first(texts: list[str]) -> list[str]:
    """Shorten what nobody reads to its end: a model may take thousands of columns."""
    more = len(texts) - _MOST_SHOWN
    return texts if more <= 0 else [*texts[:_MOST_SHOWN], f"and {more} more"]
