"""The report on an output: its verdict, its numbers, and the command to repeat the run."""

from __future__ import annotations

import html
import json
import subprocess
from dataclasses import replace

import pytest
from showing import (
    SIGNATURE,
    column,
    drift,
    known,
    profile,
    run_of,
    text_column,
    unit,
)

from scorecast.batch.config import BatchPredictConfig
from scorecast.batch.show.checks import checks_of, verdict_of
from scorecast.batch.show.known import Quarantine, read_profile
from scorecast.batch.show.page import page_of
from scorecast.batch.show.repeat import repeat_command
from scorecast.batch.show.report import view_of
from scorecast.batch.show.text import text_of
from scorecast.batch.show.view import Bars, Table
from scorecast.batch.show.words import rate, readable, seconds, value


def check(title, *arguments, **options):
    """Give one check of a run."""
    return next(found for found in checks_of(known(*arguments, **options)) if found.title == title)


def section(name, *arguments):
    """Give one section of a report."""
    return next(found for found in view_of(known(*arguments)).sections if found.name == name)


def test_a_run_without_anything_to_say_is_trusted():
    """All rows are there, all checks hold or say nothing."""
    said = run_of(options={"model_digest": "sha256:" + "0" * 64})
    checks = checks_of(known(said, profile(drift=drift(distance=0.01, prediction=0.02))))
    assert {found.status for found in checks} == {"ok"}
    assert verdict_of(checks) == ("ok", "All rows are accounted for, and nothing stands out.")


@pytest.mark.parametrize(
    ("counters", "told"),
    [
        ({"rows_predicted": 999}, "1,000 reached the model, 999 came back"),
        ({"rows_read": 1001}, "1,001 were read, 1,000 reached the model"),
        ({"rows_in": 999, "rows_read": 999}, "units tell of 1,000 rows, expected 999"),
    ],
)
def test_rows_that_do_not_add_up_are_wrong(counters, told):
    """A manifest whose numbers contradict each other is never shown as fine."""
    said = run_of(counters=counters)
    found = check("Rows", said)
    assert (found.status, told in found.text) == ("bad", True)
    status, verdict = verdict_of(checks_of(known(said)))
    assert (status, "Do not use" in verdict, "rows" in verdict) == ("bad", True, True)


def test_files_that_hold_other_rows_are_wrong():
    """The rows of the files are held against those that were predicted."""
    said = run_of()
    (file,) = said.files
    found = check("Rows", replace(said, files=(replace(file, rows=998),)))
    assert found.status == "bad"
    assert "files of the output hold 998 rows, expected 1,000" in found.text


def test_rows_that_nobody_counts():
    """A condition may leave out rows unseen; what reached the model is still accounted for."""
    found = check("Rows", run_of(counters={"rows_read": None, "rows_filtered_out": None}))
    assert found.status == "ok"
    assert "1,000 reached the model = 1,000 predicted; nobody counted" in found.text


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ({"max_error_rate": 0.1}, "look", "the limit was 10 %"),
        ({"max_errors": 12, "max_error_rate": 0.1}, "look", "the limit was 12 and 10 %"),
        ({"max_errors": 11}, "bad", "the limit was 11"),
        ({"max_error_rate": 0.001}, "bad", "the limit was 0.1 %"),
    ],
)
def test_failed_rows(options, status, told):
    """Rows that failed are always something to look at, with the limit that they were under."""
    found = check("Failed rows", run_of(quarantined=12, options=options))
    assert (found.status, found.text.startswith("12 (1.20 %)")) == (status, True)
    assert told in found.text


def test_null_and_nan_predictions():
    """Both are counted and shown; NULL for rows that failed is told once, as a failure."""
    said = run_of(counters={"n_null": 5, "n_nan": 2, "n_inf": 1, "rows_failed": 3})
    assert check("NULL predictions", said).text == "2 (0.20 % of the rows)"
    assert check("NaN, infinite", said).text == "3 numbers"
    status, verdict = verdict_of(checks_of(known(said)))
    assert status == "look"
    assert verdict.endswith("Look first at: failed rows, NULL predictions, NaN, infinite.")


