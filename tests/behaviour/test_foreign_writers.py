"""Somebody else may write into the table: nothing breaks, and nothing is overlooked."""

from datetime import timedelta

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import StorageError
from mesh.publishing import receipts_in
from tests.behaviour.products import (
    OrdersByCountry,
    history_of,
    orders,
    product,
    publish_small,
    rows_of,
)
from tests.faults.publisher import OrdersWithNote

ODD_COUNTRY = "Côte d'Ivoire/50% a=b"


def foreign_append(lake, declared, frame: pl.DataFrame, **options) -> None:
    table = lake.table(declared.id)
    storage = dict(table.options) or None
    write_deltalake(table.url, frame, mode="append", storage_options=storage, **options)


def test_its_commit_in_between_leaves_receipts_and_identity_alone(lake):
    growing = product(write=mesh.Append())
    first = publish_small(growing, orders([(1, "DE", 1.0)]), lake, "first")
    foreign_append(lake, growing, orders([(2, "DE", 2.0)]))
    second = publish_small(growing, orders([(3, "DE", 3.0)]), lake, "second")

    assert (first.table_version, second.table_version) == (0, 2)
    assert history_of(growing, lake) == [(0, "first"), (2, "second")]
    assert publish_small(growing, orders([]), lake, "first") == first
    assert rows_of(growing, lake) == [(1, "DE", 1.0), (2, "DE", 2.0), (3, "DE", 3.0)]


def test_keys_of_its_rows_count(lake):
    growing = product(write=mesh.Append(), partition_by=("country",))
    publish_small(growing, orders([(1, "DE", 1.0)]), lake, "first")
    foreign_append(lake, growing, orders([(2, ODD_COUNTRY, 2.0)]), partition_by=["country"])

    taken = publish_small(growing, orders([(2, "FR", 3.0)]), lake, "second")
    assert isinstance(taken, Refusal)


def test_its_rows_are_upserted_in_partitions_of_any_name(lake):
    merging = product(write=mesh.Upsert(on="order_id"), partition_by=("country",))
    publish_small(merging, orders([(1, "DE", 1.0)]), lake, "first")
    theirs = orders([(2, ODD_COUNTRY, 2.0), (3, ODD_COUNTRY, 3.0)])
    foreign_append(lake, merging, theirs, partition_by=["country"])
    publish_small(merging, orders([(2, "FR", 20.0), (1, ODD_COUNTRY, 10.0)]), lake, "second")

    expected = [(1, ODD_COUNTRY, 10.0), (2, "FR", 20.0), (3, ODD_COUNTRY, 3.0)]
    assert rows_of(merging, lake) == expected
    table = lake.table(merging.id)
    delta = DeltaTable(table.url, storage_options=dict(table.options) or None)
    assert len(delta.file_uris()) == len(table.snapshot().files) == 3


def test_its_partitions_are_replaced(lake):
    replacing = product(OrdersByCountry, write=mesh.ReplacePartitions(by="country"))
    publish_small(replacing, orders([(1, "DE", 1.0)]), lake, "first")
    foreign_append(lake, replacing, orders([(2, ODD_COUNTRY, 2.0)]), partition_by=["country"])
    publish_small(replacing, orders([(9, ODD_COUNTRY, 9.0)]), lake, "second")

    assert rows_of(replacing, lake) == [(1, "DE", 1.0), (9, ODD_COUNTRY, 9.0)]


def test_a_table_that_it_began_is_taken_over(lake):
    growing = product(write=mesh.Append())
    foreign_append(lake, growing, orders([(1, "DE", 1.0)]))
    receipt = publish_small(growing, orders([(2, "DE", 2.0)]), lake, "first")

    assert (receipt.table_version, history_of(growing, lake)) == (1, [(1, "first")])
    assert rows_of(growing, lake) == [(1, "DE", 1.0), (2, "DE", 2.0)]


@pytest.mark.parametrize(
    "write", [mesh.Append(), mesh.Upsert(on="order_id")], ids=lambda mode: mode.name
)
def test_a_column_that_it_added_is_never_lost_silently(lake, write):
    declared = product(write=write)
    publish_small(declared, orders([(1, "DE", 1.0)]), lake, "first")
    wider = orders([(2, "DE", 2.0)]).with_columns(theirs=pl.lit("keep"))
    foreign_append(lake, declared, wider, schema_mode="merge")

    with pytest.raises(StorageError, match="theirs"):
        publish_small(declared, orders([(2, "DE", 3.0)]), lake, "second")
    whole = product()
    assert isinstance(publish_small(whole, orders([(2, "DE", 3.0)]), lake, "third"), Receipt)


def test_files_that_it_compacted_are_published_over(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    for number in range(4):
        publish_small(merging, orders([(number, "DE", 1.0)]), lake, str(number))
    table = lake.table(merging.id)
    DeltaTable(table.url, storage_options=dict(table.options) or None).optimize.compact()
    publish_small(merging, orders([(2, "FR", 2.0)]), lake, "merge")

    assert rows_of(merging, lake) == [
        (0, "DE", 1.0), (1, "DE", 1.0), (2, "FR", 2.0), (3, "DE", 1.0),
    ]  # fmt: skip


def test_a_checkpoint_in_between_keeps_the_identity_of_publications(lake):
    growing = product(write=mesh.Append())
    first = publish_small(growing, orders([(0, "DE", 1.0)]), lake, "first")
    for number in range(1, 4):
        publish_small(growing, orders([(number, "DE", 1.0)]), lake, str(number))
    table = lake.table(growing.id)
    DeltaTable(table.url, storage_options=dict(table.options) or None).create_checkpoint()
    publish_small(growing, orders([(9, "DE", 1.0)]), lake, "last")

    assert publish_small(growing, orders([]), lake, "first") == first
    assert table.version() == 4


def test_the_next_receipt_names_the_versions_that_it_wrote(lake):
    growing = product(write=mesh.Append())
    first = publish_small(growing, orders([(1, "DE", 1.0)]), lake, "first")
    foreign_append(lake, growing, orders([(2, "DE", 2.0)]))
    foreign_append(lake, growing, orders([(3, "DE", 3.0)]))
    second = publish_small(growing, orders([(4, "DE", 4.0)]), lake, "second")
    third = publish_small(growing, orders([(5, "DE", 5.0)]), lake, "third")

    assert first.foreign == third.foreign == ()
    assert [(item.version, item.operation) for item in second.foreign] == [
        (1, "WRITE"),
        (2, "WRITE"),
    ]
    assert first.published_at < second.foreign[0].committed_at + timedelta(seconds=1)
    assert list(receipts_in(lake.table(growing.id))) == [third, second, first]


def test_a_table_that_it_began_is_named_as_such(lake):
    growing = product(write=mesh.Append())
    foreign_append(lake, growing, orders([(1, "DE", 1.0)]))
    receipt = publish_small(growing, orders([(2, "DE", 2.0)]), lake, "first")

    assert [item.version for item in receipt.foreign] == [0]


def test_columns_that_a_minor_version_adds_are_mesh_s_own_doing(lake):
    publish_small(product(write=mesh.Append()), orders([(1, "DE", 1.0)]), lake, "first")
    wider = product(OrdersWithNote, write=mesh.Append())
    noted = orders([(2, "DE", 2.0)]).with_columns(note=pl.lit("new"))
    receipt = publish_small(wider, noted, lake, "second")

    assert (receipt.table_version, receipt.foreign) == (1, ())
    assert publish_small(wider, noted.with_columns(order_id=9), lake, "third").foreign == ()
