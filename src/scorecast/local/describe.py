"""Everything about a model that can be known without running its code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorecast.errors import ScorecastError
from scorecast.local.model import ResolvedModel, resolve_model
from scorecast.models.flavors.exported import is_example
from scorecast.models.info import PYFUNC, ModelInfo
from scorecast.models.pickles import PickledFile, pickled_files
from scorecast.models.requirements import differing_requirements
from scorecast.models.trust import ANY, MODES, Trust, why_code_runs
from scorecast.packing import model_entries
from scorecast.redaction import redacted, redacted_values
from scorecast.texts import printable

_TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What a model declares, and what its files show.

    Attributes:
        info: What it declares.
        resolved_uri: What its URI stood for.
        files: Number of its files.
        size: Bytes of its files.
        pickles: Files that run code when they are loaded.
        python_files: Files with code of the model's own.
        differing: Requirements that what is installed here does not meet, in words.
        trust: What each mode of `Trust` says of it.
    """

    info: ModelInfo
    resolved_uri: str
    files: int
    size: int
    pickles: tuple[PickledFile, ...]
    python_files: tuple[str, ...]
    differing: tuple[str, ...]
    trust: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Give it as values that JSON knows."""
        info, signature = self.info, self.info.signature
        parts = ("inputs", "outputs", "params")
        pyfunc = info.flavors.get(PYFUNC, {})
        return {
            "uri": info.uri,
            "resolved_uri": redacted(self.resolved_uri),
            "digest": info.digest,
            "files": self.files,
            "bytes": self.size,
            "flavors": sorted(info.flavors),
            "loader_module": pyfunc.get("loader_module"),
            "python_version": pyfunc.get("python_version"),
            "mlflow_version": info.mlflow_version,
            "created": info.utc_time_created,
            "model_id": info.model_id,
            "run_id": info.run_id,
            "signature": None
            if signature is None
            else {part: [str(each) for each in getattr(signature, part) or ()] for part in parts},
            "requirements": redacted_values(info.requirements),
            "requirements_not_met": redacted_values(self.differing),
            "pickles": {each.path: list(each.modules) for each in self.pickles},
            "python_files": list(self.python_files),
            "trust": dict(self.trust),
        }

    def summary(self) -> str:
        """Give it as lines of text for people."""
        told = self.as_dict()
        lines = [(name, [told[name]]) for name in ("uri", "resolved_uri", "digest")]
        lines.append(("size", [f"{self.size:,} bytes in {self.files} files"]))
        lines.append(("flavors", [", ".join(told["flavors"])]))
        lines += [(name, [told[name]]) for name in ("loader_module", "model_id", "run_id")]
        saved = (
            ("on", "created"),
            ("with MLflow", "mlflow_version"),
            ("on Python", "python_version"),
        )
        words = [f"{word} {told[name]}" for word, name in saved if told[name]]
        lines.append(("saved", [", ".join(words)]))
        signature = told["signature"] or {"signature": ["none: data reaches the model as it is"]}
        lines += signature.items()
        lines.append(("differs", told["requirements_not_met"]))
        lines.append(("runs code", self._code() or ["nothing that was found"]))
        lines.append(("trust", [f"{mode}: {text}" for mode, text in self.trust.items()]))
        return "\n".join(
            _lines(name.replace("_uri", ""), texts) for name, texts in lines if any(texts)
        )

    def _code(self) -> list[str]:
        pickles = [
            f"{each.path}: a pickle, imports {', '.join(_packages(each.modules)) or 'nothing'}"
            + (", left unread where the graph beside it is plain" if is_example(each) else "")
            for each in self.pickles
        ]
        return pickles + [f"{name}: code of the model" for name in self.python_files]


def describe_model(model_uri: str | Path, trust: Trust = ANY) -> ModelDescription:
    """Read everything about a model that its files say, and run none of its code.

    Runs on the driver; reads all files.

    Args:
        model_uri: Path or URI of a model.
        trust: What it must meet.

    Raises:
        ArtifactError: The model cannot be fetched.
        ConfigError: The options of trust are wrong.
        ModelDigestError: It has another digest.
        ModelTrustError: It is not what `trust` takes.
        MLmodelError: It is no model.
        ShippingError: A file cannot be read.
    """
    resolved = resolve_model(model_uri, trust)
    directory = resolved.fetched.directory
    entries = [(name, path) for name, path in model_entries(directory) if path.is_file()]
    pickles = tuple(pickled_files(directory))
    return ModelDescription(
        info=resolved.info,
        resolved_uri=resolved.fetched.resolved_uri,
        files=len(entries),
        size=sum(path.stat().st_size for _, path in entries),
        pickles=pickles,
        python_files=tuple(name for name, path in entries if path.suffix == ".py"),
        differing=differing_requirements(resolved.info.requirements),
        trust=_trust(resolved, pickles, trust),
    )


def _trust(
    resolved: ResolvedModel, pickles: tuple[PickledFile, ...], asked: Trust
) -> dict[str, str]:
    """Say what each mode would answer; the pins that were given have been checked."""
    try:
        reasons = why_code_runs(resolved.fetched.directory, resolved.info, pickles)
        no_pickle = f"refused: {'; '.join(reasons)}" if reasons else _TAKEN
    except ScorecastError as error:
        no_pickle = f"refused: {error}"
    checked = {"digest": asked.digest, "signature": asked.signature_key}
    pins = [name for name, value in checked.items() if value is not None]
    pinned = f"{_TAKEN}, by its {' and '.join(pins)}" if pins else "needs a digest or a signature"
    return dict(zip(MODES, (_TAKEN, no_pickle, pinned), strict=True))


def _packages(modules: tuple[str, ...]) -> list[str]:
    return sorted({module.partition(".")[0] for module in modules})


def _lines(name: str, texts: Iterable[object]) -> str:
    """Give a name and its texts, one a line: an author may have written anything into them."""
    first, *more = (printable(str(text)) for text in texts)
    return "\n".join(
        [f"{name.replace('_', ' '):<14}{first}", *(f"{'':<14}{each}" for each in more)]
    )