@pytest.mark.parametrize(
    ("psi", "status", "told"),
    [
        ({"a": 0.01, "b": 0.09}, "ok", "PSI is 0.09 at most (b)"),
        ({"a": 0.2, "b": 0.01}, "look", "1 column moved, PSI is 0.2 at most (a)"),
        ({"a": 0.2, "b": 0.4}, "look", "2 columns moved, 1 of them far; PSI is 0.4 at most (b)"),
    ],
)
def test_drift(psi, status, told):
    """The column that moved most is named."""
    found = check("Drift", None, profile(drift=drift(**psi)))
    assert (found.status, told in found.text) == (status, True)


def test_columns_that_were_not_compared_are_named():
    """What drift is not told of stands in the check, in the page and in the text, and why."""
    given = drift(a=0.01)
    given["left_out"] = [
        {"name": name, "role": "input", "why": "not in the baseline"} for name in "bc"
    ]
    said = known(None, profile(drift=given))
    assert "could not be compared" in check("Drift", None, profile(drift=given)).text
    for shown in (text_of(view_of(said)), html.unescape(page_of(view_of(said)))):
        assert 'Not compared: input "b" (not in the baseline), input "c"' in shown
    assert "Not compared" not in text_of(view_of(known(None, profile(drift=drift(a=0.01)))))


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, ("-43", "1,301")),
        ({"min": -50.0, "max": 5e6}, ("-43 or less", "1,301 or more")),
    ],
)
def test_outer_bins_say_that_they_hold_the_rest(changes, ends):
    """A reader of the picture must not take its limits for those of the values."""
    picture = column("p", "prediction", **{"min": -43.0, "max": 1301.0, **changes})
    said = known(None, profile(picture))
    first, last = ends
    (line,) = (line for line in text_of(view_of(said)).splitlines() if "Distribution" in line)
    assert line.startswith(f"Distribution of p: {first} ")
    assert line.endswith(f" {last}")
    page = page_of(view_of(said))
    assert f"<span>{first}</span><span>{last}</span>" in page
    assert ("<title>24.2 or less: " in page) is bool(changes)


def test_more_distinct_numbers_than_are_counted():
    """Many are no number, and none is nothing."""
    (found,) = section("columns", None, profile(column("distance", distinct=None))).blocks
    assert found.rows[0][-1] == "many"


def test_what_says_nothing_on_trust():
    """No baseline, a model that is not pinned and resumed units are told and do not alarm."""
    said = run_of([unit(0, resumed=True), unit(1)])
    assert check("Drift", said).status == "info"
    assert check("Model", said).status == "info"
    found = check("Restarts", said)
    assert (found.status, found.text[:24]) == ("info", "1 of 2 units come from a")
    assert verdict_of(checks_of(known(said)))[0] == "ok"


@pytest.mark.parametrize(
    ("options", "trust", "pinned"),
    [
        ({}, "any", "no"),
        ({}, "no-pickle", "no"),
        ({}, "pinned", "yes"),
        ({"model_digest": "sha256:" + "0" * 64}, "any", "yes"),
        ({"model_signature_key": "key.pub"}, "pinned", "yes"),
        ({"model_signature_key": "key.pub"}, "any", "yes"),
    ],
)
def test_a_model_is_pinned_by_digest_or_signature(options, trust, pinned):
    """Verdict and facts say so alike, and what the model was trusted by."""
    said = run_of(options=options, model={"trust": trust})
    found = check("Model", said)
    assert (found.status == "ok", found.text.startswith("pinned")) == (pinned == "yes",) * 2
    facts = dict(section("model", said).blocks[0].rows)
    assert (facts["pinned"], facts["trust"]) == (pinned, trust)


@pytest.mark.parametrize(("resumed", "speed"), [((0, 0), "138"), ((1, 0), "69"), ((1, 1), None)])
def test_speed_is_of_the_rows_of_the_last_try(resumed, speed):
    """The time is of that alone, too: 14.5 seconds for what was not done before."""
    units = [unit(at, resumed=bool(done)) for at, done in enumerate(resumed)]
    assert dict(view_of(known(run_of(units))).numbers).get("rows per second") == speed


def test_an_output_without_rows():
    """All of no rows are accounted for, and somebody should look."""
    found = checks_of(known(run_of([unit(0, rows=0)])))
    assert verdict_of(found)[0] == "look"
    assert (
        next(c.text for c in found if c.title == "Rows") == "no row reached the model: it is empty"
    )
    # Rows of earlier runs are there, as after --mode append.
    said = run_of([unit(0, rows=0)])
    old = replace(said.files[0], rows=5, run_id="run-0")
    text = check("Rows", replace(said, files=(*said.files, old))).text
    assert text == "no row reached the model: nothing was added"


