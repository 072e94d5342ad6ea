"""What a job is made of before it starts: model, input, columns, files to write. Driver only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scorecast.batch.config import TABLE, BatchPredictConfig
from scorecast.batch.engines.job import Job, plan_job
from scorecast.batch.inputs import Inputs, open_inputs
from scorecast.batch.overlap import refuse_overlap
from scorecast.batch.provenance import COLUMNS
from scorecast.errors import ConfigError
from scorecast.progress import Progress
from scorecast.spark.frame import FramePlan, plan_frame
from scorecast.spark.prepare import CheckedModel, check_model

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job whose options, model and columns fit together.

    Attributes:
        model: The model.
        inputs: Where rows come from.
        frame: Which columns are read, kept and given to the model.
        job: How files are written.
    """

    model: CheckedModel
    inputs: Inputs
    frame: FramePlan
    job: Job


def prepare(spark: SparkSession, config: BatchPredictConfig, progress: Progress) -> Prepared:
    """Do what `find` and `fit` do."""
    return fit(spark, config, *find(spark, config, progress))


def fit(
    spark: SparkSession, config: BatchPredictConfig, model: CheckedModel, inputs: Inputs
) -> Prepared:
    """Check model, input and options against each other. Writes nothing.

    Raises:
        ScorecastError: They do not fit.
    """
    _refuse_partitions(config)
    frame = plan_frame(
        inputs.source.df.schema,
        model,
        output_column=config.output_column,
        keep=config.keep,
        columns=config.columns,
    )
    job = plan_job(
        spark,
        inputs.source.df,
        frame,
        partition_by=config.partition_by,
        quarantine=config.on_error == "quarantine",
        provenance=config.provenance,
    )
    return Prepared(model, inputs, frame, job)


def _refuse_partitions(config: BatchPredictConfig) -> None:
    """Refuse partitions that rows of the quarantine, which have no provenance, cannot be in."""
    names = {name for name, _ in COLUMNS} if config.provenance else set()
    by = [name for name in config.partition_by if name in names]
    if by and config.mode == "overwrite-partitions" and config.on_error == "quarantine":
        problem = (
            'mode "overwrite-partitions" with on_error="quarantine" cannot be partitioned by '
            f'"{by[0]}", which rows that fail do not have'
        )
        raise ConfigError.from_problems("batch job options", [problem])


def find(
    spark: SparkSession, config: BatchPredictConfig, progress: Progress, *, here: bool = False
) -> tuple[CheckedModel, Inputs]:
    """Find model and input, neither of which may be where the output is.

    Args:
        spark: The session.
        config: The job.
        progress: Shows how far a download of the model is.
        here: Whether the model is loaded in this process as well.

    Raises:
        ScorecastError: There is no such model or input, or they overlap the output.
    """
    if config.input_format != TABLE:
        refuse_overlap(config.output, "input", config.inputs)
    model = check_model(
        spark,
        config.model_uri,
        result_type=config.result_type,
        params=config.params,
        model_config=config.model_config,
        options=config.predict_options,
        trust=config.model_trust,
        here=here,
        progress=progress,
    )
    fetched = model.resolved.fetched
    refuse_overlap(config.output, "model", [str(fetched.directory), fetched.resolved_uri])
    inputs = open_inputs(spark, config)
    refuse_overlap(config.output, "input", inputs.source.reads)
    return model, inputs
