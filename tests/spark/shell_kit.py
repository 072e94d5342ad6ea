"""Real shells that complete what is typed into them."""

import os
import sys
from pathlib import Path

# What a shell runs: the program for completion, else one that prints what it is given.
PROGRAM = f"""#!/bin/sh
if [ -n "$_SCORECAST_COMPLETE" ] || [ "$1" = completion ]; then
    exec {sys.executable} -c \\
        'from scorecast.cli.main import entry_point; entry_point()' "$@"
fi
printf 'GIVEN'
printf ' [%s]' "$@"
echo
"""

# Types lines into a shell on a terminal of its own, and prints what it answers until it ends.
TYPIST = r"""
import os, pty, sys
shell, *lines = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(shell.split()[0], shell.split())
for line in lines:
    os.write(terminal, line.encode() + b"\n")
answer = b""
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:
        break
    if not more:
        break
    answer += more
os.waitpid(pid, 0)
sys.stdout.buffer.write(answer)
"""


def with_program(folder: Path) -> dict[str, str]:
    """Put the program into a folder; give the variables of a shell that finds it."""
    program = folder / "scorecast"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    # Nothing of the user's own is read.
    return {"PATH": path, "HOME": str(folder), "ZDOTDIR": str(folder), "TERM": "dumb", "PS1": ""}


def given(answer: str) -> list[str]:
    """Give what the program was given, line by line."""
    return [line[line.index("GIVEN") + 6 :] for line in answer.splitlines() if "GIVEN [" in line]
