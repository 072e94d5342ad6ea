"""Short notes that tasks leave for the driver while a job runs: why one stopped, how far they are.

A task of Spark tells its driver nothing before it ends, and one that raises is tried again. Notes
are small JSON files in the staging of the run, which the driver looks at while it waits. How many
rows are done stands in the name of a note, so that listing them is enough.
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
_ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Notes:
    """What tasks have said so far.

    Attributes:
        stopped: Error that a task ended with and that trying again would not change, or None.
        failed: Rows that the model failed on, over all tasks.
        rows: Rows that are done, by the name of the unit.
    """

    stopped: ScorecastError | None
    failed: int
    rows: Mapping[str, int]


def note_stop(folder: str, error: PredictionError) -> None:
    """Tell the driver that the job cannot succeed. Runs on a worker, once per task that fails."""
    content = {"class": type(error).__name__, "message": str(error)}
    _write(folder, f"{_STOPPED}-{uuid.uuid4().hex}.json", content)


def note_failed(folder: str, partition: int, rows: int) -> None:
    """Tell the driver how many rows of a task failed so far. Runs on a worker."""
    _write(folder, f"{_FAILED}-{partition}.json", {"partition": partition, "rows": rows})


def notes_are_cheap(folder: str) -> bool:
    """Tell whether a note costs next to nothing, as on a local file system."""
    return is_local(filesystem_of(folder)[0])


def note_rows(folder: str, partition: int, rows: int, before: int) -> None:
    """Tell the driver how many rows of a task are done. Runs on a worker.

    Args:
        folder: Directory for notes.
        partition: Number of the task in the unit.
        rows: Rows that are done.
        before: What this task has told before; 0 for nothing.
    """
    _write(folder, f"{_ROWS}-{partition}-{rows}.json", {})
    filesystem, path = filesystem_of(folder)
    # On object stores Arrow would leave a marker of the directory behind, which outlives the run.
    if before and is_local(filesystem):
        filesystem.delete_file(f"{path}/{_ROWS}-{partition}-{before}.json")


def notes_folder(folder: str, unit: str, turn: int) -> str:
    """Give the directory for the notes of the tasks of a unit.

    Args:
        folder: Directory for notes of the run.
        unit: Name of the unit.
        turn: How often the unit was begun before; what an earlier turn says does not count.
    """
    return f"{folder}/{unit}/{turn}"


def read_notes(folder: str) -> Notes:
    """Read what tasks of all units have said. Runs on the driver, every moment."""
    stopped, failed = None, 0
    rows: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    filesystem, _ = filesystem_of(folder)
    for unit, place in _places(folder):
        name = place.rpartition("/")[2]
        if name.startswith(_ROWS):
            _, partition, done = name.removesuffix(".json").split("-")
            # A task that is tried again begins at 0, and what it did before is done again.
            rows[unit][partition] = max(rows[unit][partition], int(done))
        elif name.startswith(_STOPPED):
            content = _content(filesystem, place)
            kind = getattr(errors, str(content.get("class")), PredictionError)
            stopped = kind(content["message"]) if content else stopped
        elif name.startswith(_FAILED):
            failed += int(_content(filesystem, place).get("rows", 0))
    return Notes(stopped, failed, {unit: sum(parts.values()) for unit, parts in rows.items()})


def _write(folder: str, name: str, content: Mapping[str, Any]) -> None:
    """Write a note at once: a driver that reads it meanwhile finds the old one or the new one.

    The directory for notes of the run has to be there, on a local file system. On object stores
    nothing but the note is written: a marker of a directory there would be part of the output.
    """
    filesystem, path = filesystem_of(folder)
    data = json.dumps(content).encode()
    if not is_local(filesystem):
        with filesystem.open_output_stream(f"{path}/{name}") as stream:
            stream.write(data)
        return
    make_directory(path, path.rsplit("/", 2)[0])
    hidden = f"{path}/.{uuid.uuid4().hex}"
    with filesystem.open_output_stream(hidden) as stream:
        stream.write(data)
    filesystem.move(hidden, f"{path}/{name}")


def _places(folder: str) -> Iterator[tuple[str, str]]:
    """Give unit and path of each note that counts."""
    filesystem, path = filesystem_of(folder)
    turns: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    selector = fs.FileSelector(path, allow_not_found=True, recursive=True)
    for info in filesystem.get_file_info(selector):
        if info.is_file and not info.base_name.startswith("."):
            unit, turn, _ = info.path.rsplit("/", 3)[1:]
            turns[unit][int(turn)].append(info.path)
    for unit, by_turn in turns.items():
        for place in by_turn[max(by_turn)]:
            yield unit, place


def _content(filesystem: fs.FileSystem, place: str) -> dict[str, Any]:
    """Read a note; nothing of one that is being written, as HDFS shows it."""
    with filesystem.open_input_stream(place) as stream:
        data = stream.read()
    try:
        content: dict[str, Any] = json.loads(data)
    except ValueError:
        return {}
    return content
