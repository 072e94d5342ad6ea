"""A SQL condition -> simple comparisons that the arrow engine can answer as Spark does.

Driver only. Taken are comparisons of a column with a literal of its type, ``IN``, ``BETWEEN`` and
``IS [NOT] NULL``, joined by ``AND``. Everything else is left to Spark, and so is a comparison for
which Spark would convert the column first. The grammar is a part of
https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-where.html.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from pyspark.sql import types as st

from scorecast.worker.conditions import Comparison, Operator

_TOKEN = re.compile(
    r"\s*(?:(?P<name>`(?:[^`]|``)+`|[A-Za-z_]\w*)|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))"
    r"|'(?P<text>[^'\\]*)'(?!')|(?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,))"
)
_SAME: dict[str, Operator] = {"==": "=", "<>": "!=", "=": "=", "!=": "!="}
_SIGNS: dict[str, Operator] = {**_SAME, "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_KEYWORDS = {
    *("and", "or", "not", "in", "is", "null", "between", "like", "true", "false", "date", "case"),
    *("exists", "rlike", "ilike", "timestamp", "interval", "div"),
}
_BITS = {st.ByteType: 8, st.ShortType: 16, st.IntegerType: 32, st.LongType: 64}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class _NotSimple(Exception):  # noqa: N818 - never leaves this module
    """The condition is one for Spark."""


def simple_conditions(where: str, schema: st.StructType) -> tuple[Comparison, ...] | None:
    """Read a condition as comparisons that all have to be met; None where Spark has to evaluate it.

    Args:
        where: SQL text that Spark accepts.
        schema: Columns of the input. Case does not count where it decides nothing.
    """
    try:
        return _Reader(list(_tokens(where)), schema).conditions()
    except _NotSimple:
        return None


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _NotSimple
        kind, value = found.lastgroup, found[found.lastgroup]
        if kind == "name" and value.casefold() in _KEYWORDS:
            kind, value = "word", value.casefold()
        elif kind == "name" and value.startswith("`"):
            value = value[1:-1].replace("``", "`")
        yield kind, value
        at = found.end()


class _Reader:
    """Reads tokens one after the other."""

    def __init__(self, tokens: list[tuple[str, str]], schema: st.StructType) -> None:
        self._tokens, self._at = tokens, 0
        self._fields = {field.name.casefold(): field for field in schema}

    def conditions(self) -> tuple[Comparison, ...]:
        """Read all of the text."""
        found = list(self._condition())
        while self._at < len(self._tokens):
            self._expect("word", "and")
            found += self._condition()
        return tuple(found)

    def _condition(self) -> Iterator[Comparison]:
        kind, text = self._next()
        if kind != "name" or text.casefold() not in self._fields:
            raise _NotSimple
        field = self._fields[text.casefold()]
        kind, text = self._next()
        if kind == "sign" and text in _SIGNS:
            yield Comparison(field.name, _SIGNS[text], (self._literal(field.dataType),))
        elif (kind, text) == ("word", "between"):
            low = self._literal(field.dataType)
            self._expect("word", "and")
            yield Comparison(field.name, ">=", (low,))
            yield Comparison(field.name, "<=", (self._literal(field.dataType),))
        elif (kind, text) == ("word", "in"):
            yield Comparison(field.name, "in", tuple(self._several(field.dataType)))
        elif (kind, text) == ("word", "is"):
            negated = self._take("word", "not")
            self._expect("word", "null")
            yield Comparison(field.name, "is not null" if negated else "is null")
        else:
            raise _NotSimple

    def _several(self, column: st.DataType) -> Iterator[Any]:
        self._expect("sign", "(")
        yield self._literal(column)
        while self._take("sign", ","):
            yield self._literal(column)
        self._expect("sign", ")")

    def _literal(self, column: st.DataType) -> Any:
        kind, text = self._next()
        if (kind, text) == ("word", "date"):
            kind, text = self._next()
            if kind != "text" or type(column) is not st.DateType:
                raise _NotSimple
        read = _LITERALS.get((type(column), kind))
        if read is None or column.simpleString() not in _PLAIN:
            raise _NotSimple
        return read(text, column)

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise _NotSimple
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._at : self._at + 1] != [(kind, text)]:
            return False
        self._at += 1
        return True

    def _expect(self, kind: str, text: str) -> None:
        if not self._take(kind, text):
            raise _NotSimple


def _integer(text: str, column: st.DataType) -> int:
    # A literal that the column's type does not hold makes Spark convert the column.
    bits = _BITS[type(column)]  # type: ignore[index]
    if "." in text or not -(1 << (bits - 1)) <= int(text) < 1 << (bits - 1):
        raise _NotSimple
    return int(text)


def _double(text: str, _column: st.DataType) -> float:
    return float(text)


def _text(text: str, _column: st.DataType) -> str:
    return text


def _day(text: str, _column: st.DataType) -> dt.date:
    if not _DAY.fullmatch(text):
        raise _NotSimple
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise _NotSimple from error


def _truth(text: str, _column: st.DataType) -> bool:
    if text not in ("true", "false"):
        raise _NotSimple
    return text == "true"


# Texts have collations, whose type is the same class.
_PLAIN = {"tinyint", "smallint", "int", "bigint", "double", "string", "date", "boolean"}
_LITERALS = cast(
    "dict[tuple[type[st.DataType], str], Callable[[str, st.DataType], Any]]",
    {
        **{(kind, "number"): _integer for kind in _BITS},
        (st.DoubleType, "number"): _double,
        (st.StringType, "text"): _text,
        (st.DateType, "text"): _day,
        (st.BooleanType, "word"): _truth,
    },
)
