"""How predictions are made beside what the model declares: the options that all fronts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

import numpy as np

from scorecast.errors import ConfigError

OnError: TypeAlias = Literal["fail", "null", "struct"]
Isolate: TypeAlias = Literal["row", "batch"]


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """Options of predicting. Small, picklable, the same for every batch.

    Attributes:
        on_error: What becomes of rows that the model fails on: ``fail`` ends the job, ``null``
            makes their prediction NULL, ``struct`` gives ``struct<result, error>`` for every row.
        isolate: Whether failing rows are found one by one (``row``), or a batch with one fails as
            a whole (``batch``): for models whose prediction of a row depends on the others.
        batch_size: Rows per call of the model, across the batches of Spark; None takes those.
        nan_as_null: Whether NaN in predictions becomes NULL, as in MLflow.
        model_output: Which column of the model's output a result of one value is; None takes
            the only one that fits.
        nullable_integers: Whether integer and boolean inputs reach the model as pandas' nullable
            types even where the signature requires them.
        extra_env: Environment variables during loading and predicting.
        max_errors: Rows of one batch that may fail before no more are looked for; None for all.
        error_class: Whether ``struct`` has the class of the error as a third field.
    """

    on_error: OnError = "fail"
    isolate: Isolate = "row"
    batch_size: int | None = None
    nan_as_null: bool = False
    model_output: str | None = None
    nullable_integers: bool = False
    extra_env: Mapping[str, str] = field(default_factory=dict)
    max_errors: int | None = None
    error_class: bool = False

    def problems(self) -> list[str]:
        """Name what is wrong, one text each. Runs on the driver."""
        found = [
            f'{name} is "{value}"; choose {" or ".join(_quoted(get_args(choices)))}'
            for name, value, choices in (
                ("on_error", self.on_error, OnError),
                ("isolate", self.isolate, Isolate),
            )
            if value not in get_args(choices)
        ]
        if self.batch_size is not None and not _is_count(self.batch_size):
            found.append(f"batch_size is {self.batch_size}; give a number of rows, 1 or more")
        if not _is_environment(self.extra_env):
            found.append("extra_env must be a dict of names to texts, without = in a name")
        if not _is_name(self.model_output):
            found.append(f"model_output is {self.model_output}; give the name of a column as text")
        return found

    def check(self) -> None:
        """Refuse options that are wrong. Runs on the driver.

        Raises:
            ConfigError: Some are; all are named.
        """
        if problems := self.problems():
            raise ConfigError.from_problems("options", problems)


# Callers without a type checker pass anything.
def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def _is_name(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_environment(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and isinstance(text, str)
        and name not in ("", "=")
        and "=" not in name
        and "\0" not in name + text
        for name, text in value.items()
    )


def _quoted(names: tuple[str, ...]) -> list[str]:
    return [f'"{name}"' for name in names]