def test_input_that_was_left_out():
    """Files that were skipped are to be looked at, and named."""
    said = run_of(skipped=[{"path": "file:///data/in/b%20c.parquet", "reason": "no footer"}])
    assert check("Input", said).status == "look"
    left_out = section("input", said).blocks[0]
    assert left_out.rows == (("/data/in/b c.parquet", "no footer"),)
    # Nobody knows how many rows they had.
    assert verdict_of(checks_of(known(said)))[1].startswith("All rows that could be read are")


def test_without_a_profile_the_report_says_what_to_install():
    """The rest is there; where distributions would stand, the cure does."""
    for data in (None, b"", b"[]", b"{}", b'{"rows": 1, "rows_profiled": 1, "columns": [{}]}'):
        found = section("predictions", None, data)
        assert found.blocks == ()
        assert 'pip install "scorecast[report]"' in found.notes[0]
        names = {part.name for part in view_of(known(None, data)).sections}
        assert not {"columns", "drift"} & names
        assert check("Drift", None, data).text == "not known: the run has no profile"


def test_columns_of_the_profile():
    """Numbers, texts and members of structs each show what they have."""
    data = profile(
        column("distance", null=10, nan=250),
        text_column("carrier", "UA", "B6"),
        column("nested", kind="array<double>", min=None, max=None, mean=None, std=None)
        | {"quantiles": None, "histogram": None, "top": None, "distinct": None},
        column("prediction.a", "prediction"),
    )
    (found,) = section("columns", None, data).blocks
    rows = {
        row[0]: dict(zip([head.name for head in found.heads], row, strict=True))
        for row in found.rows
    }
    assert (rows["distance"]["NULL"], rows["distance"]["NaN"]) == ("1.00 %", "25.00 %")
    assert rows["distance"]["distribution"].edges[0] == -43.0
    assert rows["carrier"]["distribution"] == "UA 50.00 %, B6 49.90 %"
    assert set(list(rows["nested"].values())[2:]) == {"", "0 %"}
    picture, *_ = section("predictions", None, data).blocks
    assert picture.title == "Distribution of prediction.a"


def test_times_are_shown_as_times():
    """Limits that are times stand as such, in table and picture; booleans as SQL spells them."""
    times = [f"2024-01-{day:02}T00:00:00+00:00" for day in range(1, 22)]
    when = column("when", kind="timestamp", min=times[0], max=times[-1], mean=None, std=None)
    when |= {"quantiles": {"0.5": times[9]}, "histogram": {"edges": times, "counts": [1] * 20}}
    flag = text_column("flag", True) | {"type": "boolean"}  # noqa: FBT003 - a value of the data
    prediction = {**when, "name": "p", "role": "prediction"}
    said = known(None, profile(when, flag, prediction))
    text = text_of(view_of(said))
    assert "2024-01-01 00:00  2024-01-10 00:00" in text
    assert "true 100 %" in text
    assert "2024-01-01 00:00 to 2024-01-02 00:00" in page_of(view_of(said))


def test_a_sampled_profile_says_so():
    """Numbers of a sample are not passed off as those of all rows."""
    data = profile(rows=1000, rows_profiled=250)
    assert "250 of 1,000 rows (25.00 %)" in section("columns", None, data).notes[1]


def test_long_tables_are_folded():
    """The first fifty columns are shown, the others on demand."""
    data = profile(*(column(f"c{at}") for at in range(120)))
    (found,) = section("columns", None, data).blocks
    assert (len(found.rows), len(found.folded), found.folded_text) == (50, 70, "70 more columns")


def test_stragglers_are_marked_and_listed_first():
    """A unit at less than half of the usual speed stands out in picture, table and words."""
    units = [unit(at, seconds=5.0 if at == 7 else 1.0 + at / 100) for at in range(20)]
    found = section("units", run_of(units))
    bars, slowest = found.blocks
    assert isinstance(bars, Bars)
    assert [bar.label for bar in bars.bars if bar.marked] == ["u-00007"]
    assert isinstance(slowest, Table)
    assert len(slowest.rows) == 10
    assert slowest.rows[0] == ("u-00007", "1,000", "2", "5.0 s", "200", "straggler", "this")
    assert "1 straggler (" in found.notes[0]


