"""Run the job, and do something at one of its steps.

    python job.py STEP:N:ACT OPTIONS...

ACT is ``kill`` (SIGKILL of this process), ``stop`` (SIGSTOP), or ``mark=FILE`` (make a file and
wait until it is gone) at the N-th time of STEP.
"""

import functools
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import scorecast.batch.run
from scorecast.cli.main import main

WANTED, NUMBER, ACT = sys.argv[1].rsplit(":", 2)
seen: Counter[str] = Counter()


def step(name: str) -> None:
    """Act when it is time."""
    seen[name] += 1
    if name != WANTED or seen[name] != int(NUMBER):
        return
    if ACT == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif ACT == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        mark = Path(ACT.removeprefix("mark="))
        mark.touch()
        while mark.exists():
            time.sleep(0.01)


scorecast.batch.run.batch_predict = functools.partial(
    scorecast.batch.run.run_job, preflight=True, step=step
)
if __name__ == "__main__":
    sys.exit(main(["batch-predict", *sys.argv[2:]]))
