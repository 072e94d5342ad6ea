"""What a model directory says about itself: plain values that travel to workers.

Nothing here reads files; `mlmodel.read_model_info` fills these values in on the driver, so that a
worker needs no YAML library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scorecast.errors import UnsupportedFlavorError
from scorecast.models.signature import Signature

PYFUNC = "python_function"


@dataclass(frozen=True, slots=True)
class PyFunc:
    """The ``python_function`` flavor: how MLflow says that a model is loaded and called.

    Attributes:
        loader_module: Dotted name of the module whose ``_load_pyfunc`` loads the model.
        data: Sub-path handed to the loader; None for the model directory itself.
        code: Sub-path of a directory with Python code that belongs to the model, or None.
        model_path: Sub-path of the scikit-learn file, or None.
        predict_fn: Name of the method that predicts.
        python_version: Python that wrote the model, such as ``"3.11.7"``, or None.
        env: Mapping of environment kind (``conda``, ``virtualenv``) to file name.
        config: The ``model_config`` stored with the model.
        raw: All keys of the flavor as they stand in the file.
    """

    loader_module: str
    data: str | None = None
    code: str | None = None
    model_path: str | None = None
    predict_fn: str = "predict"
    python_version: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputExample:
    """Where the input example of a model stands and in which form.

    Attributes:
        artifact_path: File name inside the model directory.
        type: ``dataframe``, ``ndarray``, ``sparse_matrix_csc``, ``sparse_matrix_csr`` or
            ``json_object``.
        has_params: Whether the file holds ``{"inputs": ..., "params": ...}``.
        serving_input_path: File name of the example as a REST request, or None.
        raw: All keys as they stand in the file.
    """

    artifact_path: str
    type: str
    has_params: bool = False
    serving_input_path: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Everything that a model directory declares, read without running any of its code.

    Attributes:
        flavors: Flavor name to its keys, as in the file.
        signature: Inputs, outputs and params, or None when the model declares none.
        requirements: Lines of ``requirements.txt``.
        input_example: Where the input example is, or None.
        model_id: Id of the logged model (MLflow 3), or None.
        run_id: Id of the run that logged the model, or None.
        model_uuid: Unique id written at save time, or None.
        artifact_path: Place where the model was logged, or None.
        utc_time_created: Time of saving as text, UTC, or None.
        mlflow_version: Version of MLflow that wrote the directory, or None.
        model_size_bytes: Size in bytes as written at save time, or None.
        metadata: Free mapping given at save time.
        env_vars: Names of environment variables that the model was logged with.
        resources: Resources that the model declares to use, as in the file.
        auth_policy: As in the file.
        prompts: As in the file.
        databricks_runtime: As in the file.
        signature_from_type_hint: Whether the signature was made from Python type hints; the
            hints then convert the input, and no signature is enforced.
        type_hint_from_example: As in the file.
        registered_name: Name in the registry that the directory was fetched under, or None.
        registered_version: Version in the registry, or None.
        unknown: Top-level keys of the file that are not listed above.
        uri: Model URI that was asked for; filled in by `scorecast.inspect_model`.
        digest: ``sha256:...`` of the directory's files; filled in by `scorecast.inspect_model`.
    """

    flavors: Mapping[str, Mapping[str, Any]]
    signature: Signature | None = None
    requirements: tuple[str, ...] = ()
    input_example: InputExample | None = None
    model_id: str | None = None
    run_id: str | None = None
    model_uuid: str | None = None
    artifact_path: str | None = None
    utc_time_created: str | None = None
    mlflow_version: str | None = None
    model_size_bytes: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    env_vars: tuple[str, ...] = ()
    resources: Any = None
    auth_policy: Any = None
    prompts: Any = None
    databricks_runtime: str | None = None
    signature_from_type_hint: bool = False
    type_hint_from_example: bool = False
    registered_name: str | None = None
    registered_version: str | None = None
    unknown: Mapping[str, Any] = field(default_factory=dict)
    uri: str | None = None
    digest: str | None = None

    @property
    def pyfunc(self) -> PyFunc:
        """The ``python_function`` flavor.

        Raises:
            UnsupportedFlavorError: The model has none, so nothing says how it predicts.
        """
        raw = self.flavors.get(PYFUNC)
        if raw is None or not raw.get("loader_module"):
            message = (
                f"The model has no python_function flavor with a loader_module; its flavors are: "
                f"{', '.join(sorted(self.flavors)) or 'none'}. Save it with a flavor that has a "
                "predict function."
            )
            raise UnsupportedFlavorError(message)
        env = raw.get("env") or {}
        return PyFunc(
            loader_module=raw["loader_module"],
            data=raw.get("data"),
            code=raw.get("code"),
            model_path=raw.get("model_path"),
            predict_fn=raw.get("predict_fn") or "predict",
            python_version=raw.get("python_version"),
            # Files written before MLflow 2.0 hold the name of the conda file alone.
            env={"conda": env} if isinstance(env, str) else env,
            config=raw.get("config") or {},
            raw=raw,
        )

    @property
    def enforced_signature(self) -> Signature:
        """The signature that data and predictions are checked against; empty when there is none."""
        if self.signature is None or self.signature_from_type_hint:
            return Signature()
        return self.signature