def test_many_units_are_drawn_in_bins():
    """No more bars than can be told apart; a straggler is seen in its bin."""
    units = [unit(at, seconds=9.0 if at == 4321 else 1.0) for at in range(10_000)]
    bars, _ = section("units", run_of(units)).blocks
    assert len(bars.bars) == 60
    (marked,) = [bar for bar in bars.bars if bar.marked]
    assert "slowest u-04321" in marked.label
    assert marked.value == pytest.approx(1000 / 9)


def test_one_unit_is_told_in_words():
    """There is nothing to compare, and so no picture."""
    found = section("units", run_of())
    assert found.blocks == ()
    assert found.notes[0].startswith("1 unit of work, 2 tasks: 1,000 rows in 1.0 s")


def test_runs_that_the_output_is_made_of():
    """After an append each run is there with what the output keeps of it."""
    old, new = run_of(), run_of()
    first = replace(old.run, run_id="run-0", mode="error")
    file = replace(new.files[0], path="part-1.parquet", run_id="run-0", rows=400)
    said = replace(new, runs=(first, new.run), files=(*new.files, file))
    runs = section("rows", said).blocks[1]
    assert [row[1:2] + row[3:] for row in runs.rows] == [
        ("overwrite", "1,000", "1,000"),
        ("error", "1,000", "400"),
    ]


def test_the_command_does_the_same_again():
    """The shell and the command line read it back as the options of the run, model pinned."""
    from scorecast.cli.batch_predict import command

    given = {
        "model_uri": "models:/delay@champion",
        "input": ("a b.parquet", "it's.parquet"),
        "output": "-odd; rm -rf $HOME",
        "where": "origin = 'JFK'\nAND x > 3",
        "keep": ("flight", "carrier"),
        "partition_by": ("carrier",),
        "mode": "overwrite-partitions",
        "input_options": {"mode": "PERMISSIVE"},
        "params": {"n": 3, "text": "3", "list": [1, "b"], "plain": "word"},
        "nan_as_null": True,
        "keep_replaced": 0.5,
    }
    config = BatchPredictConfig(**given)
    said = run_of(options=json.loads(json.dumps(config.shown_options())))
    shell = ["sh", "-c", f"printf '%s\\0' {repeat_command(said.run)}"]
    words = subprocess.run(shell, check=True, capture_output=True, text=True).stdout.split("\0")[
        :-1
    ]
    assert words[:4] == ["scorecast", "batch-predict", "--master", "local[2]"]
    read = command.make_context("batch-predict", words[2:]).params
    assert read["model_digest"] == said.run.model["digest"]
    for name in ("model_uri", "input", "output", "where", "mode"):
        assert read[name] == given[name]
    assert (read["input_option"], read["param"]) == (given["input_options"], given["params"])
    assert (read["keep"], read["partition_by"]) == (given["keep"], given["partition_by"])
    assert (read["nan_as_null"], read["keep_replaced"]) == (True, 0.5)
    assert "--on-error" not in words


def test_the_command_names_only_what_was_given():
    """A run with nothing but what a job needs is repeated with that, and the model pinned."""
    config = BatchPredictConfig(model_uri="model", input="in", output="out")
    said = run_of()
    options = json.loads(json.dumps(config.shown_options()))
    command = repeat_command(replace(said.run, options=options))
    names = [line.split()[0] for line in command.split(" \\\n    ")[1:]]
    assert names == ["--master", "--model-uri", "--input", "--output", "--model-digest"]
    assert "***" not in command


def test_the_command_repeats_zero():
    """Nothing allowed is something else than nothing said."""
    options = {"keep_replaced": 0, "max_errors": 0, "max_error_rate": 0.0, "force": False}
    command = repeat_command(run_of(options=options).run)
    for words in ("--keep-replaced 0", "--max-errors 0", "--max-error-rate 0.0"):
        assert words in command
    assert "--force" not in command


def test_the_command_of_a_run_on_connect():
    """Such a session does not tell where it is; a note says what to add."""
    said = run_of(spark_conf={"spark.version": "4.1.0"})
    assert "--master" not in repeat_command(said.run)
    assert "--master sc://" in " ".join(section("repeat", said).notes)
    assert "Connect" not in " ".join(section("repeat").notes)


@pytest.mark.parametrize(
    ("mode", "told"),
    [("error", "--force --mode overwrite makes"), ("overwrite", "; --force makes")],
)
def test_the_command_says_how_to_run_again(mode, told):
    """What is published already is published again only by what is said there."""
    text = text_of(view_of(known(run_of(mode=mode, options={"mode": mode}))))
    assert told in " ".join(text.split())


