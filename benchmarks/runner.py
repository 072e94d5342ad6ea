"""Runs one case: its lanes in turn, each output checked, round by round."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Lane
from benchmarks.checks import BrokenBenchmarkError, check_output, check_rows, check_sum
from benchmarks.datasets import Dataset, ModelSpec, Store
from benchmarks.servers import ContenderError, Servers
from benchmarks.work import LIMIT, Work

_TIMEOUT = 900.0
_SECONDS_FOR_MORE = 45.0


@dataclass(frozen=True, slots=True)
class Turn:
    """A lane that is ready to run."""

    name: str
    lane: Lane
    data: Dataset
    model: ModelSpec
    work: Work


@dataclass(slots=True)
class Runner:
    """What runs need.

    Attributes:
        store: Data and models.
        servers: Processes of the contenders.
        cores: Cores of a session.
        say: Where to tell what goes on.
        warm: Whether to warm contenders first.
    """

    store: Store
    servers: Servers
    cores: int
    say: Callable[[str], None]
    warm: bool = True
    _number: int = 0

    def turns(self, case: Case) -> list[Turn]:
        """Make data and models of a case, and read the data once, so that memory holds it."""
        turns = []
        for name, lane in case.lanes.items():
            data = replace(case.data, repeats=case.data.repeats * lane.times, spoiled=lane.spoiled)
            model = ModelSpec(case.model.name, 1) if lane.tiny else case.model
            work = Work(
                operation=lane.operation,
                data=str(self.store.data(data)),
                model=str(self.store.model(model, data)),
                inputs=data.inputs,
                kind=data.kind,
                result=case.result,
                quarantine=case.quarantine,
                partitions=case.partitions,
                memory=case.memory,
            )
            self.store.expected(model, data)
            self.store.warm_data(data)
            turns.append(Turn(name, lane, data, model, work))
        for folder in {str(self.store.data(turn.data.base)) for turn in turns}:
            for file in Path(folder).iterdir():
                _read(file)
        return turns

    def round(self, case: Case, turns: list[Turn]) -> dict[str, dict[str, Any]]:
        """Run each lane once; a lane that fails gives ``{"error": text}``."""
        found: dict[str, dict[str, Any]] = {}
        for turn in turns:
            try:
                found[turn.name] = self._run(case, turn)
            except (ContenderError, BrokenBenchmarkError) as error:
                self.say(f"{case.name}, {turn.name}: {error}")
                found[turn.name] = {"error": str(error).strip()}
                if isinstance(error, ContenderError):
                    self.servers.drop(*self.server_key(turn.lane))
        return _with_relations(found)

    def server_key(self, lane: Lane) -> tuple[str, int]:
        """Tell which process a lane runs in."""
        return lane.contender, lane.cores or self.cores

    def _run(self, case: Case, turn: Turn) -> dict[str, Any]:
        server = self.servers.get(*self.server_key(turn.lane))
        key = f"{case.name} {turn.lane.operation} {turn.model}"
        if self.warm and not server.is_warm(key):
            warm = str(self.store.warm_data(turn.data))
            self._do(server, case, replace(turn.work, data=warm), None)
        found = self._do(server, case, turn.work, turn)
        server.note_warm(key)
        return {**found, "rows_per_second": turn.data.total / found["seconds"]}

    def _do(self, server: Any, case: Case, work: Work, turn: Turn | None) -> dict[str, Any]:
        """Run once, in a directory of its own, and check unless it only warms."""
        self._number += 1
        output = self.store.root / "outputs" / str(self._number)
        shutil.rmtree(output.parent, ignore_errors=True)
        output.parent.mkdir(parents=True)
        if case.fresh:
            model = self.store.fresh_model(Path(work.model), self._number)
            work = replace(work, model=str(model))
        found: dict[str, Any] = server.run(replace(work, output=str(output)), timeout=_TIMEOUT)
        if turn is not None:
            self._check(case, turn, output, found)
        shutil.rmtree(output.parent)
        shutil.rmtree(self.store.root / "fresh", ignore_errors=True)
        return found

    def _check(self, case: Case, turn: Turn, output: Path, found: dict[str, Any]) -> None:
        expected = self.store.expected(turn.model, turn.data)
        if turn.work.operation == "job":
            check_output(
                output,
                expected,
                turn.data.repeats,
                exact=case.exact,
                quarantine=case.quarantine and turn.lane.spoiled,
            )
        elif turn.work.operation == "limit":
            check_rows(found, expected, LIMIT)
        else:
            check_sum(found, expected, turn.data.repeats)


def run_case(
    runner: Runner,
    case: Case,
    *,
    rounds: tuple[int, int],
    deadline: float,
    note: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """Run all rounds of a case.

    Args:
        runner: What runs.
        case: The case.
        rounds: Rounds that are wanted, and rounds at most where they are short.
        deadline: When time is over, on the clock of `time.monotonic`; one round runs all the same.
        note: Called with the result so far after each round.

    Returns:
        Rows, rounds and seconds of the case.
    """
    started = time.monotonic()
    turns = runner.turns(case)
    prepared = time.monotonic()
    result: dict[str, Any] = {"title": case.title, "rows": case.largest, "rounds": []}
    least, most = rounds
    for number in range(most):
        now = time.monotonic()
        if number and (now > deadline or (number >= least and now - prepared > _SECONDS_FOR_MORE)):
            break
        result["rounds"].append(runner.round(case, turns))
        result["took"] = time.monotonic() - prepared
        result["preparation"] = prepared - started
        note(result)
    return result


def _with_relations(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add what follows from two lanes: what the weights of a model take."""
    without = found.get("without weights", {}).get("workers_mb")
    if without is None:
        return found
    return {
        name: facts | {"weights_mb": facts["workers_mb"] - without}
        if "workers_mb" in facts and name != "without weights"
        else facts
        for name, facts in found.items()
    }


def _read(file: Path) -> None:
    with file.open("rb") as stream:
        while stream.read(1 << 24):
            pass
