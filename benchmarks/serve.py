"""The process of one contender: reads work as lines of JSON, answers in lines of JSON.

python -m benchmarks.serve NAME CORES
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict

from benchmarks.contenders import make
from benchmarks.work import Work


def main(name: str, cores: int) -> None:
    """Serve until there is no more input."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    contender = make(name, cores)
    for line in sys.stdin:
        try:
            answer = asdict(contender.run(Work.from_json(json.loads(line))))
        except Exception:  # noqa: BLE001 - whatever it is, the benchmark goes on without it
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    contender.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
