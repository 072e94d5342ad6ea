"""Secrets in what people and logs get to see: told by their form, replaced by stars.

The one place that knows what a secret looks like; driver and workers. Every error of `errors` is
built through `redacted`, and `secrets_hidden` stands where foreign errors leave us as causes.
Found are passwords in addresses, queries, values behind names such as ``password`` or ``token``,
headers, keys and tokens of a known form, and what the environment holds under such names. A secret
without form or name is a text like any other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

STARS = "***"

_WORDS = (
    r"pass(?:word|wd|phrase)|(?<![a-z])pwd|secret|token(?!iz)|credential"
    r"|(?:api|access|account|private|signing|sas|storage|shared)[_.-]?key"
)
_NAMES = rf"(?:{_WORDS}|\bsig\b)"
_NAMED = rf"{_NAMES}[\w.-]{{0,64}}[\"']?(?:\s*[=:]\s*|\s+is\s+(?=[\"']))"
# What stands behind such a name and tells nothing: types, numbers of tokens, truth.
_NOTHING = (
    r"(?:\d{1,7}|true|false|none|null|string|varchar|text|binary|boolean|bool|date"
    r"|u?int\d*|bigint|smallint|tinyint|integer|long|float|double|decimal|timestamp\w*|object"
    r"|array|map|list|struct|variant)"
)
_TELLS_NOTHING = rf"(?!\s|\*\*\*|{_NOTHING}(?![\w+/=-]))"
# In quotes, where a quote followed by a sign of punctuation was the end of something else.
_QUOTED_NOTHING = rf"(?!\s|\*\*\*|{_NOTHING}(?:[(<]|\2)|[,;:.)\]}}]+(?:[\s\"']|$))"

# Keys of AWS, tokens of its sessions; Databricks; JSON Web Tokens; GitHub; Hugging Face;
# Slack; Google; keys that begin as many do.
_KEYS = (
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\b(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w+/=]{16,}",
    r"\b(?:dapi|dkea|dose)[0-9a-f]{16,}(?:-\d+)?\b",
    r"\beyJ[\w-]{8,2048}\.[\w-]{4,}(?:\.[\w-]*)?",
    r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|xox[abprs]-|sk-|ya29\.)[\w.-]{16,}",
    r"\bAIza[\w-]{35}",
)
_KEY = re.compile("|".join(_KEYS))

# Lengths have bounds where a text could make the search for them slow.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # user:password@host; a port is none, and what looks like none begins a password with "/".
        (
            # One slash is what paths make of two.
            r"((?::|/)/)[^/\s@:\"<>]{0,256}:(?!\d+(?:[/?#,\s\"')]|$))[^\s\"<>]{0,512}@",
            rf"\1{STARS}@",
        ),
        # Tokens stand before the host without a user. In abfss the container stands there.
        (r"(?i)\b(https?:/{1,2})[^/\s@\"<>]{1,512}@", rf"\1{STARS}@"),
        # A query; "?" alone stands for a letter in globs.
        (r"(?<=[^\s?\"'])\?(?=[^\s\"'/<>]{0,128}=)[^\s\"'<>]*", f"?{STARS}"),
        (r"(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", STARS),
        (r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?)(?!\*)(?:\w+\s+)?[^\s\"',]+", rf"\1{STARS}"),
        (r"\b((?i:bearer|basic)\s+)(?=\S*[A-Z0-9=_])[\w.~+/=-]{8,}", rf"\1{STARS}"),
        # A value in quotes goes up to the quote that closes it, in the same line.
        (
            rf"(?i)({_NAMED})([\"']){_QUOTED_NOTHING}(?:\\.|(?!\2)[^\n\\]){{1,512}}\2",
            rf"\1\2{STARS}\2",
        ),
        (
            rf"(?i)({_NAMED}[\"']?){_TELLS_NOTHING}[^\s\"',;&)}}\]<>]+",
            rf"\1{STARS}",
        ),
        *((key, STARS) for key in _KEYS),
    )
)
# Something of this is in every text that a shape changes. An error is made for each row that fails,
# and looking for one shape after the other takes ten times as long.
_TRACE = re.compile(
    r"(?i)[@?]|pass|pwd|secret|token|credential|\bsig\b|key|authorization|bearer|basic"
    r"|AKIA|ASIA|ABIA|ACCA|FwoG|IQoJ|dapi|dkea|dose|eyJ|gh[pousr]_|github_pat|glpat|hf_|xox|sk-|ya29"
    r"|AIza"
)
_SECRET_NAME = re.compile(rf"(?i){_NAMES}|(?<![a-z])key$|apikey$")
# Of the environment: not names of files, nor flags, nor the directory that shells keep in PWD.
_VARIABLE = re.compile(rf"(?i)^(?!PWD$).*(?:{_WORDS})$")
_SHORTEST = 8


def redacted(text: str) -> str:
    """Give a text without the secrets in it. What was given once stays as it is."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and value in text and _VARIABLE.search(name):
            text = text.replace(value, STARS)
    if not _TRACE.search(text):
        return text
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text


def holds_key(text: str) -> bool:
    """Tell whether a key or token of a known form stands in a text, whatever stands around it."""
    return _KEY.search(text) is not None


def redacted_values(values: Any) -> Any:
    """Give JSON-like values without secrets: stars for all that has a secret name and a value.

    Args:
        values: Mappings, lists, texts and others, nested; also None.
    """
    if isinstance(values, str):
        return redacted(values)
    if isinstance(values, Mapping):
        return {
            name: redacted_values(value)
            if value is None or not _SECRET_NAME.search(str(name))
            else STARS
            for name, value in values.items()
        }
    if isinstance(values, list | tuple):
        return [redacted_values(value) for value in values]
    return values


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Take secrets out of the errors that leave the block, and out of those that caused them."""
    try:
        yield
    except BaseException as error:
        _hidden(error, {})
        raise


def _hidden(error: BaseException, seen: dict[int, BaseException]) -> BaseException:
    """Take secrets out of an error and its causes; gives it, or what stands in for it."""
    if id(error) in seen:
        return seen[id(error)]
    _rewrite(error)
    shown = seen[id(error)] = error
    text = _text(error)
    if seen.keys() - {id(error)} and redacted(text) != text:  # its class makes it of something else
        shown = seen[id(error)] = RuntimeError(f"{type(error).__name__}: {redacted(text)}")
        shown.__traceback__ = error.__traceback__
    suppressed = error.__suppress_context__
    for link in ("__cause__", "__context__"):
        behind: BaseException | None = getattr(error, link)
        if behind is not None:
            setattr(shown, link, _hidden(behind, seen))
    shown.__suppress_context__ = suppressed
    return shown


def _rewrite(error: BaseException) -> None:
    """Replace what a text of the error is made of, if it holds secrets."""
    error.args = tuple(redacted(each) if isinstance(each, str) else each for each in error.args)
    for name in ("strerror", "filename", "filename2", "msg"):
        value = getattr(error, name, None)
        if isinstance(value, str) and (shown := redacted(value)) != value:
            with suppress(AttributeError):
                setattr(error, name, shown)
    if notes := getattr(error, "__notes__", None):
        error.__notes__ = redacted_values(notes)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a class of others, whose text cannot be made
        return ""
