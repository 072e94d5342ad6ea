"""Predicting on files: what is read, what is written, and what is left as it was."""

# ruff: noqa: DTZ001 - times without a zone are among the values tested

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scorecast
from scorecast.errors import (
    ConfigError,
    InputDataError,
    InputMismatchError,
    ModelPredictError,
    OutputError,
    OutputExistsError,
)
from scorecast.local.files import predict_file
from scorecast.models.signature import (
    Array,
    Map,
    Object,
    Property,
    Scalar,
    Signature,
    Spec,
    Tensor,
)

Save = Callable[..., Path]
DOUBLE_OUT = [Spec(Scalar("double"))]
TEXT_OUT = [Spec(Scalar("string"))]
X = Spec(Scalar("double"), "x")


def doubled(data: Any) -> Any:
    """Predict twice the input."""
    return data["x"] * 2


def seen(data: Any) -> Any:
    """What the model was given, row by row, with the dtypes."""
    dtypes = ",".join(f"{name}:{dtype}" for name, dtype in data.dtypes.items())
    rows = data.itertuples(index=False, name=None)
    return [f"{dtypes}|{', '.join(map(str, row))}" for row in rows]


@pytest.fixture
def doubler(save: Save) -> Path:
    """A model that doubles x."""
    return save(doubled, [X], DOUBLE_OUT)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    """Write an input, predict on it, and give the output: text, or a table of parquet."""

    def predict(model: Path, content: Any, out: str = "out.csv", **options: Any) -> Any:
        name = options.pop("name", "in.csv")
        source = tmp_path / name
        if isinstance(content, pa.Table):
            pq.write_table(content, source)
        else:
            source.write_bytes(content if isinstance(content, bytes) else content.encode())
        report = predict_file(model, source, tmp_path / out, overwrite=True, **options)
        assert report.output == tmp_path / out
        if out.endswith(".parquet"):
            table = pq.read_table(report.output)
            assert table.num_rows == report.rows
            return table
        return report.output.read_bytes().decode()

    return predict


def test_a_csv_comes_back_as_written_with_a_prediction(doubler: Path, run: Any) -> None:
    """Leading zeros, codes that look like missing values and forms of numbers stay as they are."""
    text = 'id,x,country,note\n007,1.50,NA,"a, ""b"""\n010,2e0,null,\n08,3,,zwei\n'

    assert run(doubler, text) == (
        'id,x,country,note,prediction\n007,1.50,NA,"a, ""b""",3.0\n010,2e0,null,,4.0\n'
        "08,3,,zwei,6.0\n"
    )


def test_columns_the_model_does_not_take_stay_text_in_other_formats(
    doubler: Path, run: Any
) -> None:
    """An id is a text in parquet and JSON; what the model takes is of its declared type."""
    text = "id,x\n007,1.5\n,2\n"

    assert run(doubler, text, "out.parquet").to_pylist() == [
        {"id": "007", "x": 1.5, "prediction": 3.0},
        {"id": None, "x": 2.0, "prediction": 4.0},
    ]
    assert run(doubler, text, "out.json") == (
        '{"id": "007", "x": 1.5, "prediction": 3.0}\n{"id": null, "x": 2.0, "prediction": 4.0}\n'
    )


TYPES = [
    Spec(Scalar("boolean"), "b", required=False),
    Spec(Scalar("integer"), "i", required=False),
    Spec(Scalar("long"), "l", required=False),
    Spec(Scalar("float"), "f"),
    Spec(Scalar("double"), "d"),
    Spec(Scalar("string"), "s"),
    Spec(Scalar("datetime"), "t"),
]


