"""Row groups of parquet files become batches, with pyarrow's own reader as the oracle."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from scorecast.errors import InputDataError, InputFileError
from scorecast.worker.conditions import Comparison
from scorecast.worker.row_groups import ReadPlan, Span, broken_file, read_spans

ROWS, GROUP = 1000, 100
TABLE = pa.table(
    {
        "a": pa.array([None if i % 7 == 0 else i for i in range(ROWS)], pa.int32()),
        "B": np.arange(ROWS) * 0.5,
        "text": pa.array([f"t{i % 5}" for i in range(ROWS)]).dictionary_encode(),
        "a.b": pa.array(range(ROWS), pa.int16()),
        "list": pa.array([[float(i), None] for i in range(ROWS)], pa.list_(pa.float64())),
    }
)


@pytest.fixture
def file(tmp_path):
    """Write the table in ten row groups."""
    path = tmp_path / "in put.parquet"
    how = {"write_page_checksum": True, "compression": "none", "use_dictionary": ["text"]}
    pq.write_table(TABLE, path, row_group_size=GROUP, **how)
    return path


def span(path, groups=tuple(range(ROWS // GROUP)), **changes):
    """Give some of the ten row groups."""
    given = {
        "path": str(path),
        "name": str(path),
        "file": 3,
        "groups": groups,
        "first_row": groups[0] * GROUP,
        "rows": len(groups) * GROUP,
        "directory": (),
        "row_bytes": 50,
    }
    return Span(**{**given, **changes})


def read(spans, names, *, kinds=None, **plan):
    """Read columns as one table, with the places of rows behind them."""
    kinds = kinds or {}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
    batches = list(read_spans(spans, ReadPlan(schema, **plan)))
    return pa.Table.from_batches(batches) if batches else None


def test_columns_come_in_the_order_and_types_of_the_plan(file):
    """Types are converted, dictionaries are texts, and each row says where it is."""
    kinds = {"a": pa.int64(), "text": pa.string(), "a.b": pa.int32()}
    names = ["text", "a.b", "a", "B"]
    found = read([span(file, (2, 3)), span(file, (7,))], names, kinds=kinds)
    rows = [*range(200, 400), *range(700, 800)]
    expected = TABLE.select(names).take(rows)
    assert [found.column(i).to_pylist() for i in range(4)] == [
        column.to_pylist() for column in expected.columns
    ]
    assert found.schema.types[:4] == [pa.string(), pa.int32(), pa.int64(), pa.float64()]
    assert set(found.column(4).to_pylist()) == {3}
    assert found.column(5).to_pylist() == rows


def test_small_batches_come_together(file):
    """Those of many spans, as small files have; none is larger than is asked for."""
    schema = pa.schema([("B", pa.float64())])
    spans = [span(file, (group,), file=group) for group in range(ROWS // GROUP)]
    batches = list(read_spans(spans, ReadPlan(schema, batch_rows=250)))
    assert [batch.num_rows for batch in batches] == [200] * 5
    assert len(list(read_spans(spans, ReadPlan(schema)))) == 1
    assert len(list(read_spans(spans, ReadPlan(schema, together=False)))) == ROWS // GROUP
    found = pa.Table.from_batches(batches)
    assert found.column(0).to_pylist() == TABLE["B"].to_pylist()
    assert found.column(1).to_pylist() == [row // GROUP for row in range(ROWS)]
    assert found.column(2).to_pylist() == list(range(ROWS))


def test_batches_are_small_where_rows_are_large(tmp_path):
    """A batch holds at most 64 MiB; row groups that are larger together do not come together."""
    path = tmp_path / "wide.parquet"
    values = pa.array([bytes([i]) * (24 << 20) for i in range(4)])
    pq.write_table(pa.table({"x": values}), path, row_group_size=1)
    whole = span(path, (0, 1, 2, 3), first_row=0, rows=4, row_bytes=24 << 20)
    schema = pa.schema([("x", pa.binary())])
    sizes = [batch.num_rows for batch in read_spans([whole], ReadPlan(schema))]
    assert sizes == [2, 2]


def test_names_differ_in_case(file):
    """A column is found whatever its case, as Spark finds it."""
    found = read([span(file)], ["b"])
    assert found.column(0).to_pylist() == TABLE["B"].to_pylist()


def test_a_name_with_a_dot_is_no_member(file):
    """Neither is another column taken for a part of it."""
    found = read([span(file)], ["a", "a.b"], kinds={"a": pa.int32(), "a.b": pa.int16()})
    assert found.column(0).to_pylist() == TABLE["a"].to_pylist()
    assert found.column(1).to_pylist() == TABLE["a.b"].to_pylist()


def test_values_of_directories(file):
    """They are the same for all rows of a file, NULL included, between columns of the file."""
    given = {"day": pa.date32(), "B": pa.float64(), "part": pa.string()}
    found = read(
        [span(file, (0,), directory=("x", None))], given, kinds=given, directory=("part", "day")
    )
    assert found.column(0).null_count == GROUP
    assert found.column(1).to_pylist() == TABLE["B"].to_pylist()[:GROUP]
    assert found.column(2).to_pylist() == ["x"] * GROUP


def test_a_batch_size_is_kept(file):
    """Batches hold at most so many rows, and all of them."""
    schema = pa.schema([("B", pa.float64())])
    small = list(read_spans([span(file)], ReadPlan(schema, batch_rows=30)))
    assert max(batch.num_rows for batch in small) == 30
    assert sum(batch.num_rows for batch in small) == ROWS


def test_conditions_on_columns_that_are_not_kept(file):
    """Rows that do not meet them are left out, the others keep their places."""
    conditions = (Comparison("a", ">=", (250,)), Comparison("text", "in", ("t1", "t2")))
    more = pa.schema([("a", pa.int64()), ("text", pa.string())])
    found = read([span(file)], ["B"], conditions=conditions, more=more)
    mask = pc.and_(
        pc.fill_null(pc.greater_equal(TABLE["a"], 250), fill_value=False),
        pc.is_in(TABLE["text"].cast(pa.string()), value_set=pa.array(["t1", "t2"])),
    )
    rows = np.flatnonzero(mask.to_numpy()).tolist()
    assert found.column_names == ["c0", "c1", "c2"]
    assert found.column(0).to_pylist() == TABLE["B"].take(rows).to_pylist()
    assert found.column(2).to_pylist() == rows


def test_row_groups_that_cannot_meet_a_condition_are_not_read(file, tmp_path):
    """Here all but the last are destroyed, and nobody notices."""
    start = pq.read_metadata(file).row_group(9).column(0).data_page_offset
    data = bytearray(file.read_bytes())
    data[4:start] = bytes(start - 4)
    file.write_bytes(data)
    conditions = (Comparison("a", ">", (950,)),)
    found = read([span(file)], ["a"], kinds={"a": pa.int32()}, conditions=conditions)
    assert found.column(0).to_pylist() == [i for i in range(951, ROWS) if i % 7]
    assert found.column(2).to_pylist() == found.column(0).to_pylist()


def test_a_changed_byte_is_found(file):
    """The checksum of the page tells; the error names the file and survives a pickle."""
    offset = pq.read_metadata(file).row_group(4).column(1).data_page_offset
    data = bytearray(file.read_bytes())
    data[offset + 300] ^= 1
    file.write_bytes(data)
    with pytest.raises(InputFileError) as found:
        read([span(file)], ["B"])
    error = pickle.loads(pickle.dumps(found.value))
    assert broken_file(error) == str(file)
    assert "--on-corrupt skip" in str(error)


@pytest.mark.parametrize("harm", ["gone", "forbidden"])
def test_a_file_that_is_out_of_reach_is_not_broken(file, tmp_path, harm):
    """Skipping broken files must not leave out one that is whole."""
    if harm == "gone":
        file.unlink()
        place = file
    else:
        place = tmp_path / ("n" * 300)  # the system refuses the name
    with pytest.raises(InputDataError) as found:
        read([span(place)], ["B"])
    assert not isinstance(found.value, InputFileError)
    assert broken_file(found.value) is None


def test_a_file_with_other_rows_than_its_footer_told(file):
    """It was replaced since the driver looked at it."""
    with pytest.raises(InputDataError, match="gave 1000 rows, and its footer told 999"):
        read([span(file, rows=999)], ["B"])
