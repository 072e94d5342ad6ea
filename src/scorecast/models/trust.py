"""Which models may be used: the decision, and what it is made from. Driver only.

A pickle is a program, and code that a model brings is one, too. ``no-pickle`` takes the formats
that are read without running either; it is told from the files, before any of them is loaded.
``pinned`` takes any format, of files that somebody has named by their digest or has signed. Neither
is a sandbox: a parser of a safe format may have faults.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from scorecast.errors import ConfigError, ModelTrustError, ScorecastError
from scorecast.models.flavors.base import ModelFiles
from scorecast.models.flavors.exported import is_example
from scorecast.models.info import ModelInfo
from scorecast.models.load import flavor_of
from scorecast.models.pickles import PickledFile, pickled_files
from scorecast.texts import printable, shortened

TrustMode: TypeAlias = Literal["any", "no-pickle", "pinned"]
MODES: tuple[TrustMode, ...] = get_args(TrustMode)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_NAMED = 5
# Characters of a reason, and of a file's name in it.
_LONGEST = 1_000
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Trust:
    """What a model must meet before any of its code runs.

    Attributes:
        mode: ``"any"`` takes every model, ``"no-pickle"`` those that run no code of their own,
            ``"pinned"`` those with the digest or a signature of the key that is given.
        digest: Digest that the files must have; checked in every mode.
        signature_key: File of the public key (PEM) that the files must be signed with; checked in
            every mode.
    """

    mode: TrustMode = "any"
    digest: str | None = None
    signature_key: str | Path | None = None

    @property
    def reads_files(self) -> bool:
        """Whether more than the digest is checked, which takes files that cannot change."""
        return self.mode == "no-pickle" or self.signature_key is not None

    @property
    def names_files(self) -> bool:
        """Whether it is said which files are meant, by a digest or the key of a signature."""
        return self.digest is not None or self.signature_key is not None

    def problems(self) -> list[str]:
        """Say what is wrong with the options."""
        problems = []
        if self.mode not in MODES:
            problems.append(f'trust is "{self.mode}", expected one of {", ".join(MODES)}')
        if self.digest is not None and not _DIGEST.fullmatch(self.digest):
            problems.append(
                f'model_digest is "{self.digest}", expected "sha256:" and 64 hexadecimal digits, '
                "as scorecast.inspect_model(URI).digest gives them"
            )
        if self.mode == "pinned" and not self.names_files:
            problems.append(
                'trust "pinned" needs model_digest, as "scorecast inspect URI" shows it, or '
                "model_signature_key"
            )
        return problems

    def check(self) -> None:
        """Refuse options that are wrong or do not fit together.

        Raises:
            ConfigError: They are; lists every problem.
        """
        if problems := self.problems():
            raise ConfigError.from_problems("options", problems)


ANY = Trust()
"""Takes every model."""


def why_code_runs(
    directory: Path, info: ModelInfo, pickles: Sequence[PickledFile]
) -> tuple[str, ...]:
    """Say what in a model runs code when it is loaded; empty for one that ``no-pickle`` takes.

    Loads nothing.

    Args:
        directory: Its files.
        info: What it declares.
        pickles: The pickles among the files, see `scorecast.models.pickles`.

    Raises:
        MissingExtraError: A library that reads the model's format is not installed.
        ModelError: The MLmodel file names files that are not there, or no flavor.
    """
    reasons = []
    if info.pyfunc.code:
        reasons.append(f'MLmodel names the code directory "{info.pyfunc.code}"')
    if read := [each for each in pickles if not is_example(each)]:
        more = len(read) - _MOST_NAMED
        names = [shortened(each.path, _LONGEST_NAME) for each in read[:_MOST_NAMED]]
        listed = ", ".join(f'"{name}"' for name in names)
        listed += f" and {more} more" if more > 0 else ""
        reasons.append(f"{listed} {'is a pickle' if len(read) == 1 else 'are pickles'}")
    try:
        reason = flavor_of(info).runs_code(ModelFiles(directory, info, no_pickle=True))
    except ScorecastError:
        raise
    except Exception as error:  # noqa: BLE001 - keys of any type may stand in the file
        reason = f"the keys of its flavor in MLmodel cannot be read ({type(error).__name__})"
    if reason is not None:
        reasons.append(reason)
    # Names in them are the author's.
    return tuple(printable(shortened(each, _LONGEST)) for each in reasons)


def refuse_code(directory: Path, info: ModelInfo, uri: str) -> None:
    """Refuse a model that runs code when it is loaded.

    Args:
        directory: Its files, which must not change afterwards.
        info: What it declares.
        uri: What it is called in the message.

    Raises:
        ModelTrustError: It does; names the files and why.
        ModelError: See `why_code_runs`.
    """
    if reasons := why_code_runs(directory, info, pickled_files(directory)):
        message = (
            f'The model "{uri}" runs code of its author when it is loaded, which trust '
            f'"no-pickle" does not take: {"; ".join(reasons)}. Nothing was loaded. Save it as '
            "ONNX, with skops (scikit-learn), as pt2 (PyTorch) or in the own format of XGBoost, "
            "LightGBM, CatBoost; or, if you trust its author, pin these very files: trust "
            '"pinned" with model_digest.'
        )
        raise ModelTrustError(message)