def test_cells_are_read_by_the_declared_types(save: Save, run: Any) -> None:
    """The first rows decide nothing: late floats, early gaps and odd spellings are right."""
    model = save(seen, TYPES, TEXT_OUT)
    rows = [
        "b,i,l,f,d,s,t",
        ",,,,,,",
        "NA,NaN,null,nan,n/a,NA,None",
        "true,1,9007199254740993,0.1,3,007,2024-01-01",
        "FALSE,2.0, +5 ,1e3, -inf ,a b,2024-01-01 12:30:00",
        "1,-3.,0,7,0.5,null,2024-01-01T12:30",
    ]

    table = run(model, "\n".join(rows) + "\n", "out.parquet", keep="none")

    text = pa.array(["x"]).to_pandas().dtype
    dtypes = f"b:boolean,i:Int32,l:Int64,f:float32,d:float64,s:{text},t:datetime64[ns]"
    values = [text.split("|") for text in table["prediction"].to_pylist()]
    assert {value[0] for value in values} == {dtypes}
    assert [value[1] for value in values] == [
        f"<NA>, <NA>, <NA>, nan, nan, {pa.array([None], pa.string()).to_pandas()[0]}, NaT",
        "<NA>, <NA>, <NA>, nan, nan, NA, NaT",
        "True, 1, 9007199254740993, 0.10000000149011612, 3.0, 007, 2024-01-01 00:00:00",
        "False, 2, 5, 1000.0, -inf, a b, 2024-01-01 12:30:00",
        "True, -3, 0, 7.0, 0.5, null, 2024-01-01 12:30:00",
    ]


@pytest.mark.parametrize(
    ("declared", "cell"),
    [
        ("long", "1.5"),
        ("long", "x777"),
        ("integer", "3000000000"),
        ("double", "1,5"),
        ("double", "12 kg"),
        ("boolean", "maybe"),
        ("datetime", "01/02/2024"),
        ("datetime", "2024-01-01T00:00:00Z"),
    ],
)
def test_a_cell_that_is_no_such_value_is_named_by_its_row(
    save: Save, run: Any, declared: Any, cell: str
) -> None:
    """The error names column, type and row of the data, and does not show the cell."""
    model = save(seen, [Spec(Scalar(declared), "x", required=False)], TEXT_OUT)

    with pytest.raises(InputDataError) as caught:
        run(model, 'id,x\n1,\n2,\n3,"' + cell + '"\n')

    message = str(caught.value)
    assert f'column "x" is to hold {declared.replace("datetime", "timestamp_ntz")}' in message
    assert "data row 3" in message
    assert cell not in message
    assert caught.value.__suppress_context__


def test_rows_are_counted_over_batches(save: Save, tmp_path: Path) -> None:
    """In a file larger than a batch the row that does not fit is still counted from the start."""
    source = tmp_path / "in.csv"
    source.write_text("pad,x\n" + f"{'p' * 1000},1\n" * 20_000 + "p,oops\n")

    with pytest.raises(InputDataError, match="data row 20001"):
        predict_file(save(doubled, [X], DOUBLE_OUT), source, tmp_path / "out.csv")


def test_without_a_signature_whole_columns_decide(save: Save, run: Any) -> None:
    """A model that declares nothing gets the narrowest type that fits every cell of a column."""
    text = "i,f,b,s,e,z\n1,1,true,1,,007\n,2.5,NA,x,,8\n3,3,false,,,9\n"

    table = run(save(seen), text, "out.parquet", result_type="string")

    assert table.schema.types[:5] == [pa.int64(), pa.float64(), pa.bool_(), pa.string(), pa.int64()]
    assert table["z"].to_pylist() == [7, 8, 9]
    assert table["prediction"][1].as_py().endswith("|nan, 2.5, None, x, nan, 8")
    assert (
        run(save(seen), text, result_type="string").splitlines()[1].startswith("1,1,true,1,,007,")
    )


def test_columns_without_names_are_read_by_position(save: Save, run: Any) -> None:
    """Signatures of plain arrays, with or without tensors, give every column its type."""
    tensor = save(lambda data: data.sum(axis=1), [Spec(Tensor("float64", (-1, 2)))], DOUBLE_OUT)
    unnamed = save(
        lambda data: [
            f"{a!r},{b!r}" for a, b in zip(data[0].tolist(), data[1].tolist(), strict=True)
        ],
        [Spec(Scalar("double")), Spec(Scalar("string"))],
        TEXT_OUT,
    )

    assert run(tensor, "p,q\n1,2\n3,4.5\n", keep="none") == "prediction\n3.0\n7.5\n"
    table = run(unnamed, "p,q\n1,007\n", "out.parquet", keep="none")
    assert table["prediction"].to_pylist() == ["1.0,'007'"]


