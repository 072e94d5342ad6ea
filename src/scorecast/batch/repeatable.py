"""Whether a condition gives the same rows of the same data whenever it is asked. Driver only.

The text alone decides, and in doubt the answer is no: functions are those of an explicit table, so
that functions of users, and those that later versions of Spark bring, are not trusted. A wrong "no"
costs a run that could have been left out, a wrong "yes" old rows in place of new ones.
"""

from __future__ import annotations

import re

# Alternatives in the order in which Spark's lexer knows them: raw strings before names.
_TOKEN = re.compile(
    r"""
    (?P<text>  [rR]'[^']*' | [rR]"[^"]*" | '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<quoted> `(?:[^`]|``)*` )
  | (?P<name>  [^\W\d]\w* )
  | (?P<number> \d[\w.]* )
  | (?P<space> \s+ )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)

# Comments could hide what follows; "$" begins text of another kind or a variable.
_NEVER = ("--", "/*", "$", "|>")

# Without brackets these are a call, unless a column has that name, which the text does not say.
_CALLED_BARE = {
    "current_catalog",
    "current_database",
    "current_date",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_timezone",
    "current_user",
    "localtimestamp",
    "session_user",
    "select",
    "user",
}
_BEGINS_QUERY = {"select", "from", "table", "values", "with", "map", "reduce"}
_NEEDS_ARGUMENT = {"unix_timestamp", "to_unix_timestamp"}
_NOW = ("now", "today", "tomorrow", "yesterday")

_WORDS = """
    all and any as between by case cast try_cast distinct div else end escape exists ilike in
    interval is like not on or regexp rlike some then when where
    array decimal dec numeric char varchar string struct map named_struct
"""
_FUNCTIONS = """
    abs acos acosh add_months array_append array_compact array_contains array_distinct array_except
    array_insert array_intersect array_join array_max array_min array_position array_prepend
    array_remove array_repeat array_size array_sort array_union arrays_overlap arrays_zip ascii asin
    asinh atan atan2 atanh base64 bigint bin binary bit_and bit_count bit_get bit_length boolean
    bround btrim cardinality cbrt ceil ceiling char_length character_length charindex chr coalesce
    concat concat_ws contains conv convert_timezone cos cosh cot crc32 csc date date_add date_diff
    date_format date_from_unix_date date_part date_sub date_trunc dateadd datediff datepart day
    dayname dayofmonth dayofweek dayofyear decode degrees double e element_at elt encode endswith
    equal_null exp explode expm1 extract factorial filter find_in_set flatten float floor forall
    format_number format_string from_json from_unixtime from_utc_timestamp get get_json_object
    getbit greatest hash hex hour hypot if iff ifnull initcap instr int isnan isnotnull isnull
    json_array_length json_object_keys json_tuple last_day lcase least left len length levenshtein
    ln locate log log10 log1p log2 lower lpad ltrim luhn_check make_date make_timestamp map_concat
    map_contains_key map_entries map_filter map_from_arrays map_keys map_values mask md5 minute mod
    month monthname months_between nanvl negative next_day nullif nullifzero nvl nvl2 octet_length
    overlay parse_url pi pmod position positive pow power quarter radians regexp_count
    regexp_extract regexp_extract_all regexp_instr regexp_like regexp_replace regexp_substr repeat
    replace reverse right rint round rpad rtrim sec second sentences sequence sha sha1 sha2
    shiftleft shiftright sign signum sin sinh size slice smallint sort_array soundex space split
    split_part sqrt startswith substr substring substring_index tan tanh timestamp
    timestamp_micros timestamp_millis timestamp_seconds tinyint to_date to_number to_timestamp
    to_unix_timestamp to_utc_timestamp transform translate trim trunc try_add try_divide
    try_element_at try_multiply try_subtract try_to_date try_to_number try_to_timestamp typeof
    ucase unbase64 unhex unix_date unix_micros unix_millis unix_seconds unix_timestamp upper
    url_decode url_encode weekday weekofyear width_bucket xxhash64 year zeroifnull zip_with
"""
_TRUSTED = frozenset((_WORDS + _FUNCTIONS).split())


def is_repeatable(where: str | None) -> bool:
    """Tell whether a condition gives the same rows of the same data whenever it is asked.

    No for whatever calls the time, chance, the user or the session, for queries in the condition,
    and for functions that are not known to depend on their arguments alone.

    Args:
        where: SQL text of the condition; None for no condition.
    """
    if where is None:
        return True
    found = [(m.lastgroup or "", m.group()) for m in _TOKEN.finditer(where)]
    tokens = [token for token in found if token[0] != "space"]
    between = "".join("'" if kind in ("text", "quoted") else text for kind, text in found)
    # Spark replaces variables even in text, before it reads the condition.
    if "${" in where or any(mark in between for mark in _NEVER):
        return False
    if any(kind == "other" and text in "'\"`" for kind, text in tokens):
        return False
    padded = [("", ""), ("", ""), *tokens, ("", ""), ("", "")]
    return all(_is_harmless(padded[at - 1 : at + 3]) for at in range(2, len(padded) - 2))


def _is_harmless(around: list[tuple[str, str]]) -> bool:
    """Tell whether a token, given the one before it and two after it, is no cause for doubt."""
    (_, before), (kind, text), (_, after), (_, then) = around
    word = text.lower()
    if kind == "text":
        # Whatever is cast to a date, by the user or by Spark, may be told so.
        return not word.lstrip("r'\" \t").startswith(_NOW) and after != "("
    if kind == "quoted":
        return after != "("
    if kind != "name":
        return True
    if word in _CALLED_BARE or (before == "(" and word in _BEGINS_QUERY and after != "("):
        return False
    if after != "(":
        return True
    return word in _TRUSTED and before != "." and not (word in _NEEDS_ARGUMENT and then == ")")
