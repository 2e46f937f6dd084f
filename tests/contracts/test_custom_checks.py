"""A check of the domain's own is decided by row where it can be, and on the whole otherwise."""

from datetime import date

import polars as pl
import pytest

import mesh
from mesh.contracts.model import Scope
from mesh.contracts.pandera import load

BY_ROW = {
    "compared": lambda c: pl.col(c) > 0,
    "among given values": lambda c: pl.col(c).is_in([1, 2]),
    "with a given format": lambda c: pl.col(c).cast(pl.String).str.to_date("%Y") > date(2013, 1, 1),
    "conditional": lambda c: pl.when(pl.col(c) > 0).then(pl.col(c) < 9).otherwise(True),
    "across columns": lambda c: pl.max_horizontal(c, pl.lit(3)) > 2,
}
ON_THE_WHOLE = {
    "average": lambda c: pl.col(c) > pl.col(c).mean(),
    "total": lambda c: pl.col(c).sum() > 0,
    "neighbour": lambda c: pl.col(c).shift(1) < pl.col(c),
    "uniqueness": lambda c: pl.col(c).is_unique(),
    "window": lambda c: pl.col(c).rank().over(c) > 0,
    "length": lambda _: pl.len() > 0,
    "constant": lambda _: pl.lit(True),
    "every column": lambda _: pl.all() > 0,
    # Each of these looks at more than its own row, without a name that says so.
    "joined text": lambda c: pl.col(c).cast(pl.String).str.join(",") != "",
    "guessed format": lambda c: pl.col(c).cast(pl.String).str.to_date(strict=False).is_null(),
    "among its own values": lambda c: pl.col(c).is_in(pl.col(c).implode()),
    "beside a given column": lambda c: pl.col(c) == pl.Series([1, 2, 3]),
}


@pytest.mark.parametrize("name", [*BY_ROW, *ON_THE_WHOLE])
def test_what_a_custom_check_selects_says_whether_it_is_decided_by_row(name):
    select = (BY_ROW | ON_THE_WHOLE)[name]

    class Checked(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def own(cls, data):
            return data.lazyframe.select(select(data.key))

    assert load(Checked).rules[-1].scope is (Scope.ROW if name in BY_ROW else Scope.SET)


def test_a_custom_check_that_does_more_than_select_is_decided_on_the_whole():
    class Checked(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def filtered(cls, data):
            return data.lazyframe.filter(pl.col(data.key) > 0).select(pl.col(data.key) > 1)

        @mesh.dataframe_check
        @classmethod
        def collected(cls, data):
            return data.lazyframe.collect().height > 0

        @mesh.check("value", element_wise=True)
        @classmethod
        def by_value(cls, value):
            return bool(repr(value))

    scopes = {rule.id: str(rule.scope) for rule in load(Checked).rules[1:]}
    assert scopes == {"value_filtered": "set", "value_by_value": "row", "collected": "set"}