@pytest.mark.parametrize("kind", [Scalar("binary"), Array(Scalar("double")), Map(Scalar("long"))])
def test_inputs_that_csv_has_no_form_for_are_refused(save: Save, run: Any, kind: Any) -> None:
    """Bytes, lists and records are not guessed from text; JSON and parquet have them."""
    with pytest.raises(InputMismatchError, match="is string, the model takes"):
        run(save(seen, [Spec(kind, "x")], TEXT_OUT), "x\n[1]\n")


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "bool", "str"])
def test_cells_are_read_by_the_dtypes_of_tensors(save: Save, run: Any, dtype: str) -> None:
    """A tensor of any plain dtype can come from csv."""

    def described(data: Any) -> Any:
        return [f"{data.dtype.kind} {value}" for value in data[:, 0]]

    model = save(described, [Spec(Tensor(dtype, (-1, 1)))], TEXT_OUT)

    output = run(model, "x\n1\n0\n", keep="none")
    kind = {"float16": "f 1.0", "float32": "f 1.0", "int8": "i 1", "bool": "b True", "str": "U 1"}
    assert output.splitlines()[1] == kind[dtype]


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.csv", "id,x\n"),
        ("in.csv", "id,x"),
        ("in.csv", "\ufeffid,x\n\n\n"),
        ("in.jsonl", ""),
        ("in.json", "[]"),
        ("in.json", " \n\n"),
        (
            "in.parquet",
            pa.table({"id": pa.array([], pa.string()), "x": pa.array([], pa.float64())}),
        ),
    ],
)
def test_no_rows_give_a_complete_empty_output(
    doubler: Path, run: Any, name: str, content: Any, kind: str
) -> None:
    """An input without rows is answered with an output without rows, not with an error."""
    output = run(doubler, content, f"out.{kind}", name=name)

    if kind == "parquet":
        assert output.num_rows == 0
        assert output.schema.field("prediction").type == pa.float64()
    elif kind == "csv":
        assert output.endswith("x,prediction\n")
    else:
        assert output == ""


def test_quoted_and_foreign_text_survives(doubler: Path, run: Any) -> None:
    """Line ends, quotes, separators and all scripts inside of cells come through."""
    odd = ["zwei\nZeilen", 'sagt "ja"', "a,b", "naïve 東京 🚀", "  padded ", "'", "a\tb"]
    text = pd.DataFrame({"text, ü": odd, "x": 1.0}).to_csv(index=False)

    table = run(doubler, "\ufeff" + text, "out.parquet")

    assert table["text, ü"].to_pylist() == odd


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False)), min_size=1
    )
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_number_survive_csv(
    doubler: Path, run: Any, rows: list[tuple[str, float]]
) -> None:
    """What pandas writes is read as it was, and what is written Python reads as it was."""
    rows_given = pd.DataFrame(rows, columns=["text", "x"])
    text = rows_given.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")

    table = run(doubler, text, "out.parquet")
    written = io.StringIO(run(doubler, text), newline="")

    assert [text or "" for text in table["text"].to_pylist()] == rows_given["text"].tolist()
    assert table["prediction"].to_pylist() == (rows_given["x"] * 2).tolist()
    header, *lines = csv.reader(written)
    assert header == ["text", "x", "prediction"]
    assert [(t, float(x), float(p)) for t, x, p in lines] == [(t, x, x * 2) for t, x in rows]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is empty, without even a header"),
        ("id,x\n1,2\ncanary\n", "row 3 has 1 cells, the header 2"),
        ("id,x\n1,2,canary\n", "row 2 has 3 cells, the header 2"),
        ('id,x\n"canary,2\n3,4\n', "row 2 has 1 cells"),
        (b"id,x\n\xffcanary,1\n", "it is not UTF-8 text"),
        (b"\xffid,x\n1,1\n", "it is not UTF-8 text"),
        (b"PAR1\0\0\0", "missing"),
        ("id,x\n" + "canary" * 4_500_000 + ",1\n2,2\n", "a row is longer than 8 MB"),
    ],
)
def test_a_broken_csv_says_where_without_its_cells(
    doubler: Path, run: Any, content: Any, reason: str
) -> None:
    """The row that is broken is named; what stands in it is not shown."""
    with pytest.raises((InputDataError, InputMismatchError), match=reason) as caught:
        run(doubler, content)

    assert "canary" not in str(caught.value)


