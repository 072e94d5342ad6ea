"""The long version of the fault suite: many rounds of each check, one line of counts for each.

    python tests/faults/long.py --all
    python tests/faults/long.py driver-kill --rounds 3

Ends with 1 if a reader ever saw a mix, a row was lost or doubled, or a rerun did not converge.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import long_checks as checks
import long_sizes as sizes
from fault_kit import OLD, Place
from long_kit import Tally

# Name -> check, rounds.
CHECKS: dict[str, tuple[Callable[[Place, Tally], None], int]] = {
    "failing-model": (checks.failing_model, 20),
    "exits": (checks.exits, 3),
    "crash": (checks.crash, 5),
    "hang": (checks.hang, 5),
    "memory": (checks.memory, 1),
    "full-disk": (checks.full_disk, 10),
    "max-failures": (checks.max_failures, 1),
    "pair": (checks.pair, 30),
    "siblings": (checks.siblings, 1),
    "zombie": (checks.zombie, 20),
    "worker-kill": (checks.worker_kill, 50),
    "executor-kill": (checks.executor_kill, 20),
    "decommission": (checks.decommission, 3),
    "crash-points": (checks.crash_points, 1),
    "driver-kill": (checks.driver_kill, 50),
    "submit-kill": (checks.submit_kill, 10),
    "terminate": (checks.terminate, 20),
    "submit-terminate": (checks.submit_terminate, 5),
    "poison": (sizes.poison, 1),
    "many-columns": (sizes.many_columns, 1),
    "large-cell": (sizes.large_cell, 1),
    "many-files": (sizes.many_files, 1),
    "large-group": (sizes.large_group, 1),
    "leaks": (checks.leaks, 1),
    "speculation": (checks.speculation, 1),
}


def run(name: str, place: Place, rounds: int) -> Tally:
    """Do the rounds of a check, and print what came of them."""
    work, tally, started = CHECKS[name][0], Tally(), time.monotonic()
    for number in range(rounds):
        tally.rounds = number
        work(place, tally)
    tally.demand_readings()
    print(
        f"{name:<16} rounds {rounds}, problems {len(tally.problems)}, partial reads "
        f"{tally.partial}, lost {tally.lost}, doubled {tally.doubled}, exit codes "
        f"{dict(tally.codes)}, readings {dict(tally.seen)} in {tally.seconds_read:.0f} s, "
        f"{time.monotonic() - started:.0f} s",
        flush=True,
    )
    for line in (*tally.notes, *tally.problems[:5]):
        print(f"  {line}", flush=True)
    return tally


def main() -> int:
    """Run the checks that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, help="for each check; else as many as it needs")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    given = parser.parse_args()
    names = list(CHECKS) if given.all else given.checks
    if unknown := set(names) - set(CHECKS):
        parser.error(
            f"no check is named {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}"
        )
    print(f"seed {given.seed}", flush=True)
    random.seed(given.seed)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        place = Place(Path(folder) / "place")
        code, text = place.run(place.model(OLD))
        if code != 0:
            print(text)
            return 1
        place.keep()
        tallies = [run(name, place, given.rounds or CHECKS[name][1]) for name in names]
    return 1 if any(tally.problems for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
