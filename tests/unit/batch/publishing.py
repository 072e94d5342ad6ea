"""Kit for tests of publishing: small versions of an output, a reader, and stores that misbehave."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyarrow import fs

from scorecast.batch.layout import Layout
from scorecast.batch.manifest import Counters, Manifest, OutputFile, Run
from scorecast.batch.stores.base import Entry
from scorecast.batch.stores.posix import PosixStore
from scorecast.batch.stores.renaming import RenamingStore

LAYOUT = Layout("out")
DIGEST = "sha256:" + "0" * 64

STORES = {
    "posix": PosixStore,
    "posix without exchange": lambda root: PosixStore(root, exchanges=False),
    "posix without links": lambda root: PosixStore(root, links=False),
    "posix without both": lambda root: PosixStore(root, links=False, exchanges=False),
    "renaming": lambda root: RenamingStore(fs.LocalFileSystem(), str(root), str(root)),
}


class Killed(BaseException):
    """The process is gone: nothing that it does from here on reaches the store."""


def contents(run_id, files=2):
    """Give the files of a version: path -> bytes, all of which name the run."""
    return {
        f"day={i}/part-{run_id}-{i}.parquet": f"{run_id} {i}".encode() * 9 for i in range(files)
    }


def manifest(run_id, files=None, base=None, at=1_700_000_000.0, quarantine=(), **changes):
    """Give a manifest of `files`, which are bytes or (bytes, rows)."""
    files = contents(run_id) if files is None else files
    described = [_described(path, data, run_id) for path, data in files.items()]
    run = Run(
        run_id=run_id,
        job_key=DIGEST,
        mode="overwrite",
        started_at=datetime.fromtimestamp(at - 60, UTC).isoformat(),
        published_at=datetime.fromtimestamp(at, UTC).isoformat(),
        base_version=base,
        model={
            "uri": "models/ü",
            "resolved_uri": "models/ü",
            "digest": DIGEST,
            "flavor": "sklearn",
            "signature": None,
            "result_type": "double",
        },
        options={"keep": "all", "max_errors": 3, "where": "a < 'ß'"},
        engine={"name": "arrow", "reason": "parquet in and out"},
        packages={"scorecast": "0.1"},
        spark_conf={"spark.master": "local[2]"},
        counters=Counters(
            rows_read=None,
            rows_filtered_out=None,
            rows_in=2,
            rows_predicted=2,
            rows_quarantined=0,
            rows_failed=0,
            n_null=0,
            n_nan=0,
            n_inf=0,
        ),
        units=[
            {
                "unit": "u-00000",
                "rows_in": 2,
                "rows_failed": 0,
                "tasks": 1,
                "seconds": 0.1,
                "resumed": False,
            }
        ],
        skipped=[{"path": "in/broken.parquet", "reason": "no footer"}],
        seconds={"predict": 1.25},
    )
    values = {
        "run_id": run_id,
        "runs": (run,),
        "schema": {"type": "struct", "fields": [{"name": "prediction", "type": "double"}]},
        "partition_by": ("day",),
        "files": tuple(file for file in described if file.path not in quarantine),
        "quarantine": tuple(file for file in described if file.path in quarantine),
    }
    return Manifest(**{**values, **changes})


def _described(path, data, run_id):
    data, rows = data if isinstance(data, tuple) else (data, 1)
    return OutputFile(path, rows, len(data), hashlib.sha256(data).hexdigest(), run_id)


def stage(root: Path, run_id, files=None, layout=LAYOUT):
    """Write what tasks and commits of a run leave; give where each file of the output is."""
    files = contents(run_id) if files is None else files
    sources = {}
    for path, data in files.items():
        sources[path] = layout.run(run_id, "data", "u-00000", path)
        _write(root / sources[path], data)
    _write(root / layout.run(run_id, "plan.json"), b"{}")
    _write(root / layout.run(run_id, "commits", "u-00000.json"), b"{}")
    return sources


def _write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_version(place: Path, run_id, base=None):
    """Put a complete version at a place, without the code under test."""
    for path, data in contents(run_id).items():
        _write(place / path, data)
    _write(place / "_SUCCESS", b"")
    _write(place / "_MANIFEST.json", manifest(run_id, base=base).to_json())


def read_version(place: Path):
    """Read a version as any reader would; give its run, or None where nothing is.

    Raises:
        AssertionError: It is no complete version: files are missing, added or of another one.
    """
    found = {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }
    if not found and not place.exists():
        return None
    return check_version(found)


def check_version(found):
    """Check that files (path -> bytes) are one complete version; give its run."""
    said = json.loads(found["_MANIFEST.json"])
    named = {file["path"]: file["sha256"] for file in (*said["files"], *said["quarantine"])}
    there = {
        path: hashlib.sha256(data).hexdigest()
        for path, data in found.items()
        if path not in ("_MANIFEST.json", "_SUCCESS")
    }
    assert there == named
    assert found["_SUCCESS"] == b""
    return said["run_id"]


class Wrapped:
    """A store that tells each operation before it is done."""

    def __init__(self, store, before):
        self._store, self._before = store, before

    def __getattr__(self, name):
        value = getattr(self._store, name)
        if not callable(value) or name == "uri":
            return value

        def operation(*arguments):
            do = lambda: list(value(*arguments)) if name == "entries" else value(*arguments)  # noqa: E731
            return self._before(name, arguments, do)

        return operation


class Faults:
    """Lets the n-th operation fail, and the whole process with it if asked for.

    ``crash`` ends the process before the operation, ``half`` in the middle of a removal, ``error``
    refuses the operation, ``lost`` does it and reports that it failed.
    """

    def __init__(self, at, how):
        self.at, self.how, self.count, self.dead, self.hit = at, how, 0, False, None

    def __call__(self, name, arguments, do):
        if self.dead:
            raise Killed
        self.count += 1
        if self.count != self.at:
            return do()
        self.hit = (name, *arguments)
        if self.how == "lost":
            do()
        if self.how in ("error", "lost"):
            raise OSError(5, "the disk fails", *arguments[:1])
        self.dead = True
        raise Killed

    def step(self, name):
        """Fail at a step by its name."""
        if self.at == name and self.hit is None:
            self.hit = (name,)
            if self.how == "error":
                raise OSError(28, "the disk is full")
            self.dead = True
            raise Killed


@dataclass
class MemoryStore:
    """A store in memory, flat or with directories; `files` is all of its state."""

    files: dict = field(default_factory=dict)
    links: bool = True
    exchanges: bool = True
    locks = False

    def uri(self, path):
        return path

    def read(self, path):
        return self.files.get(path)

    def create(self, path, data):
        return self.files.setdefault(path, data) is data

    def make(self, path):
        """There are no directories without files."""

    def entries(self, path):
        return [Entry(p, len(d), 0.0) for p, d in self.files.items() if p.startswith(f"{path}/")]

    def children(self, path):
        return sorted({e.path.removeprefix(f"{path}/").split("/")[0] for e in self.entries(path)})

    def exists(self, path):
        return path in self.files or bool(self.entries(path))

    def remove_if_empty(self, path):
        """There are no directories without files."""

    def remove(self, path):
        for entry in self.entries(path):
            del self.files[entry.path]
        self.files.pop(path, None)

    def link(self, source, target):
        if self.links:
            self.files[target] = self.files[source]
        return self.links

    def copy(self, source, target):
        self.files[target] = self.files[source]

    def move_file(self, source, target):
        self.files[target] = self.files.pop(source)

    def move(self, source, target):
        if self.exists(target):
            raise FileExistsError(17, "is there", target)
        if not self.exists(source):
            raise FileNotFoundError(2, "is not there", source)
        self.files = {self._renamed(p, {source: target}): d for p, d in self.files.items()}

    def exchange(self, one, other):
        if self.exchanges:
            for path in (one, other):
                if not self.exists(path):
                    raise FileNotFoundError(2, "is not there", path)
            swap = {one: other, other: one}
            self.files = {self._renamed(p, swap): d for p, d in self.files.items()}
        return self.exchanges

    def sync(self, path):
        pass

    @staticmethod
    def _renamed(path, names):
        for old, new in names.items():
            if path.startswith(f"{old}/"):
                return new + path.removeprefix(old)
        return path

    def tree(self, path):
        """Give the files below a directory, by their paths in it."""
        return {e.path.removeprefix(f"{path}/"): self.files[e.path] for e in self.entries(path)}