def test_a_file_larger_than_a_batch_is_read_in_batches(save: Save, run: Any) -> None:
    """The model is called with a part of the rows at a time, in every format."""

    def sizes(data: Any) -> Any:
        return [float(len(data))] * len(data)

    model = save(sizes, [X], DOUBLE_OUT)
    rows = 40_000
    contents = {
        "in.csv": "pad,x\n" + f"{'p' * 500},1\n" * rows,
        "in.jsonl": '{"x": 1}\n' * rows,
        "in.json": json.dumps([{"x": 1}] * rows),
        "in.parquet": pa.table({"x": [1.0] * rows}),
    }

    for name, content in contents.items():
        calls = run(model, content, "out.parquet", keep="none", name=name)["prediction"].to_pylist()
        assert len(calls) == rows
        assert max(calls) < rows


def test_what_stands_in_the_last_row_of_json_counts(doubler: Path, run: Any) -> None:
    """A column or type that comes up after thousands of rows is part of the output."""
    lines = ['{"x": 1, "n": 1}'] * 20_000 + ['{"n": 1.5, "late": "y", "x": 2.5}', "", '{"x": null}']

    table = run(doubler, "\n".join(lines), "out.parquet", name="in.jsonl")

    assert table.schema.names == ["x", "n", "late", "prediction"]
    assert table.schema.field("n").type == pa.float64()
    assert table.slice(20_000).to_pylist() == [
        {"x": 2.5, "n": 1.5, "late": "y", "prediction": 5.0},
        {
            "x": None,
            "n": None,
            "late": None,
            "prediction": pytest.approx(float("nan"), nan_ok=True),
        },
    ]


def test_types_that_change_late_in_json_are_told(doubler: Path, run: Any) -> None:
    """A column that becomes another after thousands of records is as mixed as any."""
    text = '{"x": 1, "k": 1}\n' * 20_000 + '{"x": 1, "k": {"a": 1}}\n'

    with pytest.raises(InputDataError, match=r"holds dict and int .*and long before"):
        run(doubler, text, name="in.json")


def test_records_without_members_are_no_columns_of_parquet(doubler: Path, run: Any) -> None:
    """What parquet has no form for is an error of the output; JSON has one."""
    text = '{"x": 1, "k": {}}'

    with pytest.raises(OutputError, match="cannot be written as parquet"):
        run(doubler, text, "out.parquet", name="in.json")
    output = run(doubler, text, "out.json", name="in.json")
    assert json.loads(output) == {"x": 1, "k": {}, "prediction": 2.0}


def test_json_text_stays_text(doubler: Path, run: Any) -> None:
    """Texts that look like dates or numbers are not turned into them."""
    record = {"x": 1, "day": "2024-01-01", "zip": "00501", "big": 2**62 + 1, "on": True, "u": "ü"}

    output = run(doubler, json.dumps([record]), "out.json", name="in.json")

    assert json.loads(output) == {**record, "prediction": 2.0}
    assert "ü" in output


