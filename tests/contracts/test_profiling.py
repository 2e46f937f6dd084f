"""A profile says of each column how full it is, how many values it has, and from where to where."""

import datetime as dt
import json

import polars as pl
import pytest

from mesh.contracts.profiling import measuring
from mesh.contracts.profiling.counting import FEW
from mesh.contracts.profiling.profile import MOST_FREQUENT

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
ROWS = pl.LazyFrame(
    {
        "n": [3, 1, None, 1],
        "x": [0.5, float("nan"), None, 2.5],
        "text": ["b", "a", "a", "c"],
        "at": [NOON, None, NOON, NOON],
        "is_on": [True, None, None, False],
        "tags": [["a"], None, [], ["b"]],
        "raw": [b"1", None, b"2", b"2"],
        "nothing": pl.Series([None] * 4, dtype=pl.Null),
    }
)


def profile(rows, hidden=()):
    return measuring.profile(rows.collect_schema(), [rows.collect()], hidden=hidden)


@pytest.fixture
def columns():
    return {column.name: column for column in profile(ROWS, hidden={"text"}).columns}


def test_nulls_are_counted_and_nan_is_none_too(columns):
    nulls = {name: column.nulls for name, column in columns.items()}
    assert tuple(nulls.values()) == (1, 2, 0, 1, 2, 1, 1, 4)


def test_values_have_bounds_a_mean_and_the_most_frequent_first(columns):
    n = columns["n"]
    assert (n.low, n.high, n.distinct, n.top) == (1, 3, 2, ((1, 2), (3, 1)))
    assert n.mean == pytest.approx(5 / 3)
    assert (columns["x"].low, columns["x"].high, columns["x"].mean) == (0.5, 2.5, 1.5)
    assert columns["at"].top == ((NOON, 3),)
    assert (columns["is_on"].low, columns["is_on"].high) == (False, True)


def test_types_are_told_in_the_contracts_words(columns):
    kinds = [column.type for column in columns.values()]
    assert kinds[:6] == ["int64", "float64", "string", "timestamp", "boolean", "list<string>"]


def test_hidden_columns_tell_counts_and_no_values(columns):
    text = columns["text"]
    assert (text.is_hidden, text.nulls, text.distinct) == (True, 0, 3)
    assert (text.low, text.high, text.top) == (None, None, ())


def test_what_has_no_order_has_no_bounds(columns):
    assert columns["tags"].distinct is None
    assert (columns["raw"].distinct, columns["raw"].low) == (2, None)
    assert columns["nothing"].high is None


def test_a_column_of_many_values_has_no_most_frequent_ones_and_of_few_only_the_first():
    many = pl.LazyFrame({"n": range(10 * FEW)})
    few = pl.LazyFrame({"n": [n % 10 for n in range(100)]})
    assert profile(many).columns[0].top == ()
    assert profile(few).columns[0].top == tuple((n, 10) for n in range(MOST_FREQUENT))


def test_no_rows_have_a_profile():
    found = profile(ROWS.clear())
    assert found.rows == 0
    assert {column.nulls for column in found.columns} == {0}
    assert found.null_share(found.columns[0]) == 0.0


def test_it_is_plain_values_in_json():
    plain = profile(ROWS, hidden={"text"}).as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["columns"][0]["null_share"] == 0.25
    assert plain["columns"][3]["min"] == str(NOON)
