"""Which conditions give the same rows whenever they are asked."""

import pytest

from scorecast.batch.repeatable import is_repeatable


@pytest.mark.parametrize(
    "where",
    [
        None,
        "age > 3",
        "age > 3 and plan in ('basic', 'plus') or not (income <= 1.5e3)",
        "plan = 'rand() now() (select 1)'",
        r"plan = 'it\'s rand()' and age > 1",
        "plan = 'it''s rand()'",
        r"plan = r'\' and age > 1",
        "`rand` > 1 and `current_date` = 3",
        "`a ``select`` b` is not null",
        "upper(trim(plan)) like 'B%' and length(plan) between 1 and 9",
        "unix_timestamp(since) > 0",
        "since >= timestamp '2020-01-01 00:00:00' and since < date '2021-01-01'",
        "cast(age as decimal(10, 2)) > 1",
        "exists(scores, x -> x > 0.5)",
        "case when (age > 1) then (true) else (false) end",
        "plan = 'not today'",
        "plan = '--' and age > 1",
        "since > date_add(to_date('2020-01-01'), 3)",
        "random_score > 1 and user_name = 'x'",
    ],
)
def test_conditions_on_the_rows_alone_are_repeatable(where):
    """Text in quotes and names in backquotes do not count, nor do columns named like functions."""
    assert is_repeatable(where)


@pytest.mark.parametrize(
    "where",
    [
        "rand() > 0.5",
        "RAND(7) > 0.5",
        "rand () > 0.5",
        "`rand`() > 0.5",
        '"rand"() > 0.5',
        "randn() > 0",
        "random() > 0.5",
        "uuid() = plan",
        "shuffle(scores)[0] > 1",
        "since < current_date",
        "since < current_date()",
        "since < CURRENT_TIMESTAMP",
        "since < now()",
        "since < localtimestamp",
        "since < curdate()",
        "t < current_time(3)",
        "unix_timestamp() > age",
        "unix_timestamp( ) > age",
        "owner = current_user",
        "owner = user",
        "owner = session_user()",
        "monotonically_increasing_id() % 2 = 0",
        "spark_partition_id() = 0",
        "input_file_name() like '%a%'",
        "input_file_block_start() = 0",
        "java_method('java.lang.Math', 'random') > '0.5'",
        "reflect('java.lang.Math', 'random') > '0.5'",
        "try_reflect('java.lang.Math', 'random') > '0.5'",
        "age in (select age from other)",
        "age in (SELECT age FROM other)",
        "exists (table other)",
        "age in (values 1)",
        "version() = '4'",
        "current_database() = 'x'",
        "my_function(age) > 1",
        "shop.abs(age) > 1",
        "since < timestamp 'now'",
        "since < date'today'",
        "since = 'today'",
        "since < cast(' Yesterday' as date)",
        'since < cast("now" as timestamp)',
        "since < r'tomorrow'",
        "since < date('today')",
        'since < timestamp " Tomorrow"',
        "age > 1 -- don't\n and rand() > 0.5 -- '",
        "age > 1 /* ' */ and rand() > 0.5 /* ' */",
        "age > ${limit}",
        "plan = '${env:USER}'",
        "plan = $$ ' $$ or rand() > 0.5 or plan = $$ ' $$",
        r"plan = r'\' or rand() > 0.5 or plan = ' '",
        "plan = 'open",
    ],
)
def test_conditions_that_depend_on_more_are_not_repeatable(where):
    """Chance, the time, the user, other data, unknown functions and whatever may hide them."""
    assert not is_repeatable(where)