def test_json_is_read_by_what_the_model_declares(save: Save, run: Any) -> None:
    """Times, bytes, floats without a number, maps and records arrive as their declared types."""
    kinds = Object(
        (Property("k", Scalar("double")), Property("w", Scalar("datetime"), required=False))
    )
    specs = [
        Spec(Scalar("datetime"), "t"),
        Spec(Scalar("binary"), "raw"),
        Spec(Scalar("double"), "d"),
        Spec(Map(Scalar("double")), "m"),
        Spec(Array(Scalar("double")), "a"),
        Spec(kinds, "o"),
        Spec(Scalar("long"), "n", required=False),
    ]

    def values(data: Any) -> Any:
        return [" ".join(str(data[c][i]) for c in data) for i in range(len(data))]

    records = [
        {"t": "2024-01-01", "raw": "/w==", "d": "NaN", "m": {"a": 1}, "a": [1, 2.5], "o": {"k": 1}},
        {
            "t": "2024-01-01T12:00:00+02:00",
            "raw": None,
            "d": 1,
            "m": {},
            "a": [],
            "o": None,
            "n": 5,
        },
        {
            "t": None,
            "raw": "",
            "d": "-Infinity",
            "m": None,
            "a": None,
            "o": {"k": 2, "w": "2024-01-01T01:00"},
        },
    ]
    text = "\n".join(map(json.dumps, records))

    table = run(save(values, specs, TEXT_OUT), text, "out.parquet", keep="none", name="in.ndjson")

    assert table["prediction"].to_pylist() == [
        "2024-01-01 00:00:00 b'\\xff' nan {'a': 1.0} [1.  2.5] {'k': 1.0, 'w': None} <NA>",
        "2024-01-01 10:00:00 None 1.0 {} [] None 5",
        "NaT b'' -inf None None {'k': 2.0, 'w': datetime.datetime(2024, 1, 1, 1, 0)} <NA>",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"x": 1}\n{"x": canary}\n', "line 2 is not JSON .*character 7"),
        ('{"x": 1}\n[1]\n', "line 2 is list, not a record"),
        ('[{"x": 1}, 5]', "element 2 is int, not a record"),
        ('[{"x": 1}', "the list is not JSON"),
        ('{"x": 1}\n{"x": "canary"}\n', 'column "x" holds int and str'),
        ('{"x": 1, "k": "canary"}\n{"x": 1, "k": 5}', 'column "k" holds int and str'),
        ('{"x": 1, "k": 99999999999999999999}', 'column "k" holds int'),
        ('{"x": "canary"}', "is string, the model takes double"),
        (b'{"x": "\xff"}', "not UTF-8"),
        ('{\n  "x": 1\n}', "a record per line, or one list of records"),
    ],
)
def test_broken_json_says_where_without_its_values(
    doubler: Path, run: Any, content: Any, reason: str
) -> None:
    """Line, element or column are named, what stands there is not."""
    with pytest.raises((InputDataError, InputMismatchError), match=reason) as caught:
        run(doubler, content, "out.json", name="in.json")

    assert "canary" not in str(caught.value)
    assert "9999" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "bad", "place"),
    [
        (Scalar("datetime"), "canary", " of record 2 is no datetime"),
        (Scalar("binary"), "canary!", " of record 2 is no binary"),
        (Array(Scalar("double")), ["canary"], " is no array<double>"),
        (Array(Scalar("long")), [1, 1.5], " of record 2 is no array<long>"),
    ],
)
def test_json_that_breaks_the_declared_type_names_the_record(
    save: Save, run: Any, kind: Any, bad: Any, place: str
) -> None:
    """A text that is no time, no base64, or a list of texts for numbers is not guessed at."""
    model = save(seen, [Spec(kind, "x")], TEXT_OUT)
    text = json.dumps({"x": None}) + "\n" + json.dumps({"x": bad})

    with pytest.raises(InputDataError) as caught:
        run(model, text, "out.json", name="in.json")

    assert f'column "x"{place}' in str(caught.value)
    assert "canary" not in str(caught.value)


def test_columns_of_mixed_types_that_nobody_needs_are_no_problem(doubler: Path, run: Any) -> None:
    """Only what is kept or predicted on has to be of one type."""
    text = '{"x": 1, "mixed": 1}\n{"x": 2, "mixed": "a"}'

    assert run(doubler, text, keep="x", name="in.json") == "x,prediction\n1,2.0\n2,4.0\n"