@pytest.mark.parametrize(
    ("keep", "told"),
    [(["id", "a,b"], True), (["all"], True), ([" id"], True), (["id"], False), ("all", False)],
)
def test_names_that_no_command_line_can_hold(keep, told):
    """A comma in a name would make two columns of it."""
    text = " ".join(text_of(view_of(known(run_of(options={"keep": keep})))).split())
    assert ("Put --keep into a file for --config" in text) is told


def test_the_command_hides_secrets():
    """Variables of the environment and passwords in paths stand as stars, and a note says so."""
    config = BatchPredictConfig(
        model_uri="https://me:hunter2@host/model",
        input="in",
        output="out",
        extra_env={"TOKEN": "hunter2"},
        input_options={"password": "hunter2"},
        input_format="jdbc",
    )
    paths = {"input": ["s3://me:hunter2@bucket/in"], "output": "s3://me:hunter2@bucket/out"}
    said = run_of(options={**json.loads(json.dumps(config.shown_options())), **paths})
    text = text_of(view_of(known(said)))
    assert "hunter2" not in text
    assert "--extra-env 'TOKEN=***'" in text
    assert "Put in what stands as ***" in text


def test_thousands_of_inputs_do_not_make_an_endless_command():
    """The first hundred are named, and how many there are."""
    said = run_of(options={"input": [f"in/{at}" for at in range(1000)]})
    assert repeat_command(said.run).count("--input ") == 100
    assert "It names 100 of 1,000 inputs" in " ".join(section("repeat", said).notes)


def test_the_signature_is_shown():
    """Inputs with types and whether they are required; a text that is none stops nothing."""
    facts, inputs, outputs = section("model", run_of(model={"signature": SIGNATURE})).blocks
    assert inputs.rows == (("distance", "double", "yes"), ("carrier", "string", "no"))
    assert outputs.rows == (("#0", "double", "yes"),)
    assert dict(facts.rows)["asked for"] == "models:/delay@champion"
    assert len(section("model", run_of(model={"signature": {"inputs": "{"}})).blocks) == 1


def test_text_has_no_characters_that_move_the_terminal():
    """Names with escape sequences, line ends and marks of direction print as plain text."""
    data = profile(column("\x1b[2Jevil\nname\u202e"), column("half \udcff", "prediction"))
    text = text_of(view_of(known(None, data)))
    assert "evil name" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    text.encode()


def test_text_says_what_the_quarantine_holds():
    """Classes and files are counted; that values are hidden is told with the way to see them."""
    found = Quarantine(12, 10, (("ValueError", 9), ("TypeError", 1)), (("file:/in/a%20b", 10),))
    text = text_of(view_of(known(run_of(quarantined=12), quarantine=found)))
    for part in ("12 rows in _quarantine/", "first 10", "ValueError", "90.00 %", "/in/a b"):
        assert part in text
    assert "--show-values" in text


def test_numbers_as_people_read_them():
    """A share that is there is never shown as none, nor one with exceptions as all."""
    assert [rate(0, 9), rate(1, 10**9), rate(1, 3), rate(10**6 - 1, 10**6), rate(3, 3)] == [
        "0 %",
        "< 0.01 %",
        "33.33 %",
        "> 99.99 %",
        "100 %",
    ]
    assert [value(x) for x in (None, 0.0, -43.0, 3.14159, 1234567.8, 1e-9, 0.00012345, 1e300)] == [
        "",
        "0",
        "-43",
        "3.142",
        "1,234,568",
        "1e-09",
        "0.0001234",
        "1e+300",
    ]
    assert [seconds(x) for x in (0.25, 59.94, 61, 7325)] == [
        "0.25 s",
        "59.9 s",
        "1 min 01 s",
        "2 h 02 min",
    ]
    assert readable("a\x00b\n") == "a\ufffdb\n"


def test_a_profile_is_read_as_it_was_agreed():
    """Members that a column cannot have are null, and numbers stay numbers."""
    found = read_profile(profile(text_column("carrier", "UA"), drift=drift(carrier=0.5)))
    assert (found.rows, found.columns[0].min, found.columns[0].top) == (1000, None, (("UA", 1000),))
    assert found.drift.columns[0].verdict == "large"
