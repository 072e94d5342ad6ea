"""The job key: what a job does, as one digest. Driver only.

The SHA-256 of the canonical JSON (sorted keys, no spaces) of the input's files with sizes and
times of change, the digest of the model, all options that decide what is in the output, and the
versions of scorecast and of the packages that predict. No host, no time, no path of the output: the
same job has the same key wherever and whenever it runs.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.describe import rules_of_values
from scorecast.batch.inputs import Inputs
from scorecast.batch.snapshot import InputFile
from scorecast.spark.prepare import CheckedModel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def key_of(
    spark: SparkSession,
    config: BatchPredictConfig,
    model: CheckedModel,
    inputs: Inputs,
    packages: Mapping[str, str],
) -> str:
    """Give the key of a job in a session.

    Args:
        spark: The session, whose rules decide on values, too.
        config: The job.
        model: Its model.
        inputs: What it reads; for an incremental job, what is new.
        packages: Versions of what predicts.
    """
    return job_key(
        inputs=inputs.held,
        model_digest=model.resolved.digest,
        options={
            **config.key_options(),
            "time_zone": model.time_zone,
            # Options of the session and the directory that is asked for decide on columns, too.
            "schema": inputs.source.df.schema.jsonValue(),
            "session": rules_of_values(spark),
        },
        packages=packages,
        repeatable=inputs.repeatable,
    )


def job_key(
    *,
    inputs: Sequence[InputFile],
    model_digest: str,
    options: Mapping[str, Any],
    packages: Mapping[str, str],
    repeatable: bool,
) -> str:
    """Give the key of a job.

    Args:
        inputs: Files of the input.
        model_digest: Digest of the model.
        options: What decides the content of the output, as JSON values.
        packages: Versions of what predicts.
        repeatable: Whether the same files give the same rows. A job that is not repeatable, since
            its input is not made of files or its condition depends on time or chance, gets a key
            that no other job has.
    """
    content = {
        "inputs": sorted([file.path, file.size, file.modified] for file in inputs),
        "model": model_digest,
        "options": options,
        "packages": packages,
        "once": None if repeatable else uuid.uuid4().hex,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
