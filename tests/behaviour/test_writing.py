"""What each write mode makes of a table, with and without partition columns."""

import datetime as dt
import json

import polars as pl
import pyarrow as pa
import pytest

import mesh
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.publishing import receipts_in
from tests.behaviour.products import (
    Notes,
    Orders,
    OrdersByCountry,
    history_of,
    orders,
    product,
    publish_small,
    rows_of,
    state_of,
)

FIRST = [(1, "DE", 1.0), (2, "DE", 2.0), (3, "FR", None), (4, "FR", 4.0), (5, "IT", 5.0)]
layouts = pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])


@layouts
def test_an_overwrite_is_the_whole_table(lake, partition_by):
    whole = product(partition_by=partition_by)
    publish_small(whole, orders(FIRST), lake, "first")
    second = [(9, "ES", 9.0), (2, "DE", 22.0)]
    publish_small(whole, orders(second), lake, "second")

    assert rows_of(whole, lake) == sorted(second, key=repr)
    assert rows_of(whole, lake, version=0) == sorted(FIRST, key=repr)


@layouts
def test_an_append_adds_its_rows(lake, partition_by):
    growing = product(write=mesh.Append(), partition_by=partition_by)
    publish_small(growing, orders(FIRST), lake, "first")
    more = [(6, "DE", 6.0), (7, "XX", None)]
    publish_small(growing, orders(more), lake, "second")

    assert rows_of(growing, lake) == sorted([*FIRST, *more], key=repr)


def test_a_replacement_touches_only_the_partitions_that_it_has_rows_for(lake):
    replacing = product(OrdersByCountry, write=mesh.ReplacePartitions(by="country"))
    publish_small(replacing, orders(FIRST), lake, "first")
    before = {file.path for file in lake.table(replacing.id).snapshot().files}
    publish_small(replacing, orders([(1, "DE", 10.0), (8, "ES", 8.0)]), lake, "second")

    assert rows_of(replacing, lake) == sorted(
        [(1, "DE", 10.0), (8, "ES", 8.0), (3, "FR", None), (4, "FR", 4.0), (5, "IT", 5.0)],
        key=repr,
    )
    after = lake.table(replacing.id).snapshot().files
    kept = {file.path for file in after} & before
    assert {file.partition_values["country"] for file in after if file.path in kept} == {
        "FR",
        "IT",
    }


def test_a_replacement_by_one_of_two_partition_columns_replaces_across_the_other(lake):
    class Sales(mesh.Contract):
        month: str
        country: str
        total: int

    replacing = product(
        Sales,
        write=mesh.ReplacePartitions(by="month"),
        partition_by=("month", "country"),
    )
    frame = pl.DataFrame(
        {"month": ["01", "01", "02"], "country": ["A", "B", "A"], "total": [1] * 3}
    )
    publish_small(replacing, frame, lake, "first")
    publish_small(
        replacing, pl.DataFrame({"month": ["01"], "country": ["C"], "total": [7]}), lake, "second"
    )

    assert rows_of(replacing, lake) == [("01", "C", 7), ("02", "A", 1)]


@layouts
def test_an_upsert_replaces_rows_with_its_keys_and_adds_the_others(lake, partition_by):
    merging = product(write=mesh.Upsert(on="order_id"), partition_by=partition_by)
    publish_small(merging, orders(FIRST), lake, "first")
    publish_small(merging, orders([(2, "IT", 22.0), (8, "ES", 8.0)]), lake, "second")

    assert rows_of(merging, lake) == sorted(
        [(1, "DE", 1.0), (2, "IT", 22.0), (3, "FR", None), (4, "FR", 4.0), (5, "IT", 5.0),
         (8, "ES", 8.0)],
        key=repr,
    )  # fmt: skip


def test_a_replacement_with_nothing_replaces_nothing(lake):
    replacing = product(OrdersByCountry, write=mesh.ReplacePartitions(by="country"))
    publish_small(replacing, orders(FIRST), lake, "first")
    outcome = publish_small(replacing, orders([]), lake, "second")

    assert isinstance(outcome, Receipt)
    assert rows_of(replacing, lake) == sorted(FIRST, key=repr)


