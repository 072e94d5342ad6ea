"""Kit for tests of the report: manifests and profiles of runs with something to tell."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from publishing import manifest

from scorecast.batch.manifest import Counters, OutputFile
from scorecast.batch.show.known import Known, Quarantine, read_profile
from scorecast.batch.snapshot import InputFile

QUANTILES = {"0.01": -20.0, "0.05": -14.5, "0.25": -6.0, "0.5": 3.25, "0.75": 17.0, "0.95": 60.5}


def unit(number, rows=1000, seconds=1.0, *, resumed=False, failed=0):
    """Give what a manifest tells of a unit."""
    return {
        "unit": f"u-{number:05d}",
        "rows_in": rows,
        "rows_failed": failed,
        "tasks": 2,
        "seconds": seconds,
        "resumed": resumed,
    }


def run_of(units=(), quarantined=0, filtered=0, options=None, model=None, **changes):
    """Give a manifest of one run whose rows add up, and that says what `changes` say."""
    units = list(units) or [unit(0)]
    rows_in = sum(given["rows_in"] for given in units)
    said = manifest("run-1", {})
    counted = changes.pop("counters", {})
    counters = Counters(
        **{
            "rows_read": rows_in + filtered,
            "rows_filtered_out": filtered,
            "rows_in": rows_in,
            "rows_predicted": rows_in - quarantined,
            "rows_quarantined": quarantined,
            "rows_failed": quarantined,
            "n_null": 0,
            "n_nan": 0,
            "n_inf": 0,
            **counted,
        }
    )
    given = {
        "model_uri": "models:/delay@champion",
        "input": ["in"],
        "output": "build/delays.parquet",
        "mode": "overwrite",
        **(options or {}),
    }
    run = replace(
        said.run,
        run_id="run-1",
        counters=counters,
        units=units,
        skipped=changes.pop("skipped", []),
        options=given,
        model={**said.run.model, "uri": "models:/delay@champion", **(model or {})},
        seconds={"check": 2.5, "ship": 1.25, "predict": 10.0, "total": 14.5},
        **{name: changes.pop(name) for name in ("mode", "spark_conf") if name in changes},
    )
    files = [OutputFile("part-0.parquet", rows_in - quarantined, 5000, "0" * 64, "run-1")]
    aside = [OutputFile("_quarantine/part-0.parquet", quarantined, 90, "0" * 64, "run-1")]
    return replace(
        said,
        **{
            "runs": (run,),
            "files": tuple(files),
            "quarantine": tuple(aside) if quarantined else (),
            "inputs": (InputFile("file:///data/in/a.parquet", 12_345_678, "1", rows_in),),
            **changes,
        },
    )


def column(name, role="input", kind="double", rows=1000, **changes):
    """Give what a profile says about a column."""
    counts = [round(1000 * math.exp(-((at - 7) ** 2) / 18)) for at in range(20)]
    said = {
        "name": name,
        "role": role,
        "type": kind,
        "count": rows,
        "null": 0,
        "nan": 0,
        "inf": 0,
        "min": -43.0,
        "max": 1301.0,
        "mean": 6.9,
        "std": 40.1,
        "quantiles": QUANTILES,
        "histogram": {"edges": [-43.0 + 67.2 * at for at in range(21)], "counts": counts},
        "distinct": 214,
        "top": [],
        "sketch": "AAAA",
    }
    return {**said, **changes}


def text_column(name, *values, rows=1000):
    """Give what a profile says about a column of texts."""
    share = rows // max(len(values), 1)
    numbers = dict.fromkeys(("min", "max", "mean", "std"))
    return column(
        name,
        kind="string",
        **numbers,
        quantiles={},
        histogram=None,
        distinct=len(values),
        top=[{"value": value, "count": share - at} for at, value in enumerate(values)],
    )


def profile(*columns, rows=1000, drift=None, **changes):
    """Give the bytes of a profile."""
    given = columns or (
        column("distance"),
        text_column("carrier", "UA", "B6", "EV"),
        column("prediction", "prediction"),
    )
    said = {"profile_version": 1, "run_id": "run-1", "rows": rows, "rows_profiled": rows}
    return json.dumps({**said, "columns": given, "drift": drift, **changes}).encode()


def drift(**psi):
    """Give the drift of columns by their PSI, read as everybody reads it."""
    columns = [
        {
            "name": name,
            "role": "prediction" if name == "prediction" else "input",
            "psi": number,
            "null_rate_change": 0.0,
            "verdict": "ok" if number < 0.1 else "moderate" if number < 0.25 else "large",
        }
        for name, number in psi.items()
    ]
    largest = max(columns, key=lambda item: item["psi"])
    return {
        "baseline": "run-0",
        "rows": 900,
        "columns": columns,
        "largest": {"name": largest["name"], "psi": largest["psi"]},
    }


def known(said=None, data=None, quarantine=None):
    """Give what a report is made from."""
    said = run_of() if said is None else said
    rows = sum(file.rows for file in said.quarantine)
    return Known(
        said,
        None if data is None else read_profile(data),
        Quarantine(rows, 0) if quarantine is None else quarantine,
    )


SIGNATURE = {
    "inputs": json.dumps(
        [
            {"type": "double", "name": "distance", "required": True},
            {"type": "string", "name": "carrier", "required": False},
        ]
    ),
    "outputs": json.dumps([{"type": "double", "required": True}]),
    "params": None,
}
