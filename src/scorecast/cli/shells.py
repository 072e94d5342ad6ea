"""Completion in shells: click's own, and for bash one that knows words with ``:`` in them."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

COMPLETE_VARIABLE = "_SCORECAST_COMPLETE"
"""Variable by which a shell asks; click derives it from the name of the program."""

# Bash takes ":", "=" and "@" for the ends of words. So the words are those of the whole line, and
# of an answer only that goes back which stands in the place of what bash takes for the word ($2).
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value completion
    for completion in $(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="$2" \\
            %(complete_var)s=bash_complete "$1" 2>/dev/null); do
        type="${completion%%%%,*}" value="${completion#*,}"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _WholeWords(BashComplete):
    """Completes the words that the shell will pass on, whatever bash takes for words."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        # One letter more, so that the last word is the one that is being typed.
        words = split_arg_string(f"{os.environ['COMP_LINE']}x")
        return words[1:-1], words[-1][:-1]

    def complete(self) -> str:
        """Give the answers, each without what stands before the word of bash."""
        arguments, typed = self.get_completion_args()
        option, equals, value = typed.partition("=")
        begun = value if equals and option.startswith("-") else typed
        word = os.environ["COMP_WORD"]
        before = len(begun) - len(word) if word and begun.endswith(word) else len(begun)
        return "\n".join(
            f"{item.type},{item.value[max(before, 0) :] if item.type == 'plain' else item.value}"
            for item in self.get_completions(arguments, typed)
        )


def use_own_bash() -> None:
    """Take it in the place of click's, in this process."""
    add_completion_class(_WholeWords)


def completion_script(program: click.Command, shell: str) -> str:
    """Give the script that makes a shell ask the program.

    Args:
        program: The program.
        shell: ``bash``, ``zsh`` or ``fish``.
    """
    kinds: dict[str, type[ShellComplete]] = {
        "bash": _WholeWords,
        "zsh": ZshComplete,
        "fish": FishComplete,
    }
    return kinds[shell](program, {}, "scorecast", COMPLETE_VARIABLE).source()
