"""Signatures of models by `model-signing` (OpenSSF), verified offline. Driver only.

The signature is a Sigstore bundle, made with a key of an elliptic curve, that lists all files with
their hashes. It is the file ``model.sig`` in the directory of the model or beside it. See
https://github.com/sigstore/model-transparency.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from pathlib import Path

from scorecast.errors import ConfigError, ModelTrustError, one_line
from scorecast.extras import require

SIGNATURE = "model.sig"
_LARGEST = 64 << 20
_MOST_NAMED = 5


def read_signature(directory: Path) -> bytes:
    """Give the signature of the model in `directory`.

    Raises:
        ModelTrustError: There is none, or it cannot be read.
    """
    for file in (directory / SIGNATURE, directory.parent / SIGNATURE):
        if not file.is_file():
            continue
        try:
            with file.open("rb") as stream:
                return stream.read(_LARGEST)
        except OSError as error:
            message = f'Cannot read the signature "{file}": {error.strerror or error}.'
            raise ModelTrustError(message) from error
    message = (
        f'The model in "{directory}" is not signed: there is no {SIGNATURE} in it or beside it. '
        "Nothing was loaded. Have it signed (model_signing sign key), or leave out "
        "model_signature_key."
    )
    raise ModelTrustError(message)


def verify_signature(directory: Path, signature: bytes, key: Path) -> None:
    """Check that all files in `directory` were signed with the other half of `key`.

    Args:
        directory: The files; a signature among them is moved away and back, so nobody else may
            use them meanwhile.
        signature: Content of the signature file.
        key: File of the public key, PEM of an elliptic curve.

    Raises:
        ConfigError: The key cannot be read.
        MissingExtraError: model-signing is not installed.
        ModelTrustError: They were not.
    """
    verifying = require("model_signing.verifying", extra="signing", needed_for="a signature")
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        message = (
            f'Cannot read the key "{key}": {one_line(error)}. Expected the PEM file of a public '
            "key on the curve P-256, P-384 or P-521 for model_signature_key."
        )
        raise ConfigError(message) from error
    inside = directory / SIGNATURE
    with tempfile.TemporaryDirectory(prefix="scorecast-") as scratch:
        file, kept = Path(scratch) / SIGNATURE, Path(scratch) / "inside"
        file.write_bytes(signature)
        if inside.exists():
            shutil.move(inside, kept)  # no file is signed by its own content
        try:
            config.verify(directory, file)
            reason = _unsigned(directory, signature)
        except Exception as error:  # noqa: BLE001 - a file that is no signature raises anything
            reason = _in_words(error)
        finally:
            if kept.exists():
                shutil.move(kept, inside)
    if reason is not None:
        message = (
            f'The signature of the model does not hold for the key "{key}": {reason}. Nothing was '
            "loaded. Fetch the model again, ask its author for the right key, or have it signed "
            "again if the change is wanted."
        )
        raise ModelTrustError(message)


def _in_words(error: Exception) -> str:
    # The library lists what is different with both hashes, as Python shows bytes.
    if changed := re.findall(r"Hash mismatch for \\*'(.+?)\\*':", str(error)):
        return f"not as they were signed are {', '.join(changed[:_MOST_NAMED])}"
    return one_line(error) if str(error) else type(error).__name__


def _unsigned(directory: Path, signature: bytes) -> str | None:
    """Name files that the signature passes over, as it may say itself and for those of git."""
    payload = json.loads(base64.b64decode(json.loads(signature)["dsseEnvelope"]["payload"]))
    names = {each["name"] for each in payload["predicate"]["resources"]}
    there = {
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    }
    left_out = sorted(there - names)
    return f"it leaves out {', '.join(left_out[:_MOST_NAMED])}" if left_out else None
