"""The arithmetic of the benchmarks, their checks of outputs, and how they write into the README."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.cases import CASES
from benchmarks.checks import BrokenBenchmarkError, check_output, check_sum
from benchmarks.contenders import CONTENDERS
from benchmarks.guards import GUARDS, PACKAGE, without_guards
from benchmarks.measure import Bar, bar_line, bar_values, figure, ratios, spread
from benchmarks.table import BEGIN, END, case_lines, readme_table, rewrite

ROUNDS = [
    {"scorecast": {"seconds": 1.0}, "MLflow": {"seconds": 6.0}},
    {"scorecast": {"seconds": 2.0}, "MLflow": {"seconds": 10.0}},
    {"scorecast": {"seconds": 1.0}, "MLflow": {"error": "no"}},
    {"scorecast": {"seconds": 4.0}, "MLflow": {"seconds": 28.0}},
]
FASTER = Bar(title="times as fast", ours="scorecast", other="MLflow", at_least=5)


def test_ratios_are_taken_within_rounds_and_leave_out_those_that_failed():
    """What slows a machine down for both sides of a round cancels out."""
    assert ratios(ROUNDS, "MLflow", "scorecast") == [6.0, 5.0, 7.0]
    assert ratios(ROUNDS, "Daft", "scorecast") == []


def test_a_spread_is_median_and_range():
    """Median first, then the lowest and the highest."""
    assert str(spread([6.0, 5.0, 7.0])) == "6.00 [5.00..7.00]"
    assert spread([]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.123, "0.12"), (9.9, "9.90"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_figures_are_short(value, text):
    """Two to three figures count."""
    assert figure(value) == text


@pytest.mark.parametrize(
    ("bar", "values", "reached"),
    [
        (FASTER, [6.0, 5.0, 7.0], "yes"),
        (Bar(title="", ours="scorecast", other="MLflow", at_least=6.5), [6.0, 5.0, 7.0], "NO"),
        (
            Bar(title="", ours="scorecast", other="MLflow", value="ours/other", at_most=0.2),
            [1 / 6, 0.2, 1 / 7],
            "yes",
        ),
        (Bar(title="", ours="scorecast", at_most=1.4), [1.0, 2.0, 1.0, 4.0], "NO"),
        (Bar(title="", ours="scorecast", quantity="loads", at_most=1), [], "not measured"),
    ],
)
def test_a_bar_is_held_against_the_median(bar, values, reached):
    """A limit from below or above, on a ratio or a figure."""
    assert bar_values(bar, ROUNDS) == pytest.approx(values)
    assert bar_line("job", bar, ROUNDS).endswith(f"reached: {reached}")


def test_a_bar_is_one_line_with_both_sides_and_the_range():
    """Case, ours, other, ratio, bar, reached."""
    assert bar_line("job", FASTER, ROUNDS) == (
        "job: times as fast, scorecast 1.50, MLflow 10.0, other/ours 6.00 [5.00..7.00], "
        "bar >= 5, reached: yes"
    )


def test_the_table_has_a_column_per_contender_and_says_what_failed():
    """A cell is a ratio to scorecast, empty where nobody took part."""
    results = {"machine": "2 cores", "cases": {"job20": {"rounds": ROUNDS}}}
    header, _, row, *_ = readme_table(results).splitlines()
    cells = dict(zip(header.split("|"), row.split("|"), strict=True))
    assert cells[" scorecast, s "] == " 1.50 [1.00..4.00] "
    assert cells[" MLflow "] == " 6.00 [5.00..7.00] "
    assert cells[" Daft "].strip() == ""
    failed = [{"scorecast": {"seconds": 1.0}, "MLflow": {"error": "no"}}]
    results = {"machine": "2 cores", "cases": {"job20": {"rounds": failed}}}
    assert "| failed |" in readme_table(results).splitlines()[2]


def test_every_lane_of_a_case_has_a_line():
    """Lanes that failed have one, too."""
    lines = case_lines(CASES[0], ROUNDS)
    assert len(lines) == len(CASES[0].lanes)
    assert "6.00 [5.00..7.00] x" in lines[1]


def test_rewriting_changes_what_is_between_the_markers_alone():
    """The rest stays as it is, and a second time changes nothing."""
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = rewrite(text, "| new |")
    assert once == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"
    assert rewrite(once, "| new |") == once


@pytest.mark.parametrize("text", ["", f"{END}\n{BEGIN}\n", BEGIN, f"{BEGIN}{END}{BEGIN}{END}"])
def test_rewriting_refuses_a_text_without_the_two_markers(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="once each"):
        rewrite(text, "table")


def test_every_lane_is_of_a_known_contender_and_every_bar_of_known_lanes():
    """The table of cases fits the table of contenders."""
    for case in CASES:
        assert {lane.contender for lane in case.lanes.values()} <= set(CONTENDERS)
        for bar in case.bars:
            assert {bar.ours, bar.other} - {None} <= set(case.lanes)


EXPECTED = np.array([1.0, 2.0, np.nan, 4.0])


def write(folder, ids, predictions, name="0.parquet"):
    """Write a part file as a contender would."""
    folder.mkdir(exist_ok=True)
    table = pa.table({"id": pa.array(ids, pa.int64()), "prediction": predictions})
    pq.write_table(table, folder / name)


def test_a_right_output_passes_in_any_order_and_number_of_files(tmp_path):
    """Order and files are the choice of the contender."""
    write(tmp_path / "out", [3, 0], [4.0, 1.0])
    write(tmp_path / "out", [1], [2.0], "1.parquet")
    write(tmp_path / "out" / "_quarantine", [2], [0.0])
    check_output(tmp_path / "out", EXPECTED, 1, exact=True, quarantine=True)


@pytest.mark.parametrize(
    ("ids", "predictions"),
    [
        ([0, 1], [1.0, 2.0]),
        ([0, 1, 3, 3], [1.0, 2.0, 4.0, 4.0]),
        ([0, 1, 2, 3], [1.0, 2.0, 3.0, 4.0]),
        ([0, 1, 3, 4], [1.0, 2.0, 4.0, 5.0]),
        ([0, 1, 3], [1.0, 2.0, 4.00001]),
        ([0, 1, 3], [1.0, 2.0, None]),
    ],
    ids=["too few", "twice", "should have failed", "unknown", "another", "null"],
)
def test_a_wrong_output_is_refused(tmp_path, ids, predictions):
    """Each way to be wrong is found."""
    write(tmp_path / "out", ids, predictions)
    with pytest.raises(BrokenBenchmarkError):
        check_output(tmp_path / "out", EXPECTED, 1, exact=False)


def test_rows_that_are_not_in_the_quarantine_are_missed(tmp_path):
    """A row must be somewhere."""
    write(tmp_path / "out", [0, 1, 3], [1.0, 2.0, 4.0])
    with pytest.raises(BrokenBenchmarkError, match="quarantine"):
        check_output(tmp_path / "out", EXPECTED, 1, exact=True, quarantine=True)


def test_a_sum_is_held_against_rows_and_values():
    """Columns are checked by rows and sum."""
    expected = np.array([1.0, 2.0])
    check_sum({"rows": 4.0, "sum": 6.0}, expected, 2)
    for rows, total in ((3.0, 6.0), (4.0, 6.1)):
        with pytest.raises(BrokenBenchmarkError):
            check_sum({"rows": rows, "sum": total}, expected, 2)


def test_every_guard_can_be_taken_out(tmp_path):
    """The copy without guards is Python, and differs in each file that a guard is in."""
    bare = without_guards(tmp_path)
    for name in {name for name, _, _ in GUARDS}:
        text = (bare / "scorecast" / name).read_text("utf-8")
        compile(text, name, "exec")
        assert text != (PACKAGE / name).read_text("utf-8")
