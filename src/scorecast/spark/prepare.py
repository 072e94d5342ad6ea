"""What the Spark fronts share before any task starts. Driver only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as st

from scorecast.local.model import ResolvedModel, resolve_model
from scorecast.models.config import accepted_config
from scorecast.models.load import flavor_of
from scorecast.models.params import complete_params
from scorecast.spark.preflight import check_workers, preflight_enabled
from scorecast.spark.shipping import ship_model
from scorecast.spark.types import from_arrow, parse_result_type
from scorecast.worker.handle import ModelHandle
from scorecast.worker.result_types import result_type_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TIME_ZONE = "spark.sql.session.timeZone"


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model that may be used in a session: inspected, its result type and params known.

    Attributes:
        resolved: The model on the driver.
        result_type: Spark type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
        config: ``model_config`` of the call.
        time_zone: Time zone of the session, in which timestamps travel.
    """

    resolved: ResolvedModel
    result_type: st.DataType
    params: Mapping[str, Any] | None
    config: Mapping[str, Any]
    time_zone: str

    def ship(self, spark: SparkSession, *, preflight: bool) -> ModelHandle:
        """Check the workers, then give the model to the session.

        Raises:
            WorkerEnvironmentError: Workers lack a package or have another version.
        """
        if preflight and preflight_enabled(os.environ):
            flavor = flavor_of(self.resolved.info)
            check_workers(spark, flavor.packages, extra=flavor.extra)
        return ship_model(spark, self.resolved, self.config)


def check_model(
    spark: SparkSession,
    model_uri: str | Path,
    *,
    result_type: str | st.DataType | None,
    params: Mapping[str, Any] | None,
    model_config: Mapping[str, Any] | None,
) -> CheckedModel:
    """Check all that can be checked without data; a bad result type before the model is fetched.

    Raises:
        ConfigError: The result type is none.
        ArtifactError: The model cannot be fetched.
        ModelError: The directory is no model, or has no flavor that predicts.
        InputMismatchError: Params do not fit.
    """
    parsed = None if result_type is None else parse_result_type(result_type)
    resolved = resolve_model(model_uri)
    signature = resolved.info.enforced_signature
    flavor_of(resolved.info)
    return CheckedModel(
        resolved,
        parsed
        if parsed is not None
        else from_arrow(result_type_of(resolved.info.signature or signature)),
        complete_params(signature, params),
        accepted_config(resolved.info, model_config),
        str(spark.conf.get(_TIME_ZONE)),
    )
