"""The contract between scorecast and a flavor, and the few lines that flavors share."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from scorecast.errors import ModelLoadError, ModelSaveError
from scorecast.models.info import ModelInfo
from scorecast.models.paths import safe_join

if TYPE_CHECKING:
    import pandas as pd


class Predictor(Protocol):
    """A loaded model. Lives in one process, is never pickled, is called once per batch."""

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Predict one batch.

        Runs on a worker (or locally), once per batch, always in one thread.

        Args:
            data: A pandas DataFrame with a fresh RangeIndex; for a model with a tensor signature a
                numpy array, or a dict of name to numpy array. First axis: rows, at least one.
            params: Inference params with their defaults filled in, or None when the model
                declares none.

        Returns:
            One prediction per row, in any form that ``worker/outputs.py`` knows.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlainPredictor:
    """A predict function that takes data alone.

    For libraries to which MLflow passes no params, so that the predictions are the same.
    """

    call: Callable[[Any], Any]

    def predict(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """Predict one batch; see `Predictor`."""
        del params
        return self.call(data)


class SharedObjects(Protocol):
    """Where processes of a machine that load one model share its arrays."""

    def load(self, name: str, file: Path, load: Callable[[], Any]) -> Any:
        """Give the object that `load` gives, its arrays in shared memory where that pays.

        Runs on a worker, once per process and file. The object is equal to that of `load`, and its
        arrays are writable: what is written is seen by this process alone.

        Args:
            name: What tells the object from the others of the model.
            file: The file that it comes from.
            load: Loads it as it stands.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a flavor is given to load from.

    Attributes:
        directory: The model directory, local, complete and verified.
        info: What its MLmodel file declares.
        config: ``model_config`` of the call merged over the one stored with the model.
        shared: Where arrays are shared with other processes; None where the process loads a model
            for itself, from files that may change or go once they are loaded.
        threads: How many threads the model may use; None where nobody says.
        no_pickle: Whether only formats may be read that run no code of the model.
    """

    directory: Path
    info: ModelInfo
    config: Mapping[str, Any] = field(default_factory=dict)
    shared: SharedObjects | None = None
    threads: int | None = None
    no_pickle: bool = False

    def unpickled(self, file: Path, load: Callable[[], Any]) -> Any:
        """Give what `load` makes of a file, with its arrays shared where that is possible."""
        if self.shared is None:
            return load()
        name = file.relative_to(self.directory.resolve()).as_posix()
        return self.shared.load(name, file, load)

    def conf(self, flavor: str) -> Mapping[str, Any]:
        """Give the keys of one flavor in the MLmodel file; empty when it has none."""
        return self.info.flavors.get(flavor) or {}

    def path(self, *candidates: str | None) -> Path:
        """Resolve the first candidate that is not None to a path inside the model directory.

        Raises:
            ModelLoadError: No candidate is given, or nothing is there.
            MLmodelError: The path leaves the directory.
        """
        relative = next((candidate for candidate in candidates if candidate), None)
        if relative is None:
            message = "The MLmodel file does not say which file holds the model. Save it again."
            raise ModelLoadError(message)
        resolved = safe_join(self.directory, relative)
        if not resolved.exists():
            message = (
                f'The MLmodel file names "{relative}", which is not in the model directory. '
                "The directory is incomplete: fetch or save it again."
            )
            raise ModelLoadError(message)
        return resolved


@dataclass(frozen=True, slots=True)
class SaveOptions:
    """What the caller of `scorecast.save_model` asked of the flavor.

    Attributes:
        serialization_format: Format of the model file, or None for the flavor's default.
        predict_fn: Name of the method that predicts.
        input_example: The caller's example input, which some formats are traced with, or None.
    """

    serialization_format: str | None = None
    predict_fn: str = "predict"
    input_example: Any = None


@dataclass(frozen=True, slots=True)
class SavedFlavor:
    """What a flavor has written and what the MLmodel file has to say about it.

    Attributes:
        name: Key of the flavor in the MLmodel file, or None to write python_function alone.
        conf: Keys of that flavor.
        pyfunc: Keys of python_function: at least ``loader_module``.
        requirements: Pip requirements that loading needs, pinned to the installed versions.
    """

    name: str | None
    conf: Mapping[str, Any]
    pyfunc: Mapping[str, Any]
    requirements: tuple[str, ...]


class Flavor(Protocol):
    """One library's models. Stateless; one instance per process."""

    @property
    def name(self) -> str:
        """Key in the MLmodel file."""
        ...

    @property
    def extra(self) -> str:
        """Extra of scorecast that installs the library."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions that a worker needs to load a model; compared by the preflight."""
        ...

    def load(self, files: ModelFiles) -> Predictor:
        """Load a model. Runs once per process and model; may raise anything.

        Raises:
            MissingExtraError: The library is not installed.
        """
        ...

    def runs_code(self, files: ModelFiles) -> str | None:
        """Say which file runs code of the model when it is loaded, and why; None when none does.

        Runs on the driver, under ``trust="no-pickle"``, before anything is loaded. The format of a
        file is told by its content. That pickles are among the files, or a code directory is
        named, is found for all flavors alike.

        Raises:
            MissingExtraError: A library that reads the format is not installed.
            ModelLoadError: A file is missing.
        """
        ...

    def recognises(self, model: object) -> bool:
        """Tell whether `save` takes this object. Runs on the driver; imports no library."""
        ...

    def save(self, model: Any, directory: Path, options: SaveOptions) -> SavedFlavor:
        """Write the model's files into an empty `directory`. Runs on the driver.

        Raises:
            ModelSaveError: The object or an option does not fit.
        """
        ...


