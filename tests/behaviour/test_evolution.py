"""A later minor version adds a nullable column; anything else that differs is refused."""

import polars as pl
import pytest

import mesh
from mesh.errors import StorageError
from tests.behaviour.products import Orders, orders, product, publish_small, state_of

FIRST = [(1, "DE", 1.0), (2, "FR", 2.0)]


class Wider(Orders):
    """One row per order, with a note."""

    note: str = mesh.Field(nullable=True)

    class Config:
        version = "1.1.0"


class Retyped(mesh.Contract):
    """One row per order, with a price as text."""

    order_id: int = mesh.Field(key=True)
    country: str
    amount: str = mesh.Field(nullable=True)


class Narrower(mesh.Contract):
    """One row per order, without its price."""

    order_id: int = mesh.Field(key=True)
    country: str


layouts = pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])
adding = pytest.mark.parametrize(
    "write", [mesh.Append(), mesh.Upsert(on="order_id")], ids=lambda mode: mode.name
)


def notes_of(declared, lake, version=None) -> list[tuple]:
    found = lake.table(declared.id).scan(version).collect().sort("order_id")
    return found.select("order_id", "note").rows()


@layouts
@adding
def test_a_column_that_was_added_is_null_in_rows_from_before(lake, write, partition_by):
    options = {"write": write, "partition_by": partition_by}
    publish_small(product(**options), orders(FIRST), lake, "first")
    wider = product(Wider, **options)
    more = orders([(3, "DE", 3.0)]).with_columns(note=pl.lit("new"))
    receipt = publish_small(wider, more, lake, "second")

    assert notes_of(wider, lake) == [(1, None), (2, None), (3, "new")]
    assert receipt.table_version == lake.table(wider.id).version()
    assert receipt.contract_version == "1.1.0"


@layouts
def test_an_upsert_over_rows_from_before_a_column_was_added_keeps_the_others(lake, partition_by):
    options = {"write": mesh.Upsert(on="order_id"), "partition_by": partition_by}
    publish_small(product(**options), orders([*FIRST, (3, "DE", 3.0)]), lake, "first")
    wider = product(Wider, **options)
    changed = orders([(3, "DE", 30.0)]).with_columns(note=pl.lit("new"))
    publish_small(wider, changed, lake, "second")

    assert notes_of(wider, lake) == [(1, None), (2, None), (3, "new")]


@layouts
def test_an_overwrite_brings_its_column(lake, partition_by):
    publish_small(product(partition_by=partition_by), orders(FIRST), lake, "first")
    wider = product(Wider, partition_by=partition_by)
    frame = orders(FIRST).with_columns(note=pl.lit("new"))
    receipt = publish_small(wider, frame, lake, "second")

    assert receipt.table_version == 1
    assert notes_of(wider, lake) == [(1, "new"), (2, "new")]
    assert lake.table(wider.id).scan(0).collect_schema().names() == [
        "order_id",
        "country",
        "amount",
    ]


def test_a_replacement_brings_its_column(lake):
    write = mesh.ReplacePartitions(by="country")
    publish_small(product(write=write), orders(FIRST), lake, "first")
    wider = product(Wider, write=write)
    frame = orders([(1, "DE", 5.0)]).with_columns(note=pl.lit("new"))
    publish_small(wider, frame, lake, "second")

    assert notes_of(wider, lake) == [(1, "new"), (2, None)]


@adding
@pytest.mark.parametrize("contract", [Retyped, Narrower])
def test_rows_that_do_not_fit_what_is_there_are_refused_as_an_error(lake, write, contract):
    publish_small(product(write=write), orders(FIRST), lake, "first")
    other = product(contract, write=write)
    before = state_of(lake.table(other.id))
    columns = contract.to_schema().columns
    frame = orders([(3, "DE", 3.0)]).with_columns(pl.col("amount").cast(pl.String))

    with pytest.raises(StorageError, match="amount") as raised:
        publish_small(other, frame.select(*columns), lake, "second")

    assert "new major" in raised.value.hint
    assert state_of(lake.table(other.id)) == before


@pytest.mark.parametrize("contract", [Retyped, Narrower])
def test_an_overwrite_replaces_the_columns_with_the_rows(lake, contract):
    publish_small(product(), orders(FIRST), lake, "first")
    other = product(contract)
    frame = orders([(3, "DE", 3.0)]).with_columns(pl.col("amount").cast(pl.String))
    frame = frame.select(*contract.to_schema().columns)
    publish_small(other, frame, lake, "second")

    assert lake.table(other.id).scan().collect().equals(frame)
    assert lake.table(other.id).scan(0).collect().sort("order_id").equals(orders(FIRST))


def test_another_layout_is_refused_as_an_error(lake):
    publish_small(product(partition_by=("country",)), orders(FIRST), lake, "first")
    for partition_by in [(), ("order_id",)]:
        other = product(partition_by=partition_by)
        with pytest.raises(StorageError, match="partitioned by"):
            publish_small(other, orders(FIRST), lake, "second")
