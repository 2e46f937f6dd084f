"""A key is unique in the whole table, whichever publication brought the row."""

import datetime as dt

import polars as pl
import pytest
from deltalake import write_deltalake

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import DefinitionError
from tests.behaviour.products import (
    Orders,
    OrdersByCountry,
    orders,
    product,
    publish_small,
    rows_of,
    state_of,
)

FIRST = [(number, "DE", float(number)) for number in range(10)]


@pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])
def test_an_append_with_a_key_that_the_table_has_is_refused(lake, partition_by):
    growing = product(write=mesh.Append(), partition_by=partition_by)
    publish_small(growing, orders(FIRST), lake, "first")
    before = state_of(lake.table(growing.id))
    refusal = publish_small(growing, orders([(10, "FR", 1.0), (7, "FR", 1.0)]), lake, "second")

    assert isinstance(refusal, Refusal)
    assert refusal.verdict.reasons == ("1 row has a key (order_id) that is in the table already",)
    finding = refusal.verdict.finding("order_id_unique")
    assert (finding.failed, finding.samples) == (1, ({"order_id": 7},))
    assert state_of(lake.table(growing.id)) == before


def test_a_refusal_for_a_key_adds_no_column_either(lake):
    class Wider(Orders):
        note: str = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    publish_small(product(write=mesh.Append()), orders(FIRST), lake, "first")
    wider = product(Wider, write=mesh.Append())
    again = orders(FIRST).with_columns(note=pl.lit("again"))
    assert isinstance(publish_small(wider, again, lake, "second"), Refusal)

    table = lake.table(wider.id)
    assert (table.version(), table.snapshot().schema.names) == (
        0,
        ["order_id", "country", "amount"],
    )


def test_an_append_without_a_key_may_repeat_rows(lake):
    class Readings(mesh.Contract):
        value: int

    growing = product(Readings, write=mesh.Append())
    for run in "ab":
        assert isinstance(publish_small(growing, pl.DataFrame({"value": [1]}), lake, run), Receipt)


def test_a_replacement_may_not_bring_a_key_that_another_partition_has(lake):
    replacing = product(write=mesh.ReplacePartitions(by="country"))
    publish_small(replacing, orders([(1, "DE", 1.0), (2, "FR", 2.0)]), lake, "first")

    same = publish_small(replacing, orders([(1, "DE", 10.0)]), lake, "its own key")
    assert isinstance(same, Receipt)
    taken = publish_small(replacing, orders([(2, "DE", 2.0)]), lake, "the other's key")
    assert isinstance(taken, Refusal)
    assert rows_of(replacing, lake) == [(1, "DE", 10.0), (2, "FR", 2.0)]


def test_a_key_with_the_partition_in_it_may_recur_in_another(lake):
    replacing = product(OrdersByCountry, write=mesh.ReplacePartitions(by="country"))
    publish_small(replacing, orders([(1, "DE", 1.0)]), lake, "first")
    publish_small(replacing, orders([(1, "FR", 1.0)]), lake, "second")

    assert rows_of(replacing, lake) == [(1, "DE", 1.0), (1, "FR", 1.0)]


MOMENT = dt.datetime(2020, 1, 1, 1, 2, 3, 456_789, tzinfo=dt.UTC)
KEYS = {
    "texts": (pl.String, ["a", "ü", "x" * 100, ""]),
    "whole numbers": (pl.Int64, [0, -1, 2**62]),
    "fractions": (pl.Float64, [0.0, -0.5, 1e300]),
    "dates": (pl.Date, [dt.date(1, 1, 1), dt.date(2020, 1, 1)]),
    "moments": (pl.Datetime("us", "UTC"), [MOMENT, MOMENT + dt.timedelta(microseconds=1)]),
    "durations": (pl.Duration("us"), [dt.timedelta(0), dt.timedelta(microseconds=-1)]),
    "truth": (pl.Boolean, [True, False]),
}


@pytest.mark.parametrize(("dtype", "values"), KEYS.values(), ids=KEYS)
def test_keys_of_every_type_are_found_again(lake, dtype, values):
    class Keyed(mesh.Contract):
        id: dtype = mesh.Field(key=True)
        value: int

    frame = pl.DataFrame({"id": pl.Series(values, dtype=dtype), "value": range(len(values))})
    growing = product(Keyed, write=mesh.Append())
    publish_small(growing, frame, lake, "first")
    for number in range(frame.height):
        one = publish_small(growing, frame[number : number + 1], lake, f"again {number}")
        assert isinstance(one, Refusal), values[number]


def test_keys_in_files_of_another_writer_are_found_though_its_bounds_are_cut(lake):
    class Keyed(mesh.Contract):
        at: mesh.UTCDatetime = mesh.Field(key=True)
        value: int

    growing = product(Keyed, write=mesh.Append())
    table = lake.table(growing.id)
    first = pl.DataFrame({"at": [MOMENT - dt.timedelta(days=1)], "value": [0]})
    publish_small(growing, first, lake, "first")
    foreign = pl.DataFrame({"at": [MOMENT], "value": [1]})
    options = dict(table.options) or None
    write_deltalake(table.url, foreign, mode="append", storage_options=options)

    taken = publish_small(growing, foreign, lake, "second")
    assert isinstance(taken, Refusal)


class Measured(mesh.Contract):
    """Rows by something that may be unknown."""

    level: float = mesh.Field(nullable=True)
    value: int


def test_an_upsert_finds_rows_whose_key_is_null_or_not_a_number(lake):
    merging = product(Measured, write=mesh.Upsert(on="level"))
    first = pl.DataFrame({"level": [1.0, None, float("nan")], "value": [1, 2, 3]})
    publish_small(merging, first, lake, "first")
    for run, level in [("null", None), ("nan", float("nan"))]:
        frame = pl.DataFrame({"level": [900.0 + len(run), level], "value": [8, 9]},
                             schema={"level": pl.Float64, "value": pl.Int64})  # fmt: skip
        publish_small(merging, frame, lake, run)

    found = lake.table(merging.id).scan().collect()
    assert found.filter(pl.col("level").is_null())["value"].to_list() == [9]
    assert found.filter(pl.col("level").is_nan())["value"].to_list() == [9]


def test_an_upsert_with_two_rows_for_one_key_is_refused(lake):
    merging = product(Measured, write=mesh.Upsert(on="level"))
    frame = pl.DataFrame({"level": [1.0] * 2, "value": [1, 2]})
    refusal = publish_small(merging, frame, lake, "run")

    assert isinstance(refusal, Refusal)
    assert "(level) is unique" in refusal.verdict.reasons[0]


def test_an_upsert_on_something_else_than_the_key_is_not_declared():
    with pytest.raises(DefinitionError, match="key"):
        product(write=mesh.Upsert(on="country"))
