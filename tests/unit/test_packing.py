"""A model directory and its bytes: what the digest says, and who may unpack what."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorecast.errors import DigestMismatchError, ShippingError
from scorecast.packing import pack, tree_digest, unpack

MANY = {
    "MLmodel": b"flavors: {}\n",
    "model.pkl": bytes(range(256)),
    "code/größe.py": b"x = 1\n",
    "code/other.py": b"x = 2\n",
    "data/deep/er/weights.bin": b"\0" * 100,
    "data/empty.bin": b"",
    "requirements.txt": b"numpy\n",
    "model.onnx.data": b"\1\2\3",
}
FILES = {
    "MLmodel": b"flavors: {}\n",
    "model.pkl": bytes(range(256)) * 20,
    "code/größe.py": "x = 'ü'\n".encode(),
    "data/deep/er/empty.bin": b"",
}


def write_tree(root: Path, files: dict[str, bytes] = FILES, *, empty: tuple[str, ...] = ()) -> Path:
    """Write files and empty directories below a root."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    for name in empty:
        (root / name).mkdir(parents=True)
    return root


def contents(root: Path) -> dict[str, bytes | None]:
    """Everything below a directory: bytes of files, None for directories."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of files, as anybody could make it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_the_same_files_give_the_same_bytes_wherever_they_are(tmp_path: Path) -> None:
    """Place, age, order of creation and modes of the files do not change the packed model."""
    one = write_tree(tmp_path / "one", empty=("hollow",))
    reverse = dict(reversed(FILES.items()))
    two = write_tree(tmp_path / "else" / "where", reverse, empty=("hollow",))
    os.utime(two / "MLmodel", (1, 1))
    (two / "MLmodel").chmod(0o444)

    assert pack(one) == pack(two)
    assert pack(one).digest == tree_digest(one) == tree_digest(two)


@pytest.mark.parametrize("files", [FILES, {}, {"b/a": b"1", "b0": b"2", "b-": b""}])
def test_the_digest_is_the_documented_one(tmp_path: Path, files: dict[str, Any]) -> None:
    """Other programs and later versions find the same digest by the formula written down."""
    root = tmp_path / "model"
    root.mkdir()
    write_tree(root, files)
    (root / "hollow").mkdir()
    lines = {
        name: f"{hashlib.sha256(content).hexdigest()}  {len(content)}  {name}\n"
        for name, content in files.items()
    }
    lines["hollow"] = "-  0  hollow/\n"
    text = "".join(lines[name] for name in sorted(lines))

    assert tree_digest(root) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_a_directory_without_files_has_the_digest_of_nothing(tmp_path: Path) -> None:
    """The root itself is not counted as an empty directory."""
    assert tree_digest(tmp_path) == f"sha256:{hashlib.sha256(b'').hexdigest()}"


@pytest.mark.parametrize(
    "left_behind", ["__pycache__/a.pyc", "code/__pycache__/b.pyc", ".DS_Store"]
)
def test_what_reading_a_model_leaves_behind_does_not_count(
    tmp_path: Path, left_behind: str
) -> None:
    """Bytecode, files of the desktop and of the registry are neither digested nor packed."""
    before = pack(write_tree(tmp_path / "model"))

    write_tree(tmp_path / "model", {left_behind: b"x", "registered_model_meta": b"version: 3"})

    assert pack(tmp_path / "model") == before


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change", ["byte", "more", "rename", "remove", "move down"])
def test_any_change_of_a_file_changes_the_digest(tmp_path: Path, name: str, change: str) -> None:
    """A model of which any file differs in content, name or place has another digest."""
    file = write_tree(tmp_path / "model") / name
    before = tree_digest(tmp_path / "model")
    content = file.read_bytes()
    match change:
        case "byte":
            file.write_bytes(bytes([(content or b"\0")[0] ^ 1]) + content[1:])
        case "more":
            file.write_bytes(content + b"\n")
        case "rename":
            file.rename(file.with_name(file.name + "2"))
        case "remove":
            file.unlink()
        case "move down":
            (file.parent / "sub").mkdir()
            file.rename(file.parent / "sub" / file.name)

    assert tree_digest(tmp_path / "model") != before
    assert pack(tmp_path / "model").digest != before


def test_added_files_and_empty_directories_change_the_digest(tmp_path: Path) -> None:
    """A model with one more file or one more empty directory has another digest."""
    root = write_tree(tmp_path / "model")
    digests = {tree_digest(root)}
    (root / "hollow").mkdir()
    digests.add(tree_digest(root))
    (root / "hollow" / "file").touch()
    digests.add(tree_digest(root))

    assert len(digests) == 3


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=20)
        .filter(lambda name: name not in (".", "..", "__pycache__", ".DS_Store"))
        .filter(lambda name: len(name.encode()) < 100),
        st.binary(max_size=200),
        max_size=5,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_unpacked_is_what_was_packed(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    """Files of any name and content arrive on a worker byte for byte."""
    place = tmp_path_factory.mktemp("trip")
    (place / "model").mkdir()
    packed = pack(write_tree(place / "model", files))

    unpack(packed.data, place / "copy", packed.digest)

    assert contents(place / "copy") == contents(place / "model")


def test_empty_directories_and_nested_names_survive(tmp_path: Path) -> None:
    """Directories arrive as they were, the empty ones too."""
    model = write_tree(tmp_path / "model", empty=("hollow/er", "ordner/für"))
    packed = pack(model)

    directory = tmp_path / "copy"
    unpack(packed.data, directory, packed.digest)

    assert contents(directory) == contents(model)


def test_an_archive_of_other_files_is_refused(tmp_path: Path) -> None:
    """Bytes that are another model are told from those that were packed."""
    packed = pack(write_tree(tmp_path / "model"))
    other = zipped({"MLmodel": b"other"})

    with pytest.raises(DigestMismatchError, match="was changed or damaged on the way"):
        unpack(other, tmp_path / "copy", packed.digest)


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04" + b"\0" * 40])
def test_bytes_that_are_no_archive_are_refused(tmp_path: Path, data: bytes) -> None:
    """What is no zip gives an error about the model, not one of the zip library."""
    with pytest.raises(DigestMismatchError, match="damaged"):
        unpack(data, tmp_path / "copy", "sha256:" + "0" * 64)


@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
@settings(max_examples=60)
def test_damaged_archives_never_give_wrong_files(
    tmp_path_factory: pytest.TempPathFactory, position: float, flip: int
) -> None:
    """One wrong byte anywhere in the archive is either without effect or an error of ours."""
    place = tmp_path_factory.mktemp("damage")
    model = write_tree(place / "model", {"MLmodel": b"a: 1", "code/a.py": b"x = 1"}, empty=("e",))
    packed = pack(model)
    data = bytearray(packed.data)
    data[int(position * len(data))] ^= flip

    try:
        unpack(bytes(data), place / "copy", packed.digest)
    except ShippingError:
        return
    assert contents(place / "copy") == contents(model)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "code/../../../evil"])
def test_archives_cannot_write_outside(tmp_path: Path, name: str) -> None:
    """An archive with a path that leaves its directory is refused, and nothing is written."""
    data = zipped({"MLmodel": b"", name: b"evil"})

    with pytest.raises(ShippingError, match="leaves its directory"):
        unpack(data, tmp_path / "copy", "sha256:" + "0" * 64)

    assert not list(tmp_path.rglob("evil"))


def test_archives_cannot_smuggle_bytecode_past_the_digest(tmp_path: Path) -> None:
    """Bytecode that Python would run, and the digest ignores, is refused."""
    packed = pack(write_tree(tmp_path / "model"))
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    data = zipped({**files, "code/__pycache__/größe.cpython-311.pyc": b"evil"})

    with pytest.raises(DigestMismatchError, match="tampered"):
        unpack(data, tmp_path / "copy", packed.digest)


def test_links_inside_are_packed_as_what_they_point_to(tmp_path: Path) -> None:
    """A link to a file or directory of the model itself arrives as a copy of it."""
    model = write_tree(tmp_path / "model")
    (model / "again.pkl").symlink_to("model.pkl")
    (model / "code2").symlink_to("code")
    packed = pack(model)

    directory = tmp_path / "copy"
    unpack(packed.data, directory, packed.digest)

    assert contents(directory)["again.pkl"] == FILES["model.pkl"]
    assert contents(directory)["code2/größe.py"] == FILES["code/größe.py"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../outside/secret", "something outside"),
        ("../outside", "something outside"),
        ("../outside/hollow", "something outside"),
        ("/", "something outside"),
        (".", "a directory that it is in"),
        ("code/../..", "something outside"),
        ("nothing", "does not exist"),
    ],
)
def test_links_that_lead_elsewhere_are_refused(tmp_path: Path, target: str, reason: str) -> None:
    """A link to something outside, to nothing or in a circle is named, and nothing is packed."""
    model = write_tree(tmp_path / "model")
    write_tree(tmp_path / "outside", {"secret": b"s"}, empty=("hollow",))
    (model / "link").symlink_to(target)

    with pytest.raises(ShippingError, match=reason) as caught:
        pack(model)

    assert '"link"' in str(caught.value)


def test_directories_that_link_to_one_another_are_refused(tmp_path: Path) -> None:
    """Two links that lead to each other's directory do not make packing endless."""
    model = write_tree(tmp_path / "model", empty=("a", "b"))
    (model / "a" / "to_b").symlink_to("../b")
    (model / "b" / "to_a").symlink_to("../a")

    with pytest.raises(ShippingError, match="a directory that it is in"):
        tree_digest(model)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe in the directory is an error, not an endless wait for its bytes."""
    model = write_tree(tmp_path / "model")
    os.mkfifo(model / "pipe")

    with pytest.raises(ShippingError, match="neither a file nor a directory"):
        pack(model)


@pytest.mark.parametrize("name", [b"two\nlines", b"no\xfftext"])
def test_names_that_cannot_be_told_apart_are_refused(tmp_path: Path, name: bytes) -> None:
    """A name with a line end or of bytes that are no text is named in a printable way."""
    model = write_tree(tmp_path / "model")
    Path(os.fsdecode(os.fsencode(model) + b"/" + name)).touch()

    with pytest.raises(ShippingError, match="not one line of text") as caught:
        pack(model)

    assert "\n" not in str(caught.value)
    str(caught.value).encode()


def test_a_directory_that_is_gone_is_an_error_of_ours(tmp_path: Path) -> None:
    """A model that cannot be read says which directory was meant."""
    with pytest.raises(ShippingError, match="nowhere"):
        tree_digest(tmp_path / "nowhere")


def test_a_full_or_forbidden_disk_is_an_error_of_ours(tmp_path: Path) -> None:
    """What the disk refuses is told with the directory that was to be written."""
    # A file where the archive has a directory is what a test can do to any user, root too.
    data = zipped({"a": b"", "a/b": b""})

    with pytest.raises(ShippingError, match=str(tmp_path)):
        unpack(data, tmp_path / "copy", "sha256:" + "0" * 64)


def mutations(root: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every way of changing the files in `root` a little: its name, and what does it."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    random = Random(0)

    def flip(path: Path, bit: int) -> None:
        data = bytearray(path.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)

    for path in files:
        name, bits = path.relative_to(root).as_posix(), path.stat().st_size * 8
        ends = {0, bits - 1} if bits else set()
        for bit in sorted({*ends, *random.sample(range(bits), min(20, bits))}):
            yield f"flip bit {bit} of {name}", partial(flip, path, bit)
        yield f"remove {name}", path.unlink
        yield f"cut {name}", lambda p=path: p.write_bytes(p.read_bytes()[:-1] or b"x")
        yield f"lengthen {name}", lambda p=path: p.write_bytes(p.read_bytes() + b"\0")
        yield f"rename {name}", lambda p=path: p.rename(p.with_name(f"{p.name}2"))
        yield f"move {name}", lambda p=path: p.rename(p.parent.parent / "moved")
        yield f"capitals {name}", lambda p=path: p.rename(p.with_name(p.name.swapcase()))
        yield f"add beside {name}", lambda p=path: (p.parent / "new").write_bytes(b"")
        yield f"directory beside {name}", lambda p=path: (p.parent / "new").mkdir()
        yield f"make {name} a directory", lambda p=path: (p.unlink(), p.mkdir())
    for one, other in combinations(files, 2):

        def swap(one: Path = one, other: Path = other) -> None:
            spare = root / "spare"
            one.rename(spare)
            other.rename(one)
            spare.rename(other)

        yield f"swap {one.name} and {other.name}", swap
    yield "remove an empty directory", (root / "hollow").rmdir
    yield "rename an empty directory", lambda: (root / "hollow").rename(root / "hollow2")


def test_every_change_of_a_model_changes_its_digest(tmp_path: Path) -> None:
    """More than 200 of them; so a pinned model is the one that was pinned."""
    original = write_tree(tmp_path / "original", MANY, empty=("hollow",))
    digest, seen = tree_digest(original), {}
    names = [name for name, _ in mutations(original)]

    for i, name in enumerate(names):
        root = tmp_path / "changed"
        shutil.copytree(original, root)
        list(mutations(root))[i][1]()
        seen[name] = tree_digest(root)
        shutil.rmtree(root)

    assert len(names) > 200
    assert [name for name, found in seen.items() if found == digest] == []


def test_names_that_look_alike_are_two(tmp_path: Path) -> None:
    """Composed and decomposed letters are different names, and both may be there."""
    composed, decomposed = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    assert composed != decomposed
    trees = [{composed: b"1"}, {decomposed: b"1"}, {composed: b"1", decomposed: b"2"}]
    trees.append({composed: b"2", decomposed: b"1"})

    digests = {tree_digest(write_tree(tmp_path / str(i), tree)) for i, tree in enumerate(trees)}

    assert len(digests) == len(trees)


def test_empty_directories_are_told_apart(tmp_path: Path) -> None:
    """None, one, one of another name, one inside of another, and a file of that name."""
    trees = [(), ("a",), ("b",), ("a/b",), ("a", "b")]
    found = {
        tree_digest(write_tree(tmp_path / f"t{i}", empty=empty)) for i, empty in enumerate(trees)
    }
    found.add(tree_digest(write_tree(tmp_path / "file", {**FILES, "a": b""})))

    assert len(found) == len(trees) + 1
