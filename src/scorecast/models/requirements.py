"""Compare the requirements of a model with what is installed, by metadata alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version

from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

# What pip allows behind a requirement and `Requirement` does not parse: a comment, options such as
# --hash, and the backslash that continues the line.
_BEHIND = re.compile(r"(?:(?:^|\s)(?:#|--)|\\$).*")


def differing_requirements(
    requirements: Iterable[str], *, needed: Collection[str] = ()
) -> tuple[str, ...]:
    """Tell which requirements the installed distributions do not meet.

    Runs on the driver before a job, and wherever loading a model failed. Imports none of the
    packages and raises nothing on account of a line: options, URLs, editable lines and whatever
    else is no requirement with a name are skipped, as are requirements whose marker is false here.

    Pre-releases meet a requirement like other versions, and ``==2.3.0+cpu`` is met by every build
    of 2.3.0.

    Args:
        requirements: Lines of a ``requirements.txt``.
        needed: Distributions that are compared even if they are scorecast or begin with
            ``mlflow``. Others of these are skipped, because most models load without MLflow.

    Returns:
        One text for each requirement that differs, in their order, such as ``"scikit-learn is
        1.9.1, the model was saved with ==1.5.0"``.
    """
    names = {canonicalize_name(name) for name in needed}
    parsed = (_parse(line) for line in requirements)
    compared = (one for one in parsed if one is not None and _counts(one, names))
    return tuple(text for one in compared if (text := _difference(one)) is not None)


def _parse(line: str) -> Requirement | None:
    try:
        return Requirement(_BEHIND.sub("", line).strip())
    except InvalidRequirement:
        return None


def _counts(requirement: Requirement, needed: Collection[str]) -> bool:
    if requirement.url is not None or not _holds_here(requirement.marker):
        return False
    name = canonicalize_name(requirement.name)
    return name in needed or not (name == "scorecast" or name.startswith("mlflow"))


def _holds_here(marker: Marker | None) -> bool:
    try:
        return marker is None or marker.evaluate()
    except (UndefinedComparison, UndefinedEnvironmentName):
        return False


def _difference(requirement: Requirement) -> str | None:
    name = requirement.name
    saved_with = str(requirement.specifier) or "it"
    installed = _installed(name)
    if installed is None:
        return f"{name} is not installed, the model was saved with {saved_with}"
    if all(_meets(installed, specifier) for specifier in requirement.specifier):
        return None
    return f"{name} is {installed}, the model was saved with {saved_with}"


def _installed(name: str) -> str | None:
    try:
        return version(name) or None
    # An interrupted removal leaves metadata behind that names no version: importlib.metadata gives
    # None for it, and the importlib_metadata that MLflow puts in its place raises KeyError.
    except (PackageNotFoundError, KeyError):
        return None


def _meets(installed: str, specifier: Specifier) -> bool:
    try:
        return specifier.contains(installed, prereleases=True) or _same_public(installed, specifier)
    except InvalidVersion:
        return False


def _same_public(installed: str, specifier: Specifier) -> bool:
    if specifier.operator != "==" or "+" not in specifier.version:
        return False
    return _public(installed) == _public(specifier.version)


def _public(text: str) -> Version:
    return Version(Version(text).public)
