"""A reader that polls an output, and an oracle that knows which rows belong there.

Nothing here is of scorecast but `verify`, which is one of several judges: rows and footers are read
by pyarrow, checksums by hashlib, the manifest as plain JSON.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STAGING = ("data", "stops", "commits", "ready", "plan.json")


def read_rows(output: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Read rid and prediction as a reader of a directory does; None where there is nothing."""
    files = _files(output)
    if files is None:
        return None
    tables = [pq.read_table(path, columns=["rid", "prediction"]) for path in files]
    table = pa.concat_tables(tables) if tables else pa.table({"rid": [], "prediction": []})
    rid, made = table["rid"].to_numpy(), table["prediction"].to_numpy()
    order = np.lexsort((made, rid))
    return rid[order], made[order]


def _files(output: Path) -> list[Path] | None:
    try:
        return [path for path in output.iterdir() if not path.name.startswith(("_", "."))]
    except FileNotFoundError:
        return None


def is_version(rows: tuple[np.ndarray, np.ndarray], wanted: np.ndarray) -> bool:
    """Tell whether rows are exactly those of one version."""
    rid, made = rows
    return len(rid) == len(wanted) and bool(
        (rid == np.arange(len(wanted))).all() and (made == wanted).all()
    )


class Reader:
    """Polls an output, and holds each reading against the versions that may be there.

    Args:
        output: What it reads.
        versions: What may be there, by name.
        absent: Whether there may be nothing.
        pause: Seconds between two readings.

    Attributes:
        seen: How often what was read. ``moved`` is a directory that was replaced between listing it
            and opening its files: the reader gets an error, and no mix. Files that are as they were
            at the last reading, by inode, size and time, are not opened again.
        violations: Readings of anything else.
        seconds: How long it has read.
    """

    def __init__(
        self,
        output: Path,
        versions: dict[str, np.ndarray],
        *,
        absent: bool,
        pause: float = 0.005,
    ) -> None:
        self.output, self.versions, self.absent, self.pause = output, versions, absent, pause
        self.seen: Counter[str] = Counter()
        self.violations: list[str] = []
        self.seconds = 0.0
        self._known: tuple[object, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Read no more."""
        self._stop.set()
        self._thread.join()

    def _poll(self) -> None:
        started = time.monotonic()
        while not self._stop.wait(self.pause):
            self.seen[self._look()] += 1
        self.seconds = time.monotonic() - started

    def _look(self) -> str:
        try:
            state = self._state()
            if self._known is not None and state == self._known[0]:
                return self._known[1]
            rows = read_rows(self.output)
        except FileNotFoundError:
            return "moved"
        except Exception as error:  # noqa: BLE001 - whatever stops a reader is a finding
            self.violations.append(f"it cannot be read: {error!r:.200}")
            return "violation"
        if rows is None:
            if not self.absent:
                self.violations.append("nothing is there")
            return "absent"
        for name, wanted in self.versions.items():
            if is_version(rows, wanted):
                # Else the files that were opened need not be those that were looked at.
                with suppress(FileNotFoundError):
                    if state == self._state():
                        self._known = (state, name)
                return name
        self.violations.append(f"{len(rows[0])} rows that are no version")
        return "violation"

    def _state(self) -> object:
        stats = {path.name: path.stat() for path in _files(self.output) or ()}
        return {name: (s.st_ino, s.st_size, s.st_mtime_ns) for name, s in stats.items()}


@dataclass(frozen=True)
class Difference:
    """How a multiset of (rid, prediction) differs from the one that is wanted."""

    lost: int
    doubled: int
    foreign: int
    wrong: int

    def __bool__(self) -> bool:
        return any((self.lost, self.doubled, self.foreign, self.wrong))


def compare_rows(
    rows: tuple[np.ndarray, np.ndarray], wanted: np.ndarray, without: Collection[int] = ()
) -> Difference:
    """Compare two multisets of (rid, prediction).

    Args:
        rows: What was read.
        wanted: Predictions by rid.
        without: Rows that must not be there.
    """
    rid, made = rows
    keep = np.setdiff1d(np.arange(len(wanted)), list(without))
    found, times = np.unique(rid, return_counts=True)
    known = np.isin(rid, keep)
    return Difference(
        lost=len(np.setdiff1d(keep, found)),
        doubled=int((times - 1).sum()),
        foreign=int((~known).sum()),
        wrong=int((made[known] != wanted[rid[known].astype("int64")]).sum()),
    )


def check_output(output: Path, wanted: np.ndarray, aside: Collection[int] = ()) -> list[str]:
    """Name what is wrong with an output: rows, quarantine, footers, checksums, counters.

    Args:
        output: Directory of the output.
        wanted: Predictions by rid.
        aside: The rows that have to be in the quarantine, and nowhere else.
    """
    rows = read_rows(output)
    if rows is None:
        return ["there is no output"]
    difference = compare_rows(rows, wanted, aside)
    problems = [str(difference)] if difference else []
    if aside or (output / "_quarantine").exists():
        found = sorted(pq.read_table(output / "_quarantine")["rid"].to_pylist())
        if found != sorted(aside):
            problems.append(f"rows {found[:9]} are quarantined, expected {sorted(aside)[:9]}")
    from scorecast.batch.verify import verify

    problems += verify(str(output), deep=True).damages
    return problems + _compare_manifest(output, len(wanted), len(aside))


def _compare_manifest(output: Path, rows: int, aside: int) -> Iterable[str]:
    manifest = json.loads((output / "_MANIFEST.json").read_text())
    problems = []
    for file in (*manifest["files"], *manifest["quarantine"]):
        path = output / file["path"]
        data = path.read_bytes()
        told = (file["rows"], file["bytes"], file["sha256"])
        found = (pq.read_metadata(path).num_rows, len(data), hashlib.sha256(data).hexdigest())
        if told != found:
            problems.append(f"{file['path']} is {found}, and the manifest says {told}")
    counters = manifest["runs"][-1]["counters"]
    told = tuple(counters[f"rows_{name}"] for name in ("read", "in", "predicted", "quarantined"))
    if told != (rows, rows, rows - aside, aside):
        problems.append(f"the manifest counts {told} rows, of {rows} with {aside} aside")
    return problems


def leftovers(control: Path) -> list[str]:
    """Name what runs have left beside an output and nobody needs."""
    return [
        f"{path.relative_to(control)} is left"
        for path in control.glob("runs/*/*")
        if path.name in STAGING
    ]


def fingerprint(output: Path) -> dict[str, tuple[int, int, str]]:
    """Give inode, time of change and SHA-256 of all files of an output."""
    return {
        str(path.relative_to(output)): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }
