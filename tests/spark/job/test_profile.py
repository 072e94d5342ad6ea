"""The profile of real jobs: of every row, on both engines, after a death, and as a gate."""

import json
import math

import numpy as np
import pyarrow.dataset as ds
import pytest

from scorecast.batch.verify import verify
from scorecast.errors import DriftError, InputDataError
from scorecast.worker.profile import sampled

ROWS = 20_000  # of each of two files: one row of four is profiled


class DiedError(Exception):
    """Ends a job as a bug or a signal does."""


def profile(job):
    """Read the profile of the output."""
    content = json.loads((job.output / "_PROFILE.json").read_text())
    return content, {(column["role"], column["name"]): column for column in content["columns"]}


def write(job, start):
    """Write two files, some rows of which the model fails on."""
    job.write("a.parquet", range(start, start + ROWS), bad=range(start, start + 64))
    job.write("b.parquet", range(start + ROWS, start + 2 * ROWS))


@pytest.fixture
def died(job):
    """Leave a job that died when the second of its two units was complete."""
    seen = []

    def step(name):
        seen.append(name)
        if seen.count("unit:commit") == 2:
            raise DiedError

    write(job, 0)
    with pytest.raises(DiedError):
        job.run_with_step(step, units=2, on_error="quarantine", max_errors=64)
    assert len(job.commits()) == 1
    return job


def test_profile_from_end_to_end(died):
    """A resumed job, the other engine, and a gate that leaves the old output alone."""
    job, options = died, {"units": 2, "on_error": "quarantine", "max_errors": 64}
    report = job.run(**options)
    assert report.resumed_units == 1
    content, columns = profile(job)
    taken = sampled(0, ROWS, 2)
    rids = np.concatenate([taken, taken + ROWS])
    made = rids[rids >= 64] * 10 + 1
    assert (content["rows"], content["rows_profiled"]) == (2 * ROWS, len(rids))
    assert content["run_id"] == job.manifest()["run_id"]
    assert list(columns) == [("input", "rid"), ("input", "bad"), ("prediction", "prediction")]
    for key, numbers in (("input", "rid"), rids), (("prediction", "prediction"), made):
        found = columns[key]
        assert (found["count"], found["type"]) == (len(numbers), "bigint")
        assert (found["min"], found["max"]) == (numbers.min(), numbers.max())
        assert found["mean"] == pytest.approx(numbers.mean())
        assert found["std"] == pytest.approx(numbers.std(ddof=1))
        ranks = [(numbers <= q).mean() for q in found["quantiles"].values()]
        assert ranks == pytest.approx([float(p) for p in found["quantiles"]], abs=0.02)
    bad = int((rids < 64).sum())
    assert columns["input", "bad"]["top"] == [{"value": False, "count": len(rids) - bad}]
    assert content["drift"] is None
    # Readers of the predictions pass the file over, and a check knows it.
    assert ds.dataset(job.output, format="parquet").count_rows() == 2 * ROWS - 64
    assert verify(str(job.output), deep=True).damages == ()
    (job.folder / "copy.json").write_bytes((job.output / "_PROFILE.json").read_bytes())
    first = job.manifest()["run_id"]

    _on_the_other_engine(job, options, columns, first)
    _gate(job, options)


def _on_the_other_engine(job, options, columns, first):
    """Rows that Spark reads have the same profile."""
    other = job.run(**options, engine="spark", mode="overwrite", force=True)
    again, same = profile(job)
    exact = ("type", "kind", "count", "null", "nan", "inf", "min", "max", "distinct", "top")
    for key, column in columns.items():
        assert {name: same[key][name] for name in exact} == {name: column[name] for name in exact}
        assert same[key]["mean"] == pytest.approx(column["mean"])
    assert again["drift"]["baseline"] == first
    assert again["drift"]["largest"]["psi"] < 0.01
    assert "drift       ok: PSI" in other.summary()


def _gate(job, options):
    """Numbers that start elsewhere are not published until they may drift as far."""
    before = job.state()
    write(job, 30_000)
    gated = {**options, "mode": "overwrite", "extra_env": job.calls()}
    with pytest.raises(InputDataError, match=r"nothing\.json.*cannot be compared"):
        job.run(**gated, max_drift=0.25, baseline=job.folder / "nothing.json")
    with pytest.raises(DriftError, match=r'input "rid" \(PSI .*Nothing was published'):
        job.run(**gated, max_drift=0.25, baseline=job.folder / "copy.json")
    assert job.state() == before
    assert len(job.commits()) == 2
    job.called_on()
    passed = job.run(**gated, max_drift=100.0)
    assert job.called_on() == []
    assert (passed.resumed_units, passed.drift["largest"]["psi"] > 1) == (2, True)
    found, _ = profile(job)
    verdicts = {column["name"]: column["verdict"] for column in found["drift"]["columns"]}
    assert verdicts == {"rid": "large", "bad": "ok", "prediction": "large"}
    assert math.isfinite(found["drift"]["largest"]["psi"])
    # The same job with a narrower limit is not content with what is there.
    published = job.state()
    with pytest.raises(DriftError, match="of this very job"):
        job.run(**gated, max_drift=0.25)
    assert job.state() == published


def test_off_and_on_nothing(job):
    """Nothing is written that was not asked for, and no rows have a profile of no rows."""
    job.write("a.parquet", [], bad=[])
    report = job.run()
    content, columns = profile(job)
    assert (content["rows"], report.profile) == (0, "0 of 0 rows")
    assert columns["input", "rid"]["kind"] == "integer"
    assert [column["count"] for column in columns.values()] == [0, 0, 0]
    assert job.run(mode="overwrite", force=True, profile="off").profile == ""
    assert not (job.output / "_PROFILE.json").exists()
