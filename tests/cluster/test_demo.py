"""``make demo``: every flight is predicted, and equals the model on the driver."""

import pyarrow.parquet as pq

FLIGHTS = 336_776


def test_demo_ends_with_summary_and_table(demo):
    """It exits 0 and shows the counts, some predictions and the comparison of all."""
    assert demo.returncode == 0, (demo.stdout + demo.stderr)[-3000:]
    assert f"rows in     {FLIGHTS:,}" in demo.stdout
    assert f"rows out    {FLIGHTS:,}" in demo.stdout
    assert f"All {FLIGHTS:,} predictions equal load_model(...).predict" in demo.stdout
    assert "carrier  flight origin dest" in demo.stdout


def test_demo_writes_its_three_things(demo, shell):
    """Model, input and predictions are under build/demo, and no row is missing."""
    folder = shell.place / "build" / "demo"
    assert (folder / "model" / "MLmodel").is_file()
    flights = pq.read_table(folder / "flights.parquet", columns=["flight_id"])
    predicted = pq.read_table(folder / "predictions.parquet", columns=["flight_id", "prediction"])
    assert sorted(predicted["flight_id"].to_pylist()) == flights["flight_id"].to_pylist()
    assert predicted["prediction"].null_count == 0
    assert [path.name for path in folder.glob(".*")] == [".predictions.parquet.scorecast"]


def test_check_finds_a_missing_row(demo, shell):
    """The demo's own check fails when a row is not there."""
    folder = shell.place / "build" / "short"
    done = shell(f"cp -r build/demo {folder} && rm {folder}/predictions.parquet/part-*-00001-*")
    assert done.returncode == 0, done.stderr
    done = shell(f"python jobs/demo_flights.py check {folder}")
    assert done.returncode == 1
    assert "rows are missing" in done.stderr
