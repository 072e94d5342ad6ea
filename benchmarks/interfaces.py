"""Which interface of `predict_frame` is faster, by flavor: mapInArrow or mapInPandas.

    python benchmarks/interfaces.py [ROWS] [ROUNDS]

Runs the two in turn in one session and prints seconds and the ratio of medians. Data: 20 columns of
doubles, and a mixed frame of numbers, text and times.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import scorecast
from scorecast.spark.session import start_session

NUMBERS = [f"x{i}" for i in range(20)]


def numbers(rows: int) -> pd.DataFrame:
    """Give 20 columns of doubles."""
    block = np.random.default_rng(0).normal(size=(rows, len(NUMBERS)))
    return pd.DataFrame(block, columns=NUMBERS)


def mixed(rows: int) -> pd.DataFrame:
    """Give numbers with nulls, text and times."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "n": rng.integers(0, 100, rows),
            "x": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)),
            "s": pd.Series(rng.choice(["a", "b", "c"], rows), dtype="str"),
            "t": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, rows), "s"),
        }
    )


def models(folder: Path) -> dict[str, tuple[Path, pd.DataFrame]]:
    """Save one model per flavor; give each with a frame to predict on."""
    from lightgbm import LGBMRegressor
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder
    from xgboost import XGBRegressor

    wide, mix = numbers(2000), mixed(2000)
    target = wide["x0"].to_numpy()
    encode = ColumnTransformer(
        [("s", OrdinalEncoder(), ["s"]), ("n", "passthrough", ["n", "x"]), ("t", "drop", ["t"])]
    )
    fitted = {
        "sklearn linear": (LinearRegression().fit(wide, target), wide),
        "sklearn boosting": (
            HistGradientBoostingRegressor(max_iter=50).fit(wide, target),
            wide,
        ),
        "sklearn mixed": (
            make_pipeline(encode, HistGradientBoostingRegressor()).fit(mix, target),
            mix,
        ),
        "xgboost": (XGBRegressor(n_estimators=50, n_jobs=1).fit(wide, target), wide),
        "lightgbm": (LGBMRegressor(n_estimators=50, n_jobs=1, verbose=-1).fit(wide, target), wide),
    }
    saved = {}
    for name, (model, sample) in fitted.items():
        signature = scorecast.infer_signature(sample, model.predict(sample))
        saved[name] = (
            scorecast.save_model(model, folder / name.replace(" ", "-"), signature=signature),
            sample,
        )
    return saved


def main(rows: int, rounds: int) -> None:
    """Time both interfaces for every model."""
    spark = start_session(master="local[2]", conf={"spark.ui.enabled": "false"}).spark
    spark.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        saved = models(folder)
        for kind, make in (("wide", numbers), ("mixed", mixed)):
            make(rows).to_parquet(folder / f"{kind}.parquet", row_group_size=rows // 8)
        print(f"{rows:,} rows, {rounds} rounds after one warm-up; seconds are medians")
        print(f"{'model':<18}{'arrow':>8}{'pandas':>8}  pandas/arrow (range)")
        for title, (path, sample) in saved.items():
            df = spark.read.parquet(str(folder / f"{'mixed' if 's' in sample else 'wide'}.parquet"))
            seconds: dict[str, list[float]] = {"arrow": [], "pandas": []}
            for round_number in range(rounds + 1):
                for interface, taken in seconds.items():
                    started = time.perf_counter()
                    frame = scorecast.predict_frame(df, path, keep="none", interface=interface)
                    frame.agg({"prediction": "sum"}).collect()
                    if round_number:
                        taken.append(time.perf_counter() - started)
            ratios = sorted(p / a for a, p in zip(seconds["arrow"], seconds["pandas"], strict=True))
            arrow, pandas = (statistics.median(taken) for taken in seconds.values())
            print(
                f"{title:<18}{arrow:>8.2f}{pandas:>8.2f}  {pandas / arrow:.2f} "
                f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
            )
    spark.stop()


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["1000000", "3"][len(sys.argv) - 1 :])))
