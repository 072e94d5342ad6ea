"""Archives that nobody should unpack: each is built here, from what the forms allow to write."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Build = Callable[[str], bytes]


@dataclass
class Member:
    """A member of a zip, with everything that its two headers say.

    Attributes:
        name: Its name.
        data: What is in it.
        mode: Kind and rights, as of Unix.
        stored: What stands in the file; None for `data` compressed.
        size: Its size, as the headers say it; None for the true one.
        flags: Bits of both headers.
        method: How it is compressed, as the headers say it.
        at: Where its local header is; None for a place of its own.
        crc: Its checksum; None for the true one.
    """

    name: str
    data: bytes = b"evil"
    mode: int = stat.S_IFREG | 0o644
    stored: bytes | None = None
    size: int | None = None
    flags: int = 0x800
    method: int = zipfile.ZIP_DEFLATED
    at: int | None = None
    crc: int | None = None


def deflated(data: bytes) -> bytes:
    """Compress as zips do."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_of(*members: Member | str) -> bytes:
    """Build a zip by hand, since no library writes wrong ones."""
    body, listed = io.BytesIO(), io.BytesIO()
    for each in members:
        member = each if isinstance(each, Member) else Member(each)
        name = member.name.encode("utf-8", "surrogateescape")
        packed = deflated(member.data) if member.stored is None else member.stored
        size = len(member.data) if member.size is None else member.size
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        fields = (member.flags, member.method, 0, 33, crc, len(packed), size, len(name), 0)
        offset = body.tell() if member.at is None else member.at
        if member.at is None:
            body.write(struct.pack("<4s5H3L2H", b"PK\3\4", 20, *fields) + name + packed)
        listed.write(
            struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 0x314, 20, *fields, 0, 0, 0, member.mode << 16, offset
            )
            + name
        )
    count = min(len(members), 0xFFFF)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, listed.tell(), body.tell(), 0)
    return body.getvalue() + listed.getvalue() + end


def tar_of(*members: tuple[tarfile.TarInfo, bytes], end: bool = True) -> bytes:
    """Build a tar.gz of headers and what follows them."""
    raw = io.BytesIO()
    for info, data in members:
        raw.write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        raw.write(data + b"\0" * (-len(data) % 512))
    return gzip.compress(raw.getvalue() + (b"\0" * 1024 if end else b""))


