"""What the Spark fronts share before any task starts. Driver only."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as st

from scorecast.errors import ConfigError, did_you_mean
from scorecast.local.model import ResolvedModel, resolve_model
from scorecast.models.config import accepted_config
from scorecast.models.info import ModelInfo
from scorecast.models.load import flavor_of
from scorecast.models.params import complete_params
from scorecast.models.requirements import differing_requirements
from scorecast.models.trust import ANY, Trust
from scorecast.progress import Progress, shown
from scorecast.spark.preflight import check_workers, preflight_enabled
from scorecast.spark.shipped import SHIPPED, owner_of
from scorecast.spark.shipping import ship_model
from scorecast.spark.types import from_arrow, parse_result_type
from scorecast.worker.handle import ModelHandle
from scorecast.worker.options import PredictOptions
from scorecast.worker.result_types import result_type_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_TIME_ZONE = "spark.sql.session.timeZone"
_HERE = (None, "local")


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model that may be used in a session: inspected, its result type and params known.

    Attributes:
        resolved: The model on the driver.
        result_type: Spark type of a prediction.
        params: Inference params with defaults filled in, or None when the model declares none.
        config: ``model_config`` of the call.
        time_zone: Time zone of the session, in which timestamps travel.
        options: How predictions are made beside that.
    """

    resolved: ResolvedModel
    result_type: st.DataType
    params: Mapping[str, Any] | None
    config: Mapping[str, Any]
    time_zone: str
    options: PredictOptions

    @property
    def output_type(self) -> st.DataType:
        """Spark type of the column of predictions, which may say why rows failed."""
        if self.options.on_error != "struct":
            return self.result_type
        error = st.StructField("error", st.StringType())
        return st.StructType([st.StructField("result", self.result_type), error])

    def ship(self, spark: SparkSession, *, preflight: bool) -> ModelHandle:
        """Check the workers, then give the model to the session unless it has these very files.

        Raises:
            WorkerEnvironmentError: Workers lack a package or have another version.
        """
        if preflight and preflight_enabled(os.environ):
            flavor = flavor_of(self.resolved.info)
            check_workers(spark, flavor.packages, extra=flavor.extra)
        handle = SHIPPED.get(
            owner_of(spark),
            self.resolved.digest,
            lambda: ship_model(spark, self.resolved, self.config),
        )
        # What was declared for the same files under another URI, and another configuration.
        return replace(
            handle,
            info=self.resolved.info,
            config=dict(self.config),
            no_pickle=self.resolved.no_pickle,
        )


def check_model(  # noqa: PLR0913 - what the fronts share
    spark: SparkSession,
    model_uri: str | Path,
    *,
    result_type: str | st.DataType | None,
    params: Mapping[str, Any] | None,
    model_config: Mapping[str, Any] | str | Path | None,
    options: PredictOptions,
    env_manager: str | None = None,
    trust: Trust = ANY,
    here: bool = False,
    progress: Progress = shown,
) -> CheckedModel:
    """Check all that can be checked without data; options and result type before any fetching.

    The arguments are those of the fronts, but for `here`: whether the model is loaded in this
    process as well, see `resolve_model`.

    Raises:
        ConfigError: The result type is none, or an option is wrong.
        ArtifactError: The model cannot be fetched.
        ModelError: The directory is no model, has no flavor that predicts, or is not what `trust`
            takes.
        InputMismatchError: Params do not fit.
    """
    _check_env_manager(env_manager)
    options.check()
    parsed = None if result_type is None else parse_result_type(spark, result_type)
    resolved = resolve_model(model_uri, trust, here=here, progress=progress)
    info = resolved.info
    flavor_of(info)
    _warn_about_requirements(info)
    _check_model_output(info, options.model_output)
    if parsed is None:
        declared = info.signature or info.enforced_signature
        parsed = from_arrow(result_type_of(declared, options.model_output))
    return CheckedModel(
        resolved,
        parsed,
        complete_params(info.enforced_signature, params),
        accepted_config(info, model_config),
        str(spark.conf.get(_TIME_ZONE)),
        options,
    )


def _check_env_manager(env_manager: str | None) -> None:
    if env_manager not in _HERE:
        message = (
            f'env_manager is "{env_manager}", but models run in the environment of the Python '
            'workers; isolated environments are not there yet. Leave it out or give "local", and '
            "install what the model needs on every executor (requirements.txt of the model)."
        )
        raise ConfigError(message)


def _check_model_output(info: ModelInfo, name: str | None) -> None:
    outputs = info.signature.outputs if info.signature is not None else None
    names = [spec.name for spec in outputs or () if spec.name is not None]
    if name is not None and len(names) > 1 and name not in names:
        message = (
            f'model_output is "{name}", but the model declares the outputs {", ".join(names)}.'
            f"{did_you_mean(name, names)}"
        )
        raise ConfigError(message)


def _warn_about_requirements(info: ModelInfo) -> None:
    differing = differing_requirements(info.requirements, needed=flavor_of(info).packages)
    if differing:
        warnings.warn(
            f"The model {info.uri} was saved in another environment than this one: "
            f"{'; '.join(differing)}. Predictions may differ.",
            UserWarning,
            stacklevel=4,
        )
