"""How files are divided among units."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from scorecast.batch.plan import MAX_UNITS, UNIT_BYTES, Plan, read_plan, split_units
from scorecast.batch.snapshot import InputFile


def files(sizes) -> list[InputFile]:
    """Make files of so many bytes."""
    return [InputFile(f"f{i:04d}", size, "1") for i, size in enumerate(sizes)]


@given(
    some.lists(some.integers(0, 10 * UNIT_BYTES), min_size=1, max_size=60),
    some.one_of(some.none(), some.integers(1, 80)),
)
def test_every_file_is_in_one_unit(sizes, count):
    """All files, in their order, in units that are not empty, at most as many as asked."""
    given_files = files(sizes)
    rows = {file.path: i for i, file in enumerate(given_files)}
    units = split_units(given_files, rows, count)
    assert [path for unit in units for path in unit.files] == [file.path for file in given_files]
    assert all(unit.files for unit in units)
    assert len({unit.name for unit in units}) == len(units)
    assert len(units) <= (MAX_UNITS if count is None else count)
    assert [unit.rows for unit in units] == [sum(rows[p] for p in unit.files) for unit in units]


def test_files_of_one_size_make_equal_units():
    """As many units as asked, of as many files each."""
    units = split_units(files([10] * 12), None, 4)
    assert [len(unit.files) for unit in units] == [3, 3, 3, 3]
    assert {unit.rows for unit in units} == {None}
    assert [len(unit.files) for unit in split_units(files([0] * 4), None, 2)] == [2, 2]


def test_size_decides_where_nobody_does():
    """A small input is one unit; a large one is divided into parts worth resuming."""
    assert len(split_units(files([10] * 50), None, None)) == 1
    assert len(split_units(files([UNIT_BYTES] * 50), None, None)) == 50
    assert len(split_units(files([10] * 3), None, 100)) == 3


def test_an_input_without_files_is_one_unit():
    """Rows of a view cannot be divided."""
    (unit,) = split_units([], None, 7)
    assert (unit.files, unit.rows) == ((), None)


def test_a_plan_is_read_as_it_was_written():
    """The plan's file holds the whole plan."""
    plan = Plan("run", "key", "2024-01-01", split_units(files([1, 2, 3]), None, 2))
    assert read_plan(plan.to_json()) == plan


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"units": 3}', b'{"units": [], "colour": 1}'])
def test_what_is_no_plan(text):
    """A file that is cut off or of another version is no plan, and no error."""
    assert read_plan(text) is None
