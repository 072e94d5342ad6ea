"""What is measured: data, model, lanes and bars of each case, the most important first.

A lane is a contender with one way to use it; the lanes of a case run in turn, round by round.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from benchmarks.datasets import Dataset, ModelSpec
from benchmarks.measure import Bar
from benchmarks.work import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One line of a case.

    Attributes:
        contender: Who, a name of `benchmarks.contenders.CONTENDERS`.
        operation: What it does.
        times: Multiplies the rows of the case.
        spoiled: Whether the data has rows that the model fails on.
        cores: Cores of its session; None takes those of the benchmark.
        tiny: Whether the model is a tiny one of the same class, for what a worker takes without.
    """

    contender: str
    operation: Operation = "job"
    times: int = 1
    spoiled: bool = False
    cores: int | None = None
    tiny: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One comparison.

    Attributes:
        name: What the command line calls it.
        title: What a table calls it.
        data: Data of lanes with ``times=1``.
        model: The model.
        lanes: Who takes part, by the name that tables use.
        bars: What has to be reached.
        quick_data: Data of the quick version.
        quick_model: Model of the quick version; None takes the same.
        result: Type of a prediction.
        exact: Whether predictions have to be equal bit for bit.
        memory: Whether memory is measured.
        fresh: Whether each run gets a model that no worker has loaded.
        quarantine: Whether jobs put failing rows aside.
        partitions: Partitions of the data frame; 0 leaves them to Spark.
        rounds: Rounds at most; None leaves it to the command line.
    """

    name: str
    title: str
    data: Dataset
    model: ModelSpec
    lanes: Mapping[str, Lane]
    bars: tuple[Bar, ...] = ()
    quick_data: Dataset
    quick_model: ModelSpec | None = None
    result: str = "double"
    exact: bool = False
    memory: bool = False
    fresh: bool = False
    quarantine: bool = False
    partitions: int = 0
    rounds: int | None = None

    @property
    def largest(self) -> int:
        """Rows of the largest lane."""
        return self.data.total * max(lane.times for lane in self.lanes.values())

    def quick(self) -> Case:
        """Give the version with little data."""
        model = self.quick_model or self.model
        return replace(self, data=self.quick_data, model=model, rounds=1)

    def only(self, contenders: Collection[str]) -> Case:
        """Give the case with the lanes of some contenders."""
        lanes = {name: lane for name, lane in self.lanes.items() if lane.contender in contenders}
        return replace(self, lanes=lanes)

    def scaled(self, rows: int) -> Case:
        """Give the case with so many rows in the largest lane, nearly."""
        base = max(self.data.files, round(self.data.rows * rows / self.largest))
        return replace(self, data=replace(self.data, rows=base))


OURS, MLFLOW, FLOOR = "scorecast", "MLflow", "pyarrow loop"

_SPARK = {
    "scorecast, spark engine": Lane(contender="scorecast-spark"),
    "predict_batch_udf": Lane(contender="predict_batch_udf"),
    "mapInPandas": Lane(contender="mapInPandas"),
}
_OTHERS = {
    "Ray Data": Lane(contender="ray"),
    "Daft": Lane(contender="daft"),
    "Polars": Lane(contender="polars"),
}
_THREE = {
    OURS: Lane(contender="scorecast"),
    MLFLOW: Lane(contender="mlflow"),
    FLOOR: Lane(contender="pyarrow"),
}
_LINEAR = ModelSpec("linear")


def _faster(times: float, title: str = "times as fast") -> Bar:
    return Bar(title=title, ours=OURS, other=MLFLOW, at_least=times)


def _near(other: str, limit: float) -> Bar:
    return Bar(title="time", ours=OURS, other=other, value="ours/other", at_most=limit)


def _columns(width: int, rows: int, **more: int) -> Dataset:
    return Dataset(kind="columns", width=width, rows=rows, **more)  # type: ignore[arg-type]


def _lists(width: int, rows: int, files: int = 8) -> Dataset:
    return Dataset(kind="list", width=width, rows=rows, files=files)


def _growth() -> tuple[dict[str, Lane], tuple[Bar, ...]]:
    sizes = (1, 4, 16, 64)
    lanes = {f"{OURS}, {n} M": Lane(contender="scorecast", times=n) for n in sizes}
    lanes |= {f"{FLOOR}, {n} M": Lane(contender="pyarrow", times=n) for n in sizes}
    largest = f"{OURS}, 64 M"
    speed = tuple(
        Bar(
            title="rows/s",
            ours=largest,
            other=f"{OURS}, {n} M",
            value="ours/other",
            quantity="rows_per_second",
            at_least=0.85,
        )
        for n in (1, 4, 16)
    )
    flat = Bar(
        title="memory of the driver, MB",
        ours=largest,
        other=f"{OURS}, 1 M",
        value="ours/other",
        quantity="driver_mb",
        at_most=1.15,
    )
    return lanes, (*speed, flat)


_GROWTH_LANES, _GROWTH_BARS = _growth()

CASES = (
    Case(
        name="job20",
        title="20 doubles, linear, 4 M rows",
        data=_columns(20, 4_000_000),
        model=_LINEAR,
        lanes=_THREE | _SPARK | _OTHERS,
        bars=(_faster(5),),
        quick_data=_columns(20, 40_000),
    ),
    Case(
        name="job20x16",
        title="the same, 16 M rows",
        data=_columns(20, 4_000_000, repeats=4),
        model=_LINEAR,
        lanes=_THREE | _OTHERS,
        bars=(
            _faster(8),
            _near("Daft", 1.0),
            _near("Ray Data", 1.0),
            _near(FLOOR, 1.3),
            _near("Polars", 1.6),
        ),
        quick_data=_columns(20, 40_000, repeats=2),
        rounds=3,
    ),
    Case(
        name="flights",
        title="flights (text, numbers, times), boosted trees, 10 M rows",
        data=Dataset(kind="flights", rows=336_776, files=1, groups=3, repeats=30),
        model=ModelSpec("delays"),
        lanes=_THREE,
        bars=(_faster(3), _near(FLOOR, 1.3)),
        quick_data=Dataset(kind="flights", rows=20_000, files=2, repeats=2),
        exact=True,
        rounds=3,
    ),
    Case(
        name="column",
        title="a column or frame of predictions, 20 doubles, 4 M rows",
        data=_columns(20, 4_000_000),
        model=_LINEAR,
        lanes={
            "scorecast spark_udf": Lane(contender="scorecast", operation="column"),
            "scorecast predict_frame": Lane(contender="scorecast", operation="frame"),
            MLFLOW: Lane(contender="mlflow", operation="column"),
        },
        bars=(
            Bar(title="spark_udf", ours="scorecast spark_udf", other=MLFLOW, at_least=1.5),
            Bar(title="predict_frame", ours="scorecast predict_frame", other=MLFLOW, at_least=2),
        ),
        quick_data=_columns(20, 40_000),
    ),
    Case(
        name="array768",
        title="array<double>[768], linear, 100,000 rows",
        data=_lists(768, 100_000),
        model=_LINEAR,
        lanes=_THREE,
        bars=(_faster(3),),
        quick_data=_lists(768, 2000, files=2),
    ),
    Case(
        name="forest",
        title="a forest of 300 MB, first use in a warm session, 16 partitions",
        data=_columns(20, 16_000, files=16),
        model=ModelSpec("forest", 300),
        lanes={
            OURS: Lane(contender="scorecast", operation="first"),
            MLFLOW: Lane(contender="mlflow", operation="first"),
        },
        bars=(
            _faster(3),
            Bar(title="loads per worker", ours=OURS, quantity="loads_per_worker", at_most=1),
        ),
        quick_data=_columns(20, 1600, files=16),
        quick_model=ModelSpec("forest", 10),
        fresh=True,
        partitions=16,
    ),
    Case(
        name="limit",
        title=".limit(10) in a warm session, array<double>[32]",
        data=_lists(32, 400_000),
        model=_LINEAR,
        lanes={
            OURS: Lane(contender="scorecast", operation="limit"),
            MLFLOW: Lane(contender="mlflow", operation="limit"),
        },
        bars=(_faster(10),),
        quick_data=_lists(32, 8000),
    ),
    Case(
        name="weights",
        title="weights of 1 GB in 8 workers",
        data=_columns(1, 8_000_000),
        model=ModelSpec("weights", 1024),
        # The tiny model first: workers keep what they have loaded.
        lanes={
            "without weights": Lane(contender="scorecast", operation="column", cores=8, tiny=True),
            OURS: Lane(contender="scorecast", operation="column", cores=8),
        },
        bars=(
            Bar(
                title="memory of all workers beyond that without weights, MB",
                ours=OURS,
                quantity="weights_mb",
                at_most=1200,
            ),
        ),
        quick_data=_columns(1, 400_000),
        quick_model=ModelSpec("weights", 32),
        memory=True,
        partitions=8,
        rounds=1,
    ),
    Case(
        name="failing",
        title="0.01 % failing rows, quarantined, 4 M rows",
        data=_columns(20, 4_000_000),
        model=ModelSpec("picky"),
        lanes={
            OURS: Lane(contender="scorecast", spoiled=True),
            "clean run": Lane(contender="scorecast"),
        },
        bars=(_near("clean run", 1.3),),
        quick_data=_columns(20, 40_000),
        quarantine=True,
    ),
    Case(
        name="growth",
        title="20 doubles, linear, 1 to 64 M rows",
        data=_columns(20, 1_000_000, files=4),
        model=_LINEAR,
        lanes=_GROWTH_LANES,
        bars=_GROWTH_BARS,
        quick_data=_columns(20, 4000, files=4),
        memory=True,
        rounds=2,
    ),
    Case(
        name="narrow",
        title="4 doubles, linear, 8 M rows",
        data=_columns(4, 8_000_000),
        model=_LINEAR,
        lanes=_THREE,
        quick_data=_columns(4, 40_000),
    ),
    Case(
        name="wide",
        title="200 doubles, linear, 400,000 rows",
        data=_columns(200, 400_000),
        model=_LINEAR,
        lanes=_THREE,
        quick_data=_columns(200, 4000),
    ),
    Case(
        name="array32",
        title="array<double>[32], linear, 2 M rows",
        data=_lists(32, 2_000_000),
        model=_LINEAR,
        lanes=_THREE,
        quick_data=_lists(32, 8000),
    ),
    Case(
        name="struct",
        title="20 doubles, two predictions as a struct, 2 M rows",
        data=_columns(20, 2_000_000),
        model=ModelSpec("struct"),
        lanes=_THREE,
        quick_data=_columns(20, 8000),
        result="struct<a:double,b:double>",
    ),
    Case(
        name="boosting",
        title="20 doubles, HistGradientBoosting (200 trees), 1 M rows",
        data=_columns(20, 1_000_000),
        model=ModelSpec("boosting", 200),
        lanes=_THREE,
        quick_data=_columns(20, 8000),
        quick_model=ModelSpec("boosting", 20),
        exact=True,
    ),
    Case(
        name="small-files",
        title="20 doubles, linear, 10,000 files of 100 rows",
        data=_columns(20, 100, files=1, groups=1, repeats=10_000),
        model=_LINEAR,
        lanes=_THREE,
        quick_data=_columns(20, 100, files=1, groups=1, repeats=200),
    ),
)