def test_an_overwrite_with_nothing_is_refused_unless_the_contract_asks_for_it(lake):
    class MayBeEmpty(Orders):
        class Config:
            version = "1.1.0"
            row_count = mesh.RowCount(at_least=0)

    whole = product()
    publish_small(whole, orders(FIRST), lake, "first")
    refused = publish_small(whole, orders([]), lake, "second")
    (reason,) = refused.verdict.reasons
    assert reason.endswith("is broken: the data has 0 rows")
    assert rows_of(whole, lake) == sorted(FIRST, key=repr)

    allowed = product(MayBeEmpty)
    publish_small(allowed, orders([]), lake, "third")
    assert rows_of(allowed, lake) == []


def test_a_receipt_tells_what_was_published_and_from_what(lake):
    declared = product(on_violation=mesh.Quarantine(0.5), partition_by=("country",))
    read = (InputVersion("shop.prices_v1", 7, "prices", ("country",)),)
    receipt = publish_small(
        declared, orders([*FIRST, (6, "DE", -1.0)]), lake, "first", partition="2013", inputs=read
    )

    assert isinstance(receipt, Receipt)
    assert (receipt.rows_accepted, receipt.rows_rejected) == (5, 1)
    assert (receipt.run_id, receipt.partition, receipt.table_version) == ("first", "2013", 0)
    assert receipt.table_url == lake.table(declared.id).url
    assert (receipt.write_mode, receipt.inputs) == ("overwrite", read)
    snapshot = lake.table(declared.id).snapshot()
    assert receipt.files == len(snapshot.files)
    assert receipt.bytes == sum(file.size for file in snapshot.files)
    assert snapshot.rows == 5


def test_the_history_carries_the_receipts_that_were_returned(lake):
    growing = product(write=mesh.Append())
    returned = [
        publish_small(growing, orders([(number, "DE", 1.0)]), lake, f"run {number}")
        for number in range(4)
    ]

    (newest, *_, oldest) = lake.table(growing.id).commits()
    assert (newest.version, oldest.version) == (3, 0)
    assert json.loads(newest.metadata["mesh.receipt"])["run_id"] == "run 3"
    assert abs(newest.timestamp - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    assert list(receipts_in(lake.table(growing.id))) == returned[::-1]


@pytest.mark.parametrize(
    "write",
    [
        mesh.Overwrite(),
        mesh.Append(),
        mesh.ReplacePartitions(by="country"),
        mesh.Upsert(on=["order_id", "country"]),
    ],
    ids=lambda mode: mode.name,
)
def test_the_same_publication_again_commits_nothing_and_returns_the_first_receipt(lake, write):
    declared = product(OrdersByCountry, write=write)
    first = publish_small(declared, orders(FIRST), lake, "run", partition="a")
    before = state_of(lake.table(declared.id))
    again = publish_small(declared, orders([(77, "DE", 7.0)]), lake, "run", partition="a")

    assert again == first
    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert state_of(lake.table(declared.id)) == before


def test_an_earlier_publication_is_known_after_others(lake):
    whole = product()
    first = publish_small(whole, orders(FIRST), lake, "first")
    publish_small(whole, orders([(1, "DE", 1.0)]), lake, "second")
    again = publish_small(whole, orders(FIRST), lake, "first")

    assert again == first
    assert history_of(whole, lake) == [(0, "first"), (1, "second")]


def test_another_partition_of_the_same_run_is_another_publication(lake):
    notes = product(Notes, write=mesh.Append(), name="notes")
    frame = pl.DataFrame({"country": ["DE"], "text": ["a"]})
    one = publish_small(notes, frame, lake, "run", partition="1")
    two = publish_small(notes, frame, lake, "run", partition="2")

    assert (one.table_version, two.table_version) == (0, 1)


def test_a_stream_of_many_batches_is_published_whole(lake):
    table = orders([(number, "DE", float(number)) for number in range(1_000)]).to_arrow()
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7))
    whole = product()
    receipt = publish_small(whole, reader, lake, "run")

    assert receipt.rows_accepted == 1_000
    assert lake.table(whole.id).scan().select("order_id").collect()["order_id"].sum() == 499_500
