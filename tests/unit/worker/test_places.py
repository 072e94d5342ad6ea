"""Where rows come from, in messages and in the quarantine."""

import pyarrow as pa
import pytest

from scorecast.worker.places import Places

NAMES = {7: "/a.parquet", 9: "/b.parquet"}
BOTH = Places(1, 2, NAMES)


def batch(files: list[int], rows: list[int]) -> pa.RecordBatch:
    """Make a batch of one column of data, then the number of the file and the row in it."""
    columns = [pa.array(range(len(files))), pa.array(files, pa.int64()), pa.array(rows, pa.int64())]
    return pa.RecordBatch.from_arrays(columns, names=["x", "file", "row"])


def test_files_of_rows():
    """Each row has the path of its file; one of a number that nobody knows has none."""
    found = BOTH.files_of(batch([9, 7, 7, 1], [0, 1, 2, 3]))
    assert found.type == pa.string()
    assert found.to_pylist() == ["/b.parquet", "/a.parquet", "/a.parquet", None]
    assert BOTH.files_of(batch([], [])).to_pylist() == []


def test_files_of_a_slice():
    """A batch that is a part of another one has the files of its own rows."""
    whole = batch([7, 7, 9, 9], [0, 1, 0, 1])
    assert BOTH.files_of(whole.slice(2, 1)).to_pylist() == ["/b.parquet"]


def test_no_files_are_known():
    """Rows of a view have no file."""
    found = Places().files_of(batch([7, 9], [0, 0]))
    assert (found.type, found.to_pylist()) == (pa.string(), [None, None])


@pytest.mark.parametrize(
    ("places", "batches", "text"),
    [
        (BOTH, [], "It happened in task 3."),
        (BOTH, [batch([], [])], "It happened in task 3."),
        (Places(), [batch([7, 7], [4, 5])], "It happened in rows 100 to 101 of task 3."),
        (
            BOTH,
            [batch([7, 7], [4, 5]), batch([], []), batch([7], [6])],
            'It happened in rows 100 to 102 of task 3: file "/a.parquet", rows 4 to 6.',
        ),
        (
            BOTH,
            [batch([7, 9], [4, 0])],
            (
                'It happened in rows 100 to 101 of task 3: from file "/a.parquet", row 4 to file '
                '"/b.parquet", row 0.'
            ),
        ),
        (
            Places(1, None, NAMES),
            [batch([9, 9], [0, 0])],
            'It happened in rows 100 to 101 of task 3: file "/b.parquet".',
        ),
    ],
)
def test_messages_say_where(places, batches, text):
    """As much as is known is said: rows of the task, file, rows of the file."""
    assert places.describe(batches, 100, 3) == text
