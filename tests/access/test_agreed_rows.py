"""A condition on rows shows the rows that it says, and nothing of any other."""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from mesh.access.agreed_rows import agreed_rows, both, rows_of
from mesh.access.model import Agreement
from mesh.contracts.model import Column
from mesh.errors import DecisionError, UnknownColumnError
from tests.access.parties import OWNER, a_port
from tests.catalog.factories import contract

TYPES = {
    "name": "string",
    "number": "int64",
    "share": "float64",
    "price": "decimal(10,2)",
    "day": "date",
    "at": "timestamp",
    "flag": "boolean",
}
PROMISE = replace(
    contract(), columns=tuple(Column(n, t, is_nullable=True) for n, t in TYPES.items()), rules=()
)
ROWS = pl.DataFrame(
    {
        "row": [0, 1, 2, 3],
        "name": ["UA", "AA", None, "O'Hare"],
        "number": [1, 2, None, -3],
        "share": [0.5, float("nan"), None, 2.0],
        "price": ["1.50", "2.00", None, "3.25"],
        "day": [date(2026, 1, 31), date(2026, 2, 1), None, date(2025, 1, 1)],
        "at": [datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), None, None],
        "flag": [True, False, None, True],
    }
).with_columns(pl.col("price").cast(pl.Decimal(10, 2)), pl.col("at").cast(pl.Datetime("us", "UTC")))


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ("name = 'UA'", [0]),
        ("name <> 'UA'", [1, 3]),
        ("NOT name = 'UA'", [1, 3]),
        ("name = 'O''Hare'", [3]),
        ("name IN ('UA', 'AA')", [0, 1]),
        ("name NOT IN ('UA', 'AA')", [3]),
        ("number = -3", [3]),
        ("number > 1.5", [1]),
        ("number BETWEEN 1 AND 2", [0, 1]),
        ("share <= 0.5", [0]),
        ("price >= 2", [1, 3]),
        ("day >= '2026-01-31'", [0, 1]),
        ("day < date '2026-01-31'", [3]),
        ("at > '2026-01-31 11:59:00'", [0, 1]),
        ("flag", [0, 3]),
        ("NOT flag", [1]),
        ("flag = true", [0, 3]),
        ("name IS NULL", [2]),
        ("name IS NOT NULL AND number > 0", [0, 1]),
        ("(name = 'UA' OR number = 2) AND flag -- only those", [0]),
        ("name IS NULL OR name = 'AA'", [1, 2]),
        ("\"name\" = 'UA'", [0]),
    ],
)
def test_a_condition_shows_the_rows_that_it_says(condition, shown):
    found = agreed_rows(condition, PROMISE)
    assert ROWS.filter(found.expression)["row"].to_list() == shown
    told = ROWS.select(found.expression.alias("is_shown"))["is_shown"]
    assert told.null_count() == 0


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "name =",
        "name = number",
        "name = 5",
        "number = 'x'",
        "day = 'soon'",
        "CAST(name AS INT) > 0",
        "name::int > 0",
        "number / 0 > 1",
        "length(name) > 2",
        "name LIKE 'U%'",
        "number",
        "true",
        "1 = 1",
        "name IN (SELECT name FROM x)",
        "EXISTS (SELECT 1)",
        "t.name = 'UA'",
        "name = 'UA'; DROP TABLE x",
        "name = (SELECT 'UA')",
        "name = 'UA') OR (1 = 1",
        "COLUMNS('n.*') = 'UA'",
        "name = ANY (['UA'])",
        "number BETWEEN SYMMETRIC 2 AND 1",
        "CASE WHEN flag THEN true ELSE false END",
        "name COLLATE nocase = 'ua'",
        "(" * 5_000 + "flag" + ")" * 5_000,
        " OR ".join(["flag"] * 2_000),
    ],
    ids=lambda condition: condition[:30],
)
def test_what_could_compute_guess_or_fail_on_a_row_is_refused(condition):
    with pytest.raises(DecisionError):
        agreed_rows(condition, PROMISE)


def test_a_column_that_is_not_there_is_told_with_near_names():
    with pytest.raises(UnknownColumnError) as caught:
        agreed_rows("nam = 'UA'", PROMISE)
    assert "name" in caught.value.near


def test_two_filters_show_what_both_show():
    one, other = agreed_rows("number > 0", PROMISE), agreed_rows("name = 'AA'", PROMISE)
    found = both(one, other)
    assert found.text == "(number > 0) and (name = 'AA')"
    assert ROWS.filter(found.expression)["row"].to_list() == [1]
    assert both(None, other) is other
    assert both(one, None) is one
    assert both(None, None) is None


def test_an_agreement_without_a_condition_is_on_all_rows():
    assert rows_of(None, PROMISE) is None
    assert rows_of(Agreement("1", "p", "h", "w"), PROMISE) is None


def test_a_decision_point_shows_only_the_rows_that_were_agreed_on(mesh):
    from mesh.access.model import Action, Ask
    from mesh.access.registered import decider_of_catalog
    from mesh.errors import AccessDeniedError
    from tests.access.parties import ann

    def seen(columns):
        port = a_port(promise=replace(contract(), columns=columns))
        decider = decider_of_catalog(mesh.catalog, rows=lambda _policies, _ask: None)
        return decider.view(Ask(ann(), Action.READ, port, "planning"))

    mesh.approve(mesh.request(rows="origin = 'EWR'"), OWNER)
    found = seen(contract().columns)
    assert found.rows.text == "origin = 'EWR'"
    assert not found.is_whole
    with pytest.raises(AccessDeniedError):  # a condition that cannot be kept hides all
        seen(contract().columns[1:])
    wide = mesh.approve(mesh.request(holder="reports.member"), OWNER)
    assert seen(contract().columns).agreement.id == wide.id
