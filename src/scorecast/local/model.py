"""`inspect_model` and `load_model`: one model, here, without Spark."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from scorecast.artifacts import FetchedModel, fetch_model, parse_model_uri
from scorecast.artifacts.references import registered_version
from scorecast.artifacts.uri import Scratch, writing
from scorecast.cache.stamps import facts
from scorecast.errors import ModelDigestError, ShippingError
from scorecast.local.frames import to_batch, without_signature
from scorecast.local.tensors import check_tensors
from scorecast.models.config import accepted_config
from scorecast.models.flavors.base import Predictor
from scorecast.models.info import ModelInfo
from scorecast.models.load import load_predictor
from scorecast.models.mlmodel import mlmodel_file, read_model_info
from scorecast.models.params import complete_params
from scorecast.models.signature import Signature
from scorecast.models.signing import read_signature, verify_signature
from scorecast.models.trust import ANY, Trust, TrustMode, refuse_code
from scorecast.packing import copy_files, tree_digest
from scorecast.progress import Progress, shown
from scorecast.redaction import secrets_hidden
from scorecast.worker.handle import DirectorySource, ModelHandle
from scorecast.worker.input_plan import plan_by_name, plan_by_position
from scorecast.worker.inputs import to_model_input
from scorecast.worker.predict import call_model


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is on this machine and has been inspected, not run.

    Attributes:
        fetched: Its directory and the URI that it was resolved to.
        info: What it declares, with `uri` and `digest` filled in.
        trust: What it was taken by.
    """

    fetched: FetchedModel
    info: ModelInfo
    trust: TrustMode = "any"

    @property
    def digest(self) -> str:
        """Digest of the model's files."""
        return str(self.info.digest)

    @property
    def no_pickle(self) -> bool:
        """Whether it may be loaded only in ways that run no code of its own."""
        return self.trust == "no-pickle"

    def local_handle(self, model_config: Mapping[str, Any] | None = None) -> ModelHandle:
        """Give a handle for use on this machine: the model is loaded from where it stands."""
        source = DirectorySource(self.fetched.directory, self.fetched.scratch)
        return ModelHandle(
            self.digest, self.info, source, dict(model_config or {}), no_pickle=self.no_pickle
        )


@secrets_hidden()
def resolve_model(
    model_uri: str | Path, trust: Trust = ANY, *, here: bool = False, progress: Progress = shown
) -> ResolvedModel:
    """Bring a model here, check it and read what it declares. Runs on the driver; no model code.

    Whatever is checked beyond the digest is checked in a directory of this process alone, which is
    also what is loaded or shipped.

    Args:
        model_uri: Path or URI of a model directory.
        trust: What the model must meet.
        here: Whether it is loaded in this process. What is pinned is copied then: a copy holds what
            was checked and no more, such as bytecode that Python would run and no digest counts.
        progress: Shows how far a download is.

    Raises:
        ConfigError: The options of trust are wrong.
        ModelDigestError: The files have another digest, or were changed while they were read.
            Nothing is loaded then.
        ModelTrustError: The model is not signed as asked, or runs code and must not.
        MissingExtraError: A library that the check needs is not installed.
        ArtifactError: The URI cannot be read or nothing is stored there.
        MLmodelError: The directory is not a model.
    """
    trust.check()
    fetched = fetch_model(model_uri, progress)
    mlmodel_file(fetched.directory)  # before anything that is no model is hashed
    # What is not copied below may change after the digest, and be changed back.
    seen = None if trust.digest is None else _seen(fetched.directory)
    found = tree_digest(fetched.directory)
    if trust.digest not in (None, found):
        message = (
            f'The model "{fetched.resolved_uri}" has the digest {found}, expected {trust.digest}: '
            "it is not the one that was pinned. Nothing was loaded. If the change is wanted, pin "
            "the new digest."
        )
        raise ModelDigestError(message)
    signature = None if trust.signature_key is None else read_signature(fetched.directory)
    if trust.reads_files or (here and trust.digest is not None):
        fetched, seen = _own_copy(fetched, found), None
    if trust.signature_key is not None and signature is not None:
        verify_signature(fetched.directory, signature, Path(trust.signature_key))
    info = read_model_info(fetched.directory)
    if seen is not None and _seen(fetched.directory) != seen:
        message = (
            f'The files of the model "{fetched.resolved_uri}" were changed while it was read, so '
            f"that what was read may not be of the pinned digest {found}. Nothing was loaded. Find "
            "out who writes there, and run again."
        )
        raise ModelDigestError(message)
    registered = registered_version(fetched.resolved_uri)
    if registered is not None or trust.names_files:
        # Else what a file of the model says of it, which neither digest nor signature counts.
        name, version = registered or (None, None)
        info = replace(info, registered_name=name, registered_version=version)
    info = replace(info, uri=str(parse_model_uri(model_uri)), digest=found)
    if trust.mode == "no-pickle":
        refuse_code(fetched.directory, info, str(info.uri))
    return ResolvedModel(fetched, info, trust.mode)


