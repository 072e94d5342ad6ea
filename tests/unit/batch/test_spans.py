"""Row groups are divided among tasks."""

from hypothesis import given
from hypothesis import strategies as st

from scorecast.batch.engines.spans import Sizes, divide, spans_of, task_bytes
from scorecast.worker.row_groups import Span

MIB = 1 << 20
SIZES = Sizes(most_bytes=128 * MIB, open_bytes=4 * MIB)


def whole(path="f", file=0):
    """Give a file as one span."""
    return Span(path, path, file, (), 0, 0, (), 1)


def file(path, number, *groups):
    """Give the spans of a file by the rows and bytes of its groups."""
    return list(spans_of(whole(path, number), groups))


def test_spans_know_their_first_row_and_leave_out_empty_groups():
    """The row that a group begins with is the number of rows before it."""
    spans = file("f", 0, (10, 1000), (0, 4), (5, 0))
    assert [(s.groups, s.first_row, s.rows, s.row_bytes) for s in spans] == [
        ((0,), 0, 10, 100),
        ((2,), 10, 5, 1),
    ]


def test_all_cores_are_busy_to_the_end():
    """Eight equal groups in two files on two cores are four equal tasks, not three and two."""
    group = (1000, 40 * MIB)
    spans = [s for i in range(2) for s in file(f"f{i}", i, *[group] * 4)]
    tasks = divide(spans, 2, SIZES)
    assert [[s.groups for s in task] for task in tasks] == [[(0, 1)], [(2, 3)]] * 2


def test_little_to_read_is_one_task():
    """A task for each core would cost more than it gives."""
    assert len(divide(file("f", 0, (10, 1000), (10, 1000)), 8, SIZES)) == 1


def test_many_small_files_are_few_tasks():
    """Opening a file counts as 4 MiB: 1,000 files are 4,000 MiB of work on 16 cores."""
    spans = [s for i in range(1000) for s in file(f"f{i}", i, (1, 10))]
    assert len(divide(spans, 16, SIZES)) == 32


def test_opening_a_file_may_cost_nothing():
    """The session may say so (spark.sql.files.openCostInBytes=0)."""
    assert len(divide(file("f", 0, (10, 1000), (10, 1000)), 2, Sizes(128 * MIB, 0))) == 2


@given(
    groups=st.lists(
        st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**9)), max_size=6), max_size=6
    ),
    cores=st.integers(1, 64),
)
def test_every_group_is_in_exactly_one_task(groups, cores):
    """Whatever the sizes, in the order of files and rows."""
    spans = [s for i, found in enumerate(groups) for s in file(f"f{i}", i, *found)]
    tasks = divide(spans, cores, SIZES)
    assert all(tasks)
    read = [(s.file, number) for task in tasks for s in task for number in s.groups]
    assert read == [(s.file, number) for s in spans for number in s.groups]
    assert sum(s.rows for task in tasks for s in task) == sum(s.rows for s in spans)


def test_tasks_are_large_unless_a_user_has_a_say():
    """Four times what Spark has by default; what is set, or suits a cluster that grows, is kept."""
    assert task_bytes(128 * MIB, dynamic=False) == 512 * MIB
    assert task_bytes(128 * MIB, dynamic=True) == 128 * MIB
    assert task_bytes(64 * MIB, dynamic=False) == 64 * MIB