def is_frame(data: object) -> TypeGuard[pd.DataFrame]:
    """Tell whether data is a DataFrame, without importing pandas for data that is none."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def class_from(model: object, package: str) -> bool:
    """Tell whether a class of `package` is among the bases of the object's class."""
    return any(base.__module__.partition(".")[0] == package for base in type(model).__mro__)


def incomplete(flavor: str, file: Path) -> ModelLoadError:
    """The error for a model file that ends early, found before its library reads it."""
    return ModelLoadError(
        f'Cannot load the model with flavor "{flavor}": the file "{file.name}" is damaged or '
        f"incomplete ({file.stat().st_size} bytes). Fetch or save the model again."
    )


def pinned(*distributions: str) -> tuple[str, ...]:
    """Give ``name==version`` for the distributions that are installed."""
    # Loading a model, which imports this module too, needs no metadata of packages.
    from importlib.metadata import PackageNotFoundError, version

    pins = []
    for name in distributions:
        try:
            pins.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return tuple(pins)


def accepts_params(function: Callable[..., Any]) -> bool:
    """Tell whether a predict function takes a keyword ``params``, as MLflow decides it."""
    try:
        params = inspect.signature(function).parameters.get("params")
    except (TypeError, ValueError):
        return False
    return params is not None and params.kind is not params.VAR_KEYWORD


def choose_format(asked: str | None, *, default: str, known: tuple[str, ...], flavor: str) -> str:
    """Give the serialization format to write.

    Raises:
        ModelSaveError: The format is not one that the flavor writes.
    """
    chosen = default if asked is None else asked
    if chosen not in known:
        message = (
            f'Flavor "{flavor}" cannot be saved with serialization_format="{chosen}". '
            f"Choose one of: {', '.join(known)}."
        )
        raise ModelSaveError(message)
    return chosen


def refuse_predict_fn(options: SaveOptions, flavor: str) -> None:
    """Refuse a `predict_fn` other than ``predict`` for flavors that have only that one.

    Raises:
        ModelSaveError: Another one was asked for.
    """
    if options.predict_fn != "predict":
        message = (
            f'Flavor "{flavor}" has no predict_fn "{options.predict_fn}"; only "predict" is '
            "possible. Wrap the model in an object whose predict does what is wanted."
        )
        raise ModelSaveError(message)
