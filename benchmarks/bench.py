"""scorecast beside other tools: the same data, model and cores, in turn, every output checked.

    make bench                                           everything, and the table of the README
    make bench BENCH="--only job20,flights --rows 4e6"   some cases, with so many rows
    make bench-quick                                     little data: does everything still work?
    python -m benchmarks.bench --from-results            prints what was measured before

How it is measured:

- A case (`benchmarks/cases.py`) has lanes: a contender (`benchmarks/contenders/`) and one way to
  use it. All lanes run in turn, A B C A B C, and ratios are taken within a round: what slows the
  machine down slows both sides. The ratio of a case is the median over its rounds; the range is
  printed, too.
- Each contender lives in a process of its own, with its session, and only one works at a time.
  Before a case, and whenever it has rested for 40 s, it runs a small part of the data untimed, so
  that no start of a JVM, of workers or of imports is in a figure. The data is read once, into the
  page cache.
- The model is one and the same estimator, in a model directory that scorecast and MLflow both load;
  contenders that bring no model call of their own give it one block of a batch.
- Time is taken inside the process of the contender. A job is timed from the path of the model to
  the output in place (for scorecast: all its guards, the manifest and the publish included),
  written as snappy parquet with an id and the prediction. `benchmarks/work.py` says what else is
  timed.
- All Spark sessions have the same settings (`benchmarks/contenders/spark_base.py`), the other tools
  as many processes or threads as there are cores.
- What a contender wrote is read back after every run: each id as often as it should be there, each
  prediction equal to that of the estimator on the driver (to 1e-9 where sums may run in another
  order, else bit for bit).

Data, models and results are kept in build/bench; results.json is written after every round.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES, Case
from benchmarks.contenders import CONTENDERS
from benchmarks.datasets import Store
from benchmarks.runner import Runner, run_case
from benchmarks.servers import ROOT, Servers
from benchmarks.table import bar_lines, case_lines, readme_table, rewrite

FOLDER = ROOT / "build" / "bench"

# Java that starts fast and never gets fast, for the quick version.
_QUICK_JAVA = {
    "PYSPARK_SUBMIT_ARGS": (
        '--conf "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" '
        "pyspark-shell"
    )
}

# A case whose rounds are short gets more of them.
_MOST_ROUNDS = 5


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", help="names of cases, with commas: " + ",".join(case.name for case in CASES))
    add("--contenders", help="names of contenders, with commas: " + ",".join(CONTENDERS))
    add("--rounds", type=int, default=3, help="rounds of a case (3); more where they are short")
    add("--rows", type=float, help="rows of the largest lane of each case")
    add("--cores", type=int, default=os.cpu_count(), help="cores to use (all)")
    add("--minutes", type=float, default=35, help="begin no further case after so long (35)")
    add("--quick", action="store_true", help="little data, one round, no warming")
    add("--prepare", action="store_true", help="make data and models, and run nothing")
    add("--json", action="store_true", help="print the results as JSON")
    add("--readme", action="store_true", help="rewrite the table of README.md")
    add("--from-results", action="store_true", help="run nothing, print what is there")
    add("--folder", type=Path, default=FOLDER, help="where data and results are kept (build/bench)")
    found = parser.parse_args(words)
    names = {case.name for case in CASES}
    for option, known in (("only", names), ("contenders", set(CONTENDERS))):
        chosen = set(filter(None, (getattr(found, option) or "").split(",")))
        if unknown := chosen - known:
            parser.error(f"--{option} names {', '.join(sorted(unknown))}, which are not known")
        setattr(found, option, chosen or known)
    return found


def chosen(options: argparse.Namespace) -> list[Case]:
    """Give the cases to run, with the lanes of the chosen contenders."""
    cases = []
    for case in CASES:
        if case.name not in options.only:
            continue
        found = case.quick() if options.quick else case
        if options.rows:
            found = found.scaled(int(options.rows))
        cases.append(found.only(options.contenders))
    return [case for case in cases if case.lanes]


def machine(cores: int) -> str:
    """Describe where it runs, and with which versions."""
    packages = {"scorecast", *(p for entry in CONTENDERS.values() for p in entry.packages)}
    versions = ", ".join(f"{name} {version(name)}" for name in sorted(packages))
    return f"{cores} cores, Python {platform.python_version()}, {versions}"


def run(options: argparse.Namespace, results: dict[str, Any], file: Path) -> bool:
    """Run the cases, noting results in `results` and `file`; tell whether nothing failed."""
    cases, store = chosen(options), Store(options.folder)
    servers = Servers(options.folder / "logs", _QUICK_JAVA if options.quick else {})
    runner = Runner(store, servers, options.cores, _say, warm=not options.quick)
    deadline = time.monotonic() + options.minutes * 60
    good = True
    try:
        for number, case in enumerate(cases):
            if not options.quick and time.monotonic() > deadline:
                _say(f"{case.name}: left out, {options.minutes:g} minutes are over")
                continue

            if options.prepare:
                runner.turns(case)
                _say(f"{case.name}: made")
                continue

            def note(result: dict[str, Any], case: Case = case) -> None:
                results["cases"][case.name] = result
                partial = file.with_suffix(".partial")
                partial.write_text(json.dumps(results, indent=1), "utf-8")
                partial.rename(file)

            result = run_case(
                runner, case, rounds=_rounds(options, case), deadline=deadline, note=note
            )
            failed = [lane for turn in result["rounds"] for lane in turn if "error" in turn[lane]]
            good = good and not failed
            _say(
                f"\n{case.name}: {case.title}; {len(result['rounds'])} rounds of {case.largest:,} "
                f"rows in {result['took']:.0f} s, made in {result['preparation']:.0f} s"
            )
            _say("\n".join(case_lines(case, result["rounds"])))
            later = {runner.server_key(x) for c in cases[number + 1 :] for x in c.lanes.values()}
            servers.keep_only(later)
    finally:
        servers.stop()
    return good


def main(words: Sequence[str]) -> int:
    """Run the benchmark; 1 if a contender failed or gave something wrong, whatever it took."""
    options = parse(words)
    options.folder = options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / ("quick.json" if options.quick else "results.json")
    results: dict[str, Any] = {"machine": machine(options.cores), "cases": {}}
    if file.exists() and not options.quick:
        results["cases"] = json.loads(file.read_text("utf-8"))["cases"]
    started = time.monotonic()
    good = options.from_results or run(options, results, file)
    if options.json:
        print(json.dumps(results, indent=1))
    elif not options.quick:
        print("\ncase, ours, other, ratio median [min..max], bar, reached")
        print("\n".join(bar_lines(results)))
        print(f"\n{readme_table(results)}")
    if options.readme:
        readme = ROOT / "README.md"
        readme.write_text(rewrite(readme.read_text("utf-8"), readme_table(results)), "utf-8")
    if not options.from_results:
        words = "nothing failed" if good else "SOME FAILED, see above"
        _say(f"\n{(time.monotonic() - started) / 60:.1f} minutes, {words}")
    return 0 if good else 1


def _rounds(options: argparse.Namespace, case: Case) -> tuple[int, int]:
    """Give the rounds that have to be, and those that may be."""
    least = min(options.rounds, case.rounds or options.rounds)
    return least, case.rounds or max(_MOST_ROUNDS, least)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