def test_parquet_keeps_every_type_of_what_is_kept(doubler: Path, run: Any) -> None:
    """Columns of parquet come out in the type they had, also nested ones and odd names."""
    table = pa.table(
        {
            "x": pa.array([1, 2], pa.int16()),
            "a.b": pa.array(["1", None]).dictionary_encode(),
            "n": pa.array([[{"q": 1}], None]),
            "m": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
            "d": pa.array([Decimal("1.50"), None]),
            "t": pa.array([datetime(2024, 1, 1), None], pa.timestamp("us", "Europe/Paris")),
            "f": pa.array([1.5, None], pa.float32()),
        }
    )

    output = run(doubler, table, "out.parquet", name="in.parquet")

    assert output.drop_columns(["prediction"]).equals(table)
    assert output["prediction"].to_pylist() == [2.0, 4.0]


def test_parquet_of_any_size_is_one_output(doubler: Path, run: Any) -> None:
    """Row groups and batches of the input do not show in the rows of the output."""
    numbers = [float(i) for i in range(50_000)]

    output = run(doubler, pa.table({"x": numbers}), "out.parquet", name="in.parquet")

    assert output["prediction"].to_pylist() == [2 * n for n in numbers]


@pytest.mark.parametrize("cut", [0, 3, 50, -1, -9])
def test_truncated_parquet_is_an_error_of_the_input(
    doubler: Path, tmp_path: Path, cut: int
) -> None:
    """A file that is cut off anywhere is named, and no output appears."""
    whole, source = tmp_path / "whole.parquet", tmp_path / "in.parquet"
    pq.write_table(pa.table({"x": [1.0, 2.0]}), whole)
    source.write_bytes(whole.read_bytes()[:cut])

    with pytest.raises(InputDataError, match=f'Cannot read "{source}"'):
        predict_file(doubler, source, tmp_path / "out.csv")

    assert not (tmp_path / "out.csv").exists()


