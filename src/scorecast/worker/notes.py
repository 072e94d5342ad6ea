"""Short notes that tasks leave for the driver while a job runs: why one stopped, how many failed.

A task of Spark tells its driver nothing before it ends, and one that raises is tried again. Notes
are small JSON files in the staging of the run, which the driver looks at while it waits.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyarrow import fs

from scorecast import errors
from scorecast.errors import PredictionError, ScorecastError
from scorecast.worker.storage import filesystem_of, is_local, make_directory

_STOPPED = "stopped"
_FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Notes:
    """What tasks have said so far.

    Attributes:
        stopped: Error that a task ended with and that trying again would not change, or None.
        failed: Rows that the model failed on, over all tasks.
    """

    stopped: ScorecastError | None
    failed: int


def note_stop(folder: str, error: PredictionError) -> None:
    """Tell the driver that the job cannot succeed. Runs on a worker, once per task that fails."""
    content = {"class": type(error).__name__, "message": str(error)}
    _write(folder, f"{_STOPPED}-{uuid.uuid4().hex}.json", content)


def note_failed(folder: str, partition: int, rows: int) -> None:
    """Tell the driver how many rows of a task failed so far. Runs on a worker."""
    _write(folder, f"{_FAILED}-{partition}.json", {"partition": partition, "rows": rows})


def notes_folder(folder: str, unit: str, turn: int) -> str:
    """Give the directory for the notes of the tasks of a unit.

    Args:
        folder: Directory for notes of the run.
        unit: Name of the unit.
        turn: How often the unit was begun before; what an earlier turn says does not count.
    """
    return f"{folder}/{unit}/{turn}"


def read_notes(folder: str) -> Notes:
    """Read what tasks of all units have said. Runs on the driver, every second or so."""
    stopped, failed = None, 0
    for name, content in _read(folder):
        if name.startswith(_STOPPED):
            kind = getattr(errors, str(content.get("class")), PredictionError)
            stopped = kind(content["message"])
        elif name.startswith(_FAILED):
            failed += int(content["rows"])
    return Notes(stopped, failed)


def _write(folder: str, name: str, content: Mapping[str, Any]) -> None:
    """Write a note at once: a driver that reads it meanwhile finds the old one or the new one.

    The directory for notes of the run has to be there, on a local file system.
    """
    filesystem, path = filesystem_of(folder)
    if is_local(filesystem):
        make_directory(path, path.rsplit("/", 2)[0])
    else:
        filesystem.create_dir(path, recursive=True)
    hidden = f"{path}/.{uuid.uuid4().hex}"
    with filesystem.open_output_stream(hidden) as stream:
        stream.write(json.dumps(content).encode())
    filesystem.move(hidden, f"{path}/{name}")


def _read(folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    filesystem, path = filesystem_of(folder)
    turns: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    selector = fs.FileSelector(path, allow_not_found=True, recursive=True)
    for info in filesystem.get_file_info(selector):
        if info.is_file and not info.base_name.startswith("."):
            unit, turn, _ = info.path.rsplit("/", 3)[1:]
            turns[unit][int(turn)].append(info.path)
    for by_turn in turns.values():
        for place in by_turn[max(by_turn)]:
            with filesystem.open_input_stream(place) as stream:
                yield place.rpartition("/")[2], json.loads(stream.read())