def file(name: str, data: bytes = b"evil", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """Build a member of a tar."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    """Build a link of a tar."""
    return file(name, b"", type=kind, linkname=target)


def _negative(_: str) -> bytes:
    """A header whose size is negative, which sends a reader back to it for ever."""
    header = bytearray(file("x", b"")[0].tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    return _resealed(header)


def _resealed(header: bytearray) -> bytes:
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return gzip.compress(bytes(header) + b"\0" * 1024)


def _huge_header(_: str) -> bytes:
    """A header of headers that says it is eight gigabytes long."""
    header = bytearray(file("x", b"", type=tarfile.XHDTYPE)[0].tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"77777777777\0"
    return _resealed(header)


def _twice() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = io.BytesIO()
        with zipfile.ZipFile(raw, "w") as target:
            target.writestr("MLmodel", "a")
            target.writestr("MLmodel", "b")
    return raw.getvalue()


LONG = "/".join(["d" * 247] * 16)

# What it is -> the ending, and a function that builds it; it gets a path outside, which exists.
CORPUS: dict[str, tuple[str, Build]] = {
    "zip, up": ("zip", lambda _: zip_of("../outside/new")),
    "zip, up in the middle": ("zip", lambda _: zip_of("a/../../outside/new")),
    "zip, absolute": ("zip", lambda out: zip_of(f"{out}/new")),
    "zip, drive": ("zip", lambda _: zip_of("C:/new")),
    "zip, drive without slash": ("zip", lambda _: zip_of("c:new")),
    "zip, backslash": ("zip", lambda _: zip_of("..\\outside\\new")),
    "zip, NUL": ("zip", lambda _: zip_of("new\0.txt")),
    "zip, newline": ("zip", lambda _: zip_of("new\n0  sha")),
    "zip, too long": ("zip", lambda _: zip_of("n" * 300)),
    "zip, link then file": (
        "zip",
        lambda out: zip_of(Member("l", out.encode(), stat.S_IFLNK | 0o777), "l/new"),
    ),
    "zip, device": ("zip", lambda _: zip_of(Member("d", b"", stat.S_IFCHR | 0o666))),
    "zip, fifo": ("zip", lambda _: zip_of(Member("d", b"", stat.S_IFIFO | 0o666))),
    "zip, socket": ("zip", lambda _: zip_of(Member("d", b"", stat.S_IFSOCK | 0o666))),
    "zip, directory that is none": ("zip", lambda _: zip_of(Member("d", b"", stat.S_IFDIR | 0o7))),
    "zip, encrypted": ("zip", lambda _: zip_of(Member("a", flags=0x801))),
    "zip, of another compression": (
        "zip",
        lambda _: zip_of(Member("a", method=zipfile.ZIP_BZIP2)),
    ),
    "zip, the same twice": ("zip", lambda _: _twice()),
    "zip, twice but for case": ("zip", lambda _: zip_of("MLmodel", "mlMODEL")),
    "zip, twice but for composition": ("zip", lambda _: zip_of("\u00e9", "e\u0301")),
    "zip, directories that differ in case": ("zip", lambda _: zip_of("A/x", "a/y")),
    "zip, a file that is a directory": ("zip", lambda _: zip_of("a", "a/b")),
    "zip, members that overlap": (
        "zip",
        lambda _: zip_of(Member("a", b"x" * 9999), Member("b", b"x" * 9999, at=0)),
    ),
    "zip, one inside the other": (
        "zip",
        lambda _: zip_of(
            Member("a", zip_of("b"), stored=zip_of("b"), method=0), Member("b", at=31)
        ),
    ),
    "zip, more than it says": (
        "zip",
        lambda _: zip_of(Member("a", b"x" * 999, size=9, crc=zlib.crc32(b"x" * 9))),
    ),
    "zip, less than it says": ("zip", lambda _: zip_of(Member("a", size=1 << 30))),
    "zip, wrong sum": ("zip", lambda _: zip_of(Member("a", crc=7))),
    "zip, too many": ("zip", lambda _: zip_of(*(f"{i}" for i in range(100_001)))),
    "zip, too deep": ("zip", lambda _: zip_of("a/" * 500 + "x")),
    "zip, bomb": ("zip", lambda _: zip_of(Member("a", b"\0" * (100 << 20)))),
    "zip, cut off": ("zip", lambda _: zip_of("MLmodel")[:-10]),
    "tar, up": ("tar.gz", lambda _: tar_of(file("../outside/new"))),
    "tar, absolute": ("tar.gz", lambda out: tar_of(file(f"{out}/new"))),
    "tar, link then file": ("tar.gz", lambda out: tar_of(link("l", out), file("l/new"))),
    "tar, link to a file": ("tar.gz", lambda out: tar_of(link("MLmodel", f"{out}/old"))),
    "tar, hard link": (
        "tar.gz",
        lambda out: tar_of(link("l", f"{out}/old", tarfile.LNKTYPE), file("l")),
    ),
    "tar, hard link to a link": (
        "tar.gz",
        lambda _: tar_of(link("a", "../outside/old"), link("b", "a", tarfile.LNKTYPE), file("b")),
    ),
    # What got by tarfile's own filter: CVE-2025-4517 and CVE-2025-4138.
    "tar, link beyond the longest path": (
        "tar.gz",
        lambda _: tar_of(
            file(LONG, b"", type=tarfile.DIRTYPE),
            link("a", f"{LONG}/up"),
            link(f"{LONG}/up", "../" * 17),
            link("out", "a/../outside"),
            file("out/new"),
        ),
    ),
    "tar, link that leads up when it is made": (
        "tar.gz",
        lambda _: tar_of(
            file("a/b", b"", type=tarfile.DIRTYPE),
            link("a/b/c", "../../d/../.."),
            link("d", "a/b/c/outside"),
            file("d/new"),
        ),
    ),
    "tar, device": ("tar.gz", lambda _: tar_of(file("d", b"", type=tarfile.CHRTYPE))),
    "tar, block device": ("tar.gz", lambda _: tar_of(file("d", b"", type=tarfile.BLKTYPE))),
    "tar, fifo": ("tar.gz", lambda _: tar_of(file("d", b"", type=tarfile.FIFOTYPE))),
    "tar, contiguous": ("tar.gz", lambda _: tar_of(file("d", type=tarfile.CONTTYPE))),
    "tar, holes": (
        "tar.gz",
        lambda _: tar_of(
            file("h", pax_headers={"GNU.sparse.map": "0,4", "GNU.sparse.size": "99999999999"})
        ),
    ),
    "tar, the same twice": ("tar.gz", lambda _: tar_of(file("a"), file("a"))),
    "tar, not UTF-8": ("tar.gz", lambda _: tar_of(file("a\udcff"))),
    "tar, bomb": ("tar.gz", lambda _: tar_of(file("a", b"\0" * (100 << 20)))),
    "tar, negative size": ("tar.gz", _negative),
    "tar, huge header": ("tar.gz", _huge_header),
    "tar, rubbish behind": (
        "tar.gz",
        lambda _: gzip.compress(gzip.decompress(tar_of(file("MLmodel"), end=False)) + b"x" * 512),
    ),
    "tar, cut off": ("tar.gz", lambda _: tar_of(file("MLmodel"))[:-9]),
    "tar, cut off before it was compressed": (
        "tar.gz",
        lambda _: gzip.compress(gzip.decompress(tar_of(file("MLmodel", b"x" * 2000)))[:1500]),
    ),
    "tar, wrong sum": (
        "tar.gz",
        lambda _: tar_of(file("MLmodel"))[:-8] + b"\0" * 8,
    ),
}
