"""One case of the comparison with MLflow: a model, data and a call, run by both libraries."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pyspark.sql import Row

import scorecast
from scorecast.spark.failures import error_in_worker

At: TypeAlias = Literal["make", "call", "select", "run"]
Specs: TypeAlias = list[dict[str, Any]]

# Given, so that MLflow does not start a process to find the requirements out.
PIN = ["numpy"]


@dataclass(frozen=True)
class Gives:
    """An outcome: values in the order of the rows, None for NULL.

    Attributes:
        rows: The values; records are dicts. Compared with the types of Python.
        type: Type of the column as Spark writes it, where the case is about it.
        warns: Part of the one warning that is given on the driver; None for none.
    """

    rows: list[Any]
    type: str | None = None
    warns: str | None = None


@dataclass(frozen=True)
class Fails:
    """An outcome: an error.

    Attributes:
        at: ``make`` for the call of spark_udf, ``call`` for that of the function, ``select`` for
            the analysis of the query, all on the driver; ``run`` for the worker.
        text: Part of the error's name and message.
    """

    at: At
    text: str


Outcome: TypeAlias = Gives | Fails


@dataclass(frozen=True, eq=False)
class Model:
    """A model that MLflow saves.

    Attributes:
        predict: What it predicts: a function of the input, or a factory of a PythonModel.
        inputs: Declared inputs, as they stand in an MLmodel file; None for none.
        outputs: Declared outputs.
        params: Declared params.
        config: Its model_config.
        save: Writes it, where it is neither a function nor a PythonModel.
    """

    predict: Callable[..., Any] | None = None
    inputs: Specs | None = None
    outputs: Specs | None = None
    params: Specs | None = None
    config: Mapping[str, Any] | None = None
    save: Callable[[Path], None] | None = None

    def write(self, path: Path) -> None:
        """Save it by MLflow."""
        from mlflow import pyfunc

        if self.save is not None:
            self.save(path)
            return
        predict = self.predict
        wants_all = predict.__code__.co_argcount > 1
        pyfunc.save_model(
            path,
            python_model=_python_model(predict) if wants_all else predict,
            signature=self._signature(),
            model_config=None if self.config is None else dict(self.config),
            pip_requirements=PIN,
        )

    def _signature(self) -> Any:
        from mlflow.models import ModelSignature
        from mlflow.types.schema import ParamSchema, Schema

        if self.inputs is None and self.outputs is None and self.params is None:
            return None

        def schema(specs: Specs | None, kind: Any) -> Any:
            return None if specs is None else kind.from_json(json.dumps(specs))

        return ModelSignature(
            schema(self.inputs, Schema),
            schema(self.outputs, Schema),
            schema(self.params, ParamSchema),
        )


def _python_model(predict: Callable[..., Any]) -> Any:
    from mlflow.pyfunc import PythonModel

    class Predicts(PythonModel):
        def predict(self, context, model_input, params=None):
            return predict(model_input, params, context)

    return Predicts()


@dataclass(frozen=True)
class Frame:
    """Rows for Spark.

    Attributes:
        schema: Their schema as DDL.
        rows: The rows.
        partitions: 1, or 2 that each hold half of the rows.
    """

    schema: str
    rows: list[tuple[Any, ...]]
    partitions: int = 1

    def create(self, spark: Any) -> Any:
        """Make the data frame."""
        df = spark.createDataFrame(self.rows, self.schema)
        return df.coalesce(1) if self.partitions == 1 else df


@dataclass(frozen=True)
class Case:
    """What both libraries are given, and what is expected of each.

    Attributes:
        id: Name of the test.
        row: What of reference/mlflow.md it proves: its section and row.
        model: The model.
        frame: The data.
        call: Applies the function.
        relation: Whether both are expected to agree, or to differ on purpose. Two errors agree.
        ours: What scorecast does.
        mlflow: What MLflow does; None where it is the same.
        result_type: Given to both.
        options: Further options, given to both.
        ours_only: Further options that MLflow does not have.
        conf: Settings of the session for this case.
    """

    id: str
    row: str
    model: Model
    frame: Frame
    call: Callable[[Any], Any]
    relation: Literal["agree", "differ"]
    ours: Outcome
    mlflow: Outcome | None = None
    result_type: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    ours_only: Mapping[str, Any] = field(default_factory=dict)
    conf: Mapping[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether the two expected outcomes are the same values, or both errors."""
        kinds = {type(self.ours), type(self.of_mlflow)}
        if kinds == {Gives}:
            return repr(self.ours.rows) == repr(self.of_mlflow.rows)
        return kinds == {Fails}

    @property
    def of_mlflow(self) -> Outcome:
        """What MLflow is expected to do."""
        return self.ours if self.mlflow is None else self.mlflow


@dataclass(frozen=True)
class Got:
    """What happened: values and their type, or where it failed and how."""

    rows: list[Any] | None = None
    type: str | None = None
    warned: tuple[str, ...] = ()
    at: At | None = None
    text: str = ""


def run_mlflow(spark: Any, case: Case, path: Path) -> Got:
    """Run a case by MLflow."""
    from mlflow.pyfunc import spark_udf

    return _run(spark, case, lambda: spark_udf(spark, str(path), case.result_type, **case.options))


def run_ours(spark: Any, case: Case, path: Path) -> Got:
    """Run a case by scorecast."""
    options = {**case.options, **case.ours_only}
    return _run(
        spark, case, lambda: scorecast.spark_udf(spark, str(path), case.result_type, **options)
    )


def _run(spark: Any, case: Case, make: Callable[[], Any]) -> Got:
    at: At = "make"
    with _settings(spark, case.conf), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            udf = make()
            at = "call"
            column = case.call(udf)
            at = "select"
            df = case.frame.create(spark).select(column.alias("p"))
            at = "run"
            rows = [plain(row.p) for row in df.collect()]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
            return Got(at=at, text=_text(error))
    told = tuple(str(w.message) for w in caught if w.category is UserWarning)
    return Got(rows, df.schema["p"].dataType.simpleString(), told)


@contextmanager
def _settings(spark: Any, conf: Mapping[str, str]) -> Iterator[None]:
    before = {key: spark.conf.get(key) for key in conf}
    for key, value in conf.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


def _text(error: Exception) -> str:
    error = error_in_worker(error) or error
    return f"{type(error).__name__}: {error}"


def plain(value: Any) -> Any:
    """Give a value of Spark as dicts and lists."""
    if isinstance(value, Row):
        return {name: plain(item) for name, item in value.asDict().items()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def difference(got: Got, expected: Outcome, *, warned: bool) -> str:
    """Say in what an outcome differs from the expected one; an empty text if in nothing."""
    if isinstance(expected, Fails):
        if got.at == expected.at and expected.text in got.text:
            return ""
        return f"expected {expected}, got {_short(got)}"
    # As text, NaN is NaN, and 1, 1.0 and True are three things.
    if got.at is not None or repr(got.rows) != repr(expected.rows):
        return f"expected {expected}, got {_short(got)}"
    if expected.type is not None and got.type != expected.type:
        return f"expected the type {expected.type}, got {got.type}"
    if warned and not _as_warned(got.warned, expected.warns):
        return f"expected the warning {expected.warns}, got {got.warned}"
    return ""


def _as_warned(warned: tuple[str, ...], expected: str | None) -> bool:
    return not warned if expected is None else len(warned) == 1 and expected in warned[0]


def _short(got: Got) -> str:
    if got.at is None:
        return f"{got.rows} of type {got.type}"
    lines = got.text.strip().splitlines()
    return f"an error at {got.at}: " + " | ".join([*lines[:2], *lines[-12:]])[:1500]