def _seen(directory: Path) -> Mapping[str, object]:
    """Give what the files look like; nothing, which no model looks like, where they are gone."""
    with suppress(OSError, ShippingError):
        return facts(directory, all_files=False)
    return {}


def _own_copy(fetched: FetchedModel, digest: str) -> FetchedModel:
    scratch = Scratch()
    with writing(scratch.path):
        copy_files(fetched.directory, scratch.path / "model", digest)
    return FetchedModel(scratch.path / "model", fetched.resolved_uri, scratch)


def inspect_model(model_uri: str | Path) -> ModelInfo:
    """Read everything that a model declares, without importing MLflow or any model code.

    Args:
        model_uri: Path or URI of a model directory.

    Returns:
        Flavors, signature, requirements, ids and so on; `digest` is that of the files.

    Raises:
        ArtifactError: The URI cannot be read or nothing is stored there.
        MLmodelError: The directory is not a model.
    """
    return resolve_model(model_uri).info


def load_model(
    model_uri: str | Path,
    *,
    model_config: Mapping[str, Any] | str | Path | None = None,
    model_digest: str | None = None,
    trust: TrustMode = "any",
    model_signature_key: str | Path | None = None,
) -> LoadedModel:
    """Load a model into this process.

    Args:
        model_uri: Path or URI of a model directory.
        model_config: Overrides single keys of the configuration stored with the model: a mapping,
            or the path of a YAML file that holds one.
        model_digest: Digest that the model's files must have, as `inspect_model` gives it.
        trust: ``"any"`` loads every model; ``"no-pickle"`` only what runs no code of its own when
            it is loaded; ``"pinned"`` needs `model_digest` or `model_signature_key`.
        model_signature_key: File of the public key (PEM) that the model must be signed with, see
            `scorecast.models.signing`.

    Raises:
        ArtifactError: The URI cannot be read or nothing is stored there.
        ConfigError: The file of `model_config` is missing, is not YAML or holds no mapping; or
            options are wrong.
        ModelDigestError: The model has another digest.
        ModelTrustError: The model is not signed as asked, or runs code and must not.
        MLmodelError: The directory is not a model.
        MissingExtraError: The library of the model's flavor is not installed.
        ModelLoadError: The library cannot load the model.
    """
    asked = Trust(trust, model_digest, model_signature_key)
    resolved = resolve_model(model_uri, asked, here=True)
    config = accepted_config(resolved.info, model_config)
    predictor = load_predictor(
        resolved.fetched.directory, resolved.info, config, no_pickle=resolved.no_pickle
    )
    return LoadedModel(resolved.info, predictor, resolved.fetched.scratch)


class LoadedModel:
    """A model in this process, with the signature that its data is held to."""

    def __init__(self, info: ModelInfo, predictor: Predictor, kept: object = None) -> None:
        self.info = info
        self._predictor = predictor
        self._kept = kept  # its files, which it may read from at any time

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Predict, after bringing `data` to the types that the model declares.

        Columns are matched by name and converted by declared type, exactly as in a Spark job. A
        model without a signature gets DataFrames, arrays, dicts and lists as they are.

        Args:
            data: pandas DataFrame, pyarrow Table or RecordBatch, numpy array, dict of columns, or
                list of records.
            params: Inference params that the model declares.

        Returns:
            What the model returns, untouched.

        Raises:
            InputMismatchError: Columns are missing or of a wrong type, values do not fit, or
                params are wrong; says precisely which.
            ModelPredictError: The model itself raised.
        """
        signature = self.info.enforced_signature
        complete = complete_params(signature, params)
        if signature.inputs is None:
            given = without_signature(data)
        else:
            given = _model_input(signature, data)
        return call_model(self._predictor, given, complete, rows=_rows(given))

    def __repr__(self) -> str:
        names = ", ".join(sorted(self.info.flavors))
        return f"<LoadedModel {self.info.uri} flavors={names} digest={self.info.digest}>"


def _model_input(signature: Signature, data: Any) -> Any:
    if signature.takes_tensors and (tensors := check_tensors(signature, data)) is not None:
        return tensors
    batch, named = to_batch(data)
    plan = (plan_by_name if named else plan_by_position)(signature, batch.schema)
    given = to_model_input(batch, plan)
    if isinstance(data, pd.DataFrame | pd.Series) and isinstance(given, pd.DataFrame):
        given.index = data.index
    return given


def _rows(data: Any) -> int:
    try:
        return len(data)
    except TypeError:
        return 1
