"""Notes of tasks to the driver."""

import pytest

from scorecast.errors import ModelPredictError, PredictionError, TooManyErrorsError
from scorecast.worker.notes import (
    Notes,
    note_failed,
    note_rows,
    note_stop,
    notes_folder,
    read_notes,
)


def test_no_notes(tmp_path):
    """Nothing is said before a task says it, and the directory need not be there."""
    assert read_notes(str(tmp_path / "stops")) == Notes(None, 0, {})


def test_rows_that_failed_are_added_up(tmp_path):
    """Each task counts once, with its last number; tasks of other units have numbers of theirs."""
    folder = str(tmp_path)
    for unit, partition, rows in [("u-0", 0, 2), ("u-0", 0, 5), ("u-0", 1, 1), ("u-1", 0, 10)]:
        note_failed(notes_folder(folder, unit, 0), partition, rows)
    assert read_notes(folder) == Notes(None, 16, {})


def test_rows_that_are_done_are_told_by_unit(tmp_path):
    """A task counts with its last number, and one that is tried again never takes rows back."""
    folder = str(tmp_path)
    first, second = (notes_folder(folder, unit, 0) for unit in ("u-0", "u-1"))
    note_rows(first, 0, 500, 0)
    note_rows(first, 0, 900, 500)
    note_rows(first, 1, 70, 0)
    note_rows(second, 0, 3, 0)
    note_rows(first, 0, 200, 0)
    assert read_notes(folder).rows == {"u-0": 970, "u-1": 3}
    assert len(list((tmp_path / "u-0" / "0").iterdir())) == 3


def test_only_the_last_turn_of_a_unit_counts(tmp_path):
    """What tasks of a turn that was given up still say is not added to the new one."""
    folder = str(tmp_path)
    note_failed(notes_folder(folder, "u-0", 9), 0, 5)
    note_failed(notes_folder(folder, "u-1", 0), 0, 100)
    note_failed(notes_folder(folder, "u-0", 10), 3, 1)
    note_failed(notes_folder(folder, "u-0", 9), 0, 7)
    assert read_notes(folder).failed == 101


@pytest.mark.parametrize("kind", [ModelPredictError, TooManyErrorsError])
def test_an_error_is_the_same_on_the_driver(tmp_path, kind):
    """Class and words are kept, also of several lines and letters of any kind."""
    text = 'ü "quoted"\nsecond line'
    note_stop(notes_folder(str(tmp_path), "u-0", 0), kind(text))
    said = read_notes(str(tmp_path)).stopped
    assert type(said) is kind
    assert str(said) == text


def test_an_error_of_an_unknown_class_is_one_of_predicting(tmp_path):
    """A class of a worker that the driver does not know is no reason to miss the error."""

    class NewerError(PredictionError):
        pass

    note_stop(notes_folder(str(tmp_path), "u-0", 0), NewerError("text"))
    assert type(read_notes(str(tmp_path)).stopped) is PredictionError


def test_a_task_that_outlives_its_run_says_nothing(tmp_path):
    """Where the directory of the run is gone, no note brings it back."""
    with pytest.raises(FileNotFoundError):
        note_failed(notes_folder(str(tmp_path / "stops"), "u-0", 0), 0, 1)
    assert list(tmp_path.iterdir()) == []


def test_notes_that_are_being_written_are_not_read(tmp_path):
    """A file that is not complete has a hidden name."""
    folder = tmp_path / "u-0" / "0"
    note_failed(str(folder), 0, 1)
    (folder / ".half").write_text("{")
    assert read_notes(str(tmp_path)).failed == 1
    assert sorted(path.name for path in folder.iterdir()) == [".half", "failed-0.json"]
    # Some stores show a file while it is written.
    for name in ("failed-1.json", "stopped-x.json"):
        (folder / name).write_text('{"ro')
    assert read_notes(str(tmp_path)) == Notes(None, 1, {})
