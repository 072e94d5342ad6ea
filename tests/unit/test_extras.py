"""Optional libraries: a missing one is told apart from a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scorecast.errors import MissingExtraError
from scorecast.extras import require


def test_what_is_installed_is_imported() -> None:
    """An installed module is given, also one inside a package."""
    assert require("json.decoder", extra="x", needed_for="a test").__name__ == "json.decoder"


@pytest.mark.parametrize("module", ["notinstalled", "notinstalled.inner.most"])
def test_a_missing_library_names_the_extra(module: str) -> None:
    """The error says what needs it, which package it is, and the pip line that installs it."""
    with pytest.raises(MissingExtraError) as caught:
        require(module, extra="onnx", needed_for='flavor "onnx"')

    assert str(caught.value).startswith('Flavor "onnx" needs the Python package notinstalled')
    assert 'pip install "scorecast[onnx]"' in str(caught.value)


@pytest.mark.parametrize("missing", ["something_else", "broken_package.part"])
def test_a_library_that_is_installed_and_broken_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """An import that fails inside a library shows as it is: the extra would not cure it."""
    (tmp_path / "broken_package").mkdir()
    (tmp_path / "broken_package" / "__init__.py").write_text(f"import {missing}\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError) as caught:
        require("broken_package", extra="x", needed_for="a test")

    assert not isinstance(caught.value, MissingExtraError)
    assert caught.value.name == missing
