"""Predict on a file in batches, without Spark: csv, json lines and parquet, in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorecast.errors import ConfigError, OutputExistsError
from scorecast.local.formats import Format, output_format
from scorecast.local.model import resolve_model
from scorecast.local.names import kept_names, name_problems, refuse_repeated_names
from scorecast.local.readers import open_rows
from scorecast.local.writers import check_writable, open_output, write_batches
from scorecast.models.params import complete_params
from scorecast.models.trust import ANY, Trust
from scorecast.worker.frames import append_to_batches
from scorecast.worker.input_plan import InputPlan, plan_by_name
from scorecast.worker.predict import PredictPlan
from scorecast.worker.result_types import parse_simple_type, result_type_of
from scorecast.worker.variants import stored_type


@dataclass(frozen=True, slots=True)
class FileReport:
    """What was done: rows read, which are the rows written, and where they are (None: stdout)."""

    rows: int
    output: Path | None


def predict_file(  # noqa: PLR0913 - the options of the command
    model_uri: str | Path,
    source: Path,
    output: Path | None = None,
    *,
    format: Format | None = None,  # noqa: A002 - the name of the option
    result_type: str | None = None,
    output_column: str = "prediction",
    keep: str | Sequence[str] = "all",
    params: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    trust: Trust = ANY,
) -> FileReport:
    """Predict on all rows of a file, batch by batch, in this process.

    Args:
        model_uri: Path or URI of a model directory.
        source: A ``.csv`` with a header, ``.json`` (a record per line, or a list of records) or
            ``.parquet`` file.
        output: File to write, which appears complete or not at all; None for stdout.
        format: Format to write; by default that of the output's name, for stdout csv.
        result_type: Type of a prediction, such as ``"double"`` or ``"array<float>"``; None takes
            it from the outputs that the model declares.
        output_column: Name of the column with the predictions.
        keep: ``"all"``, ``"none"`` or the names of the columns to write beside the prediction.
        params: Inference params that the model declares.
        overwrite: Whether an output that exists is replaced.
        trust: What the model must meet.

    Raises:
        ScorecastError: The file cannot be read, the model cannot be loaded, or the data does not
            fit; a file that was there before is as it was.
    """
    chosen = output_format(output, format)
    if output is not None and output.exists() and not overwrite:
        message = (
            f'The output "{output}" exists. Nothing was written. Choose another file, or replace '
            "it with --mode overwrite."
        )
        raise OutputExistsError(message)
    wanted = None if result_type is None else parse_simple_type(result_type)
    resolved = resolve_model(model_uri, trust, here=True)
    signature = resolved.info.enforced_signature
    if wanted is None:
        wanted = result_type_of(resolved.info.signature or signature)
    complete = complete_params(signature, params)
    rows = open_rows(source, signature, chosen)
    refuse_repeated_names(rows.schema.names)
    kept = kept_names(rows.schema.names, keep)
    if problems := name_problems(rows.schema.names, kept, output_column):
        raise ConfigError.from_problems("options", problems)
    plan = plan_by_name(signature, rows.schema)
    # The kept columns come first, then the inputs.
    inputs = InputPlan(
        plan.form,
        tuple(replace(column, source=len(kept) + i) for i, column in enumerate(plan.columns)),
    )
    fields = [
        *(rows.kept.field(name) for name in kept),
        pa.field(output_column, stored_type(wanted)),
    ]
    schema = pa.schema(fields)
    check_writable(schema, chosen)
    batches = rows.read(kept, [rows.schema.names[column.source] for column in plan.columns])
    predict = PredictPlan(resolved.local_handle(), inputs, wanted, complete)
    with open_output(output) as stream:
        result = append_to_batches(batches, predict, schema.names)
        return FileReport(write_batches(result, schema, stream, chosen), output)
