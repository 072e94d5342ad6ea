"""What the arrow engine reads of an input."""

import pyarrow as pa
from pyspark.sql import types as st

from scorecast.batch.engines.reading import Reading
from scorecast.batch.engines.spans import Sizes
from scorecast.batch.footers import Footer
from scorecast.worker.conditions import Comparison


def reading(*conditions):
    """Give an input of two files of two row groups, in directories of days."""
    schema = st.StructType().add("x", "double").add("day", "string")
    footers = {
        f"file:///in/day={day}/a.parquet": Footer(
            f"file:///in/day={day}/a.parquet", 30, pa.schema([]), ((10, 80), (20, 160)), "modern"
        )
        for day in ("mon", "tue")
    }
    values = {path: (path.split("=")[1][:3],) for path in footers}
    return Reading(schema, footers, ("day",), values, conditions, 100, Sizes(1, 1), 2)


def test_row_groups_know_their_place_and_their_directory():
    """Each is a span, with the first row that it holds."""
    found = reading()
    spans = found.spans(list(found.footers))
    assert [(s.name, s.file, s.groups, s.first_row, s.rows, s.directory) for s in spans] == [
        ("/in/day=mon/a.parquet", 0, (0,), 0, 10, ("mon",)),
        ("/in/day=mon/a.parquet", 0, (1,), 10, 20, ("mon",)),
        ("/in/day=tue/a.parquet", 1, (0,), 0, 10, ("tue",)),
        ("/in/day=tue/a.parquet", 1, (1,), 10, 20, ("tue",)),
    ]


def test_files_whose_directories_meet_no_condition_are_not_read():
    """Other conditions are for the rows."""
    found = reading(Comparison("day", "=", ("tue",)), Comparison("x", ">", (1.0,)))
    assert {span.directory for span in found.spans(list(found.footers))} == {("tue",)}
    plan = found.plan(["x"], "UTC", together=True)
    assert (plan.columns.names, plan.more.names) == (["x"], ["day"])
