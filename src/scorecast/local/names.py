"""Names of the columns that go out: the same rules for files and for data frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scorecast.errors import InputDataError, did_you_mean


def kept_names(names: Sequence[str], keep: str | Sequence[str]) -> list[str]:
    """Give the columns that `keep` stands for: ``"all"``, ``"none"``, one name or several."""
    if keep == "all":
        return list(names)
    if keep == "none":
        return []
    return [keep] if isinstance(keep, str) else list(dict.fromkeys(keep))


def name_problems(names: Sequence[str], kept: Sequence[str], output_column: str) -> list[str]:
    """Say what is wrong with the names of the data and of the columns to write; empty if nothing.

    Args:
        names: All columns of the data.
        kept: Columns to keep.
        output_column: Name for the predictions.
    """
    problems = unknown_names("keep", kept, names)
    if output_column in kept:
        problems.append(
            f'the data has a column "{output_column}" already, which would be kept beside the '
            "prediction; choose another output column, or keep other columns"
        )
    return problems


def refuse_repeated_names(names: Sequence[str]) -> None:
    """Refuse data in which a name does not say which column is meant.

    Raises:
        InputDataError: Several columns have one name.
    """
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        message = (
            f"The data has several columns of one name: {', '.join(repeated)}. Rename or drop all "
            "but one of each."
        )
        raise InputDataError(message)


def unknown_names(option: str, asked: Sequence[str], names: Sequence[str]) -> list[str]:
    """Name the `asked` columns that the data does not have."""
    return [
        f'{option} names "{name}", which is no column of the data.{did_you_mean(name, names)}'
        for name in asked
        if name not in names
    ]