def test_damaged_pages_are_an_error_of_the_input(doubler: Path, tmp_path: Path) -> None:
    """A file whose footer is right and whose data are not is named too."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"x": [float(i) for i in range(5000)]}), source, use_dictionary=False)
    data = bytearray(source.read_bytes())
    data[10:2000] = bytes(1990)
    source.write_bytes(data)

    with pytest.raises(InputDataError, match="Cannot read"):
        predict_file(doubler, source, tmp_path / "out.csv")

    assert [path.name for path in tmp_path.glob("*out*")] == []


FLOATS = [1.5, float("nan"), float("inf"), float("-inf"), None]


def test_floats_without_a_number_are_told_apart_in_every_format(save: Save, run: Any) -> None:
    """NaN, infinities and NULL are four things in parquet, JSON and csv, and JSON stays JSON."""
    model = save(lambda data: [FLOATS[int(i)] for i in data["x"]], [X], DOUBLE_OUT)
    text = "x\n0\n1\n2\n3\n4\n"

    parquet = run(model, text, "out.parquet", keep="none")
    assert repr(parquet["prediction"].to_pylist()) == repr(FLOATS)
    lines = run(model, text, "out.json", keep="none").splitlines()

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    values = [json.loads(line, parse_constant=refuse)["prediction"] for line in lines]
    assert values == [1.5, "NaN", "Infinity", "-Infinity", None]
    assert run(model, text, keep="none") == 'prediction\n1.5\nnan\ninf\n-inf\n""\n'


RESULTS = [
    ("boolean", [True, None], "true", True),
    ("boolean", [False, None], "false", False),
    ("long", [2**62 + 1, None], str(2**62 + 1), 2**62 + 1),
    ("string", ['a"b', None], '"a""b"', 'a"b'),
    ("binary", [b"\xff", None], "/w==", base64.b64encode(b"\xff").decode()),
    ("date", [datetime(2024, 1, 1).date(), None], "2024-01-01", "2024-01-01"),
    (
        "timestamp",
        [datetime(2024, 1, 1, 12), None],
        "2024-01-01T12:00:00+00:00",
        "2024-01-01T12:00:00+00:00",
    ),
    (
        "timestamp_ntz",
        [datetime(2024, 1, 1, 12), None],
        "2024-01-01T12:00:00",
        "2024-01-01T12:00:00",
    ),
]


@pytest.mark.parametrize(
    ("kind", "values", "in_csv", "in_json"), RESULTS, ids=lambda r: str(r)[:12]
)
def test_predictions_of_every_type_can_be_written(
    save: Save, run: Any, kind: str, values: list[Any], in_csv: str, in_json: Any
) -> None:
    """Each type has one form in csv and one in JSON, and NULL is empty or null."""
    model = save(lambda data: values, [X], DOUBLE_OUT)

    options = {"keep": "none", "result_type": kind}
    assert run(model, "x\n1\n2\n", **options) == f'prediction\n{in_csv}\n""\n'
    lines = run(model, "x\n1\n2\n", "out.json", **options).splitlines()
    assert [json.loads(line) for line in lines] == [{"prediction": in_json}, {"prediction": None}]


def test_lists_and_records_need_json_or_parquet(save: Save, run: Any, tmp_path: Path) -> None:
    """A nested prediction is refused for csv before the model is asked, and fine elsewhere."""
    model = save(lambda data: [[1.0, float("nan")]] * len(data), [X], DOUBLE_OUT)

    with pytest.raises(OutputError, match=r"prediction \(array<double>\) cannot be written as csv"):
        run(model, "x\n1\n", result_type="array<double>")
    assert not (tmp_path / "out.csv").exists()
    output = run(model, "x\n1\n", "out.json", result_type="array<double>", keep="none")
    assert json.loads(output) == {"prediction": [1.0, "NaN"]}


def test_nested_values_have_one_form_in_json(doubler: Path, run: Any) -> None:
    """Maps are objects, empty or not; what is inside is written as outside."""
    nested = pa.struct([("t", pa.timestamp("us")), ("m", pa.map_(pa.string(), pa.float64()))])
    table = pa.table(
        {
            "x": [1.0, 2.0, 3.0],
            "m": pa.array([[("a", float("inf"))], [], None], pa.map_(pa.string(), pa.float64())),
            "l": pa.array([[b"\xff", None], [], None], pa.list_(pa.binary())),
            "s": pa.array([{"t": datetime(2024, 1, 1), "m": []}, {"t": None}, None], nested),
        }
    )

    lines = run(doubler, table, "out.json", name="in.parquet").splitlines()

    assert [json.loads(line) for line in lines] == [
        {
            "x": 1.0,
            "m": {"a": "Infinity"},
            "l": ["/w==", None],
            "s": {"t": "2024-01-01T00:00:00", "m": {}},
            "prediction": 2.0,
        },
        {"x": 2.0, "m": {}, "l": [], "s": {"t": None, "m": None}, "prediction": 4.0},
        {"x": 3.0, "m": None, "l": None, "s": None, "prediction": 6.0},
    ]


def test_a_failing_model_leaves_everything_as_it_was(save: Save, tmp_path: Path) -> None:
    """Neither a new file nor a part of one appears, and an old one stays byte for byte."""

    def fails_late(data: Any) -> Any:
        return data["x"] if data["x"].iloc[0] == 0 else 1 / 0

    model = save(fails_late, [X], DOUBLE_OUT)
    source, output = tmp_path / "in.parquet", tmp_path / "out.csv"
    pq.write_table(pa.table({"x": [float(i) for i in range(40_000)]}), source)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(ModelPredictError):
        predict_file(model, source, output)
    assert sorted(tmp_path.iterdir()) == before

    output.write_text("old")
    with pytest.raises(ModelPredictError):
        predict_file(model, source, output, overwrite=True)
    assert output.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == sorted([*before, output])


def test_an_output_that_exists_is_not_touched_unless_asked(doubler: Path, tmp_path: Path) -> None:
    """The error comes before the model is even looked for; overwriting replaces the whole file."""
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("x\n1\n")
    output.write_text("old, and longer than the new one")

    with pytest.raises(OutputExistsError, match="Nothing was written"):
        predict_file(tmp_path / "no model", source, output)
    assert output.read_text().startswith("old")

    predict_file(doubler, source, output, overwrite=True)
    assert output.read_text() == "x,prediction\n1,2.0\n"


def test_a_file_may_be_replaced_by_its_own_predictions(doubler: Path, tmp_path: Path) -> None:
    """Input and output may be one file: it is read to its end before it is replaced."""
    source = tmp_path / "data.csv"
    source.write_text("x\n1\n2\n")

    predict_file(doubler, source, source, overwrite=True)

    assert source.read_text() == "x,prediction\n1,2.0\n2,4.0\n"


def test_places_that_cannot_be_written_are_errors_of_the_output(
    doubler: Path, tmp_path: Path
) -> None:
    """A missing directory and a directory in the place of the file are named."""
    source = tmp_path / "in.csv"
    source.write_text("x\n1\n")
    (tmp_path / "taken.csv").mkdir()

    with pytest.raises(OutputError, match="No such file or directory"):
        predict_file(doubler, source, tmp_path / "nowhere" / "out.csv")
    with pytest.raises(OutputError, match="Is a directory"):
        predict_file(doubler, source, tmp_path / "taken.csv", overwrite=True)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "id,x,prediction\n7,1,2.0\n"),
        ({"keep": "none"}, "prediction\n2.0\n"),
        ({"keep": "id"}, "id,prediction\n7,2.0\n"),
        ({"keep": ["x", "id", "x"]}, "x,id,prediction\n1,7,2.0\n"),
        ({"output_column": "p"}, "id,x,p\n7,1,2.0\n"),
        ({"keep": ["id"], "output_column": "x"}, "id,x\n7,2.0\n"),
        ({"result_type": "string", "keep": []}, "prediction\n2.0\n"),
    ],
)
def test_what_is_kept_and_how_the_prediction_is_called(
    doubler: Path, run: Any, options: dict[str, Any], expected: str
) -> None:
    """Kept columns come first in the order asked for, then the prediction under its name."""
    assert run(doubler, "id,x\n7,1\n", **options) == expected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep": ["idd", "y"]}, 'names "idd".*Did you mean "id".*\n.*names "y"'),
        ({"output_column": "id"}, 'has a column "id" already'),
        ({"result_type": "dubble"}, "Cannot read the result type"),
        ({"format": "xml"}, "Choose one of: csv, json, parquet"),
        ({"out": "out.xlsx"}, "Cannot tell the format of the output"),
        ({"name": "in.txt"}, "Cannot tell the format of the input"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    doubler: Path, run: Any, options: dict[str, Any], problem: str
) -> None:
    """Wrong names, types and formats are told before anything is predicted."""
    with pytest.raises(ConfigError, match=problem):
        run(doubler, "id,x\n7,1\n", **options)


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_columns_of_one_name_are_refused(doubler: Path, run: Any, name: str) -> None:
    """A file whose columns cannot be told apart is an error, whatever is kept."""
    content = "x,x\n1,2\n" if name == "in.csv" else pa.table([[1.0], [2.0]], names=["x", "x"])

    with pytest.raises(InputDataError, match="several columns of one name: x"):
        run(doubler, content, name=name)


def test_missing_files_and_directories_are_errors_of_the_input(
    doubler: Path, tmp_path: Path
) -> None:
    """A path that is no file is told as such."""
    (tmp_path / "dir.csv").mkdir()
    for name in ("nothing.csv", "dir.csv"):
        with pytest.raises(InputDataError, match="does not exist, or is not a file"):
            predict_file(doubler, tmp_path / name, tmp_path / "out.csv")


def test_params_reach_the_model(tmp_path: Path) -> None:
    """Params of the call are checked and given to the model with every batch."""
    from scorecast.models.signature import Param

    def scaled(data: Any, params: Any) -> Any:
        return data["x"] * params["by"]

    params = (Param("by", Scalar("double"), 1.0),)
    signature = Signature((X,), tuple(DOUBLE_OUT), params)
    model = scorecast.save_model(scaled, tmp_path / "m", signature=signature)
    (tmp_path / "in.csv").write_text("x\n2\n")

    predict_file(model, tmp_path / "in.csv", tmp_path / "out.csv", params={"by": 10})

    assert (tmp_path / "out.csv").read_text() == "x,prediction\n2,20.0\n"
    with pytest.raises(InputMismatchError, match="by: expected double"):
        predict_file(model, tmp_path / "in.csv", tmp_path / "o.csv", params={"by": "x"})
