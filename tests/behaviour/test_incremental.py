"""Incremental reading where tables live: on a disk and in a bucket."""

from __future__ import annotations

import polars as pl
import pytest
from deltalake import DeltaTable

import mesh
from mesh.catalog.landed import landed_receipts, published_key
from mesh.errors import ChangesUnknownError
from mesh.products.ports import Input
from mesh.reading import pin
from mesh.reading.incremental import changed_rows, increments
from tests.behaviour.products import orders, product, publish_small

SOURCE = product(write=mesh.Upsert(on="order_id"), partition_by=("country",))


def target(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows


READER = product(
    name="target",
    function=target,
    write=mesh.Append(),
    inputs={"rows": mesh.Input("shop.orders_v1", incremental=True)},
)


def delta(lake) -> DeltaTable:
    table = lake.table(SOURCE.id)
    return DeltaTable(table.url, storage_options=dict(table.options) or None)


def changed(lake, since: int) -> list[tuple]:
    pinned = pin("rows", Input("shop.orders_v1"), lake)
    wanted = ("order_id", "country", "amount", "_change_type")
    return changed_rows(pinned, since).select(wanted).collect().rows()


def test_changes_are_told_by_partitions_of_any_name(lake):
    publish_small(SOURCE, orders([(1, "DE", 1.0), (2, "Côte d'Ivoire/%", 2.0)]), lake, "a")
    publish_small(SOURCE, orders([(2, "Côte d'Ivoire/%", 3.0), (3, "DE", 4.0)]), lake, "b")

    assert changed(lake, 0) == [
        (2, "Côte d'Ivoire/%", 2.0, "update_preimage"),
        (2, "Côte d'Ivoire/%", 3.0, "update_postimage"),
        (3, "DE", 4.0, "insert"),
    ]
    snapshot = lake.table(SOURCE.id).snapshot()
    assert published_key(snapshot) == ("order_id",)
    assert [receipt.run_id for receipt in landed_receipts(snapshot)] == ["b", "a"]


def test_the_first_run_chooses_everything_and_says_which_table_it_was(lake):
    publish_small(SOURCE, orders([(1, "DE", 1.0)]), lake, "a")
    pinned = {"rows": pin("rows", READER.inputs["rows"], lake)}
    chosen = increments(READER, lake, pinned)

    assert (chosen.is_whole, chosen.seen, chosen.notes) == (True, None, ())
    assert chosen.inputs["rows"].used.table_id == lake.table(SOURCE.id).snapshot().table_id
    assert chosen.inputs["rows"].scan().collect()["_change_type"].to_list() == ["insert"]


def test_what_was_vacuumed_or_lost_from_the_log_is_an_error_that_names_it(lake):
    publish_small(SOURCE, orders([(1, "DE", 1.0)]), lake, "a")
    publish_small(SOURCE, orders([(1, "DE", 2.0)]), lake, "b")
    delta(lake).vacuum(0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(ChangesUnknownError, match="version 1 removed is vacuumed"):
        changed(lake, 0)

    publish_small(SOURCE, orders([(1, "DE", 3.0)]), lake, "c")
    delta(lake).create_checkpoint()
    lake.table(SOURCE.id).store.delete([f"_delta_log/{1:020}.json"])
    with pytest.raises(ChangesUnknownError, match="the log's entry of version 1 is gone"):
        changed(lake, 0)
