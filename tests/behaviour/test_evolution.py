"""A later minor version adds columns, widens types and says other things of columns, in one commit.

Anything else that differs is refused.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mesh
from mesh.errors import StorageError
from mesh.reading import rejected_rows
from tests.behaviour.products import Orders, orders, product, publish_small, rows_of, state_of

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

    class Config:
        version = "1.1.0"


class Narrower(mesh.Contract):
    """One row per order, without its price."""

    order_id: int = mesh.Field(key=True)
    country: str

    class Config:
        version = "1.1.0"


class Narrow(mesh.Contract):
    """One row per order, in types that will be too narrow."""

    order_id: pl.Int32 = mesh.Field(key=True)
    country: str
    amount: pl.Float32 = mesh.Field(nullable=True)


class Widened(mesh.Contract):
    """One row per order, in wider types."""

    order_id: pl.Int64 = mesh.Field(key=True)
    country: str
    amount: pl.Float64 = mesh.Field(nullable=True)

    class Config:
        version = "1.1.0"


class Reworded(Orders):
    """One row per order, and more is said of its price."""

    amount: float = mesh.Field(
        ge=-5, nullable=True, unit="EUR", description="with tax", classification="confidential"
    )

    class Config:
        version = "1.1.0"


layouts = pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])
adding = pytest.mark.parametrize(
    "write", [mesh.Append(), mesh.Upsert(on="order_id")], ids=lambda mode: mode.name
)


@contextmanager
def open_file(table, file):
    source = table.store.open_input(file.path, file.size)
    try:
        yield pq.ParquetFile(source)
    finally:
        source.close()


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
    assert receipt.table_version == lake.table(wider.id).version() == 1
    assert lake.table(wider.id).commit_at(1).metadata["mesh.columns"] == "note"
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


modes = pytest.mark.parametrize(
    "write",
    [
        mesh.Overwrite(),
        mesh.Append(),
        mesh.Upsert(on="order_id"),
        mesh.ReplacePartitions(by="country"),
    ],
    ids=lambda mode: mode.name,
)


def narrow(rows) -> pl.DataFrame:
    return orders(rows).cast({"order_id": pl.Int32, "amount": pl.Float32})


@modes
def test_wider_types_come_with_the_rows_and_every_row_has_them(lake, write):
    publish_small(product(Narrow, write=write), narrow([*FIRST, (3, "FR", 3.0)]), lake, "first")
    wide = product(Widened, write=write)
    large = 2**40
    receipt = publish_small(wide, orders([(2, "FR", 0.1), (large, "DE", 1e300)]), lake, "second")
    if isinstance(write, mesh.Append):
        assert "in the table already" in receipt.verdict.reasons[0]
        receipt = publish_small(wide, orders([(large, "DE", 1e300)]), lake, "second")

    table = lake.table(wide.id)
    assert receipt.table_version == table.version() == 1
    found = table.scan().collect().sort("order_id")
    assert found.schema == orders([]).schema
    assert (large, "DE", 1e300) in found.rows()
    kept = {
        "overwrite": {2, large},
        "append": {1, 2, 3, large},
        "upsert": {1, 2, 3, large},
        "replace_partitions": {2, large},
    }
    assert set(found["order_id"]) == kept[write.name]
    before = table.scan(0).collect()
    assert before.schema["order_id"] == pl.Int32
    assert sorted(before["order_id"]) == [1, 2, 3]
    for file in table.snapshot().files:  # each file has the type that the log says
        with open_file(table, file) as parquet:
            if "order_id" in parquet.schema_arrow.names:
                assert parquet.schema_arrow.field("order_id").type == pa.int64()


def test_a_history_gets_wider_types_too(lake):
    class Rates(mesh.Contract):
        """One row per country and period."""

        country: str = mesh.Field(key=True)
        rate: pl.Int32
        valid_from: date = mesh.Field(key=True)
        valid_to: date = mesh.Field(nullable=True)

    class WiderRates(Rates):
        """One row per country and period."""

        rate: pl.Int64

        class Config:
            version = "1.1.0"

    write = mesh.SlowlyChanging(key="country", valid_from="valid_from", valid_to="valid_to")
    old = pl.DataFrame(
        {"country": ["DE", "FR"], "rate": [1, 2], "valid_from": [date(2026, 1, 1)] * 2},
        schema_overrides={"rate": pl.Int32},
    )
    publish_small(product(Rates, write=write), old, lake, "first")
    new = old.head(1).with_columns(
        rate=pl.lit(2**40, pl.Int64), valid_from=pl.lit(date(2026, 2, 1))
    )
    wide = product(WiderRates, write=write)
    receipt = publish_small(wide, new, lake, "second")

    assert receipt.table_version == 1
    found = lake.table(wide.id).scan().collect()
    assert found.schema["rate"] == pl.Int64
    assert sorted(found["rate"]) == [1, 2, 2**40]


@modes
def test_what_is_said_of_columns_comes_with_the_rows(lake, write):
    publish_small(product(write=write), orders(FIRST), lake, "first")
    said = product(Reworded, write=write)
    receipt = publish_small(said, orders([(3, "DE", -3.0)]), lake, "second")

    table = lake.table(said.id)
    assert receipt.table_version == table.version() == 1
    assert table.snapshot().schema.field("amount").metadata == {
        b"comment": b"with tax",
        b"mesh.unit": b"EUR",
        b"mesh.classification": b"confidential",
    }
    assert b"comment" not in table.snapshot(0).schema.field("amount").metadata
    publish_small(said, orders([(4, "DE", 4.0)]), lake, "third")
    assert "metaData" not in table.store.read("_delta_log/00000000000000000002.json").decode()


def test_rejected_rows_from_before_wait_in_the_wider_types(lake):
    options = {"write": mesh.Append(), "on_violation": mesh.Quarantine(0.9)}

    class Strict(Narrow):
        """One row per order."""

        amount: pl.Float32 = mesh.Field(ge=0)

    class Wide(Widened):
        """One row per order."""

        amount: pl.Float64 = mesh.Field(ge=0)

    publish_small(product(Strict, **options), narrow([*FIRST, (3, "FR", -3.0)]), lake, "first")
    wide = product(Wide, **options)
    for number in (0, 1):  # what is kept again takes the place of nobody else's rows
        rows = orders([(5 + number, "DE", 1.0), (2**40 + number, "FR", -1.0)])
        publish_small(wide, rows, lake, f"later {number}")

    waiting = rejected_rows(wide.id, lake).collect()
    assert sorted(waiting["order_id"]) == [3, 2**40, 2**40 + 1]
    assert waiting["_mesh_run"].n_unique() == 3


def test_a_column_that_files_are_laid_out_by_becomes_a_wider_integer(lake):
    class Years(mesh.Contract):
        """One row per year."""

        year: pl.Int32
        amount: float

    class LongYears(Years):
        """One row per year."""

        year: pl.Int64

        class Config:
            version = "1.1.0"

    options = {"write": mesh.Append(), "partition_by": ("year",)}
    old = pl.DataFrame({"year": [1], "amount": [1.0]}, schema_overrides={"year": pl.Int32})
    publish_small(product(Years, **options), old, lake, "first")
    wide = product(LongYears, **options)
    new = pl.DataFrame({"year": [2**40], "amount": [2.0]})
    publish_small(wide, new, lake, "second")

    assert rows_of(wide, lake) == [(1, 1.0), (2**40, 2.0)]


def test_local_times_may_be_added_to_a_table_that_had_none(lake):
    class Timed(Orders):
        """One row per order."""

        placed_at: Annotated[pl.Datetime, "us", None] = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    publish_small(product(write=mesh.Append()), orders(FIRST), lake, "first")
    timed = product(Timed, write=mesh.Append())
    moment = datetime(2026, 1, 1, 12)
    rows = orders([(3, "DE", 3.0)]).with_columns(placed_at=pl.lit(moment))
    publish_small(timed, rows, lake, "second")

    found = lake.table(timed.id).scan().collect().sort("order_id")
    assert found["placed_at"].to_list() == [None, None, moment]


def test_only_one_of_two_writers_changes_the_columns_and_the_other_goes_on_from_there(lake):
    """The second was planned on the version before: it is planned anew, and evolves nothing."""
    publish_small(product(write=mesh.Append()), orders(FIRST), lake, "first")
    wider = product(Wider, write=mesh.Append())
    with ThreadPoolExecutor(4) as pool:
        landed = [
            pool.submit(
                publish_small,
                wider,
                orders([(10 + n, "DE", 3.0)]).with_columns(note=pl.lit(str(n))),
                lake,
                f"run {n}",
            )
            for n in range(4)
        ]
    assert sorted(item.result().table_version for item in landed) == [1, 2, 3, 4]
    assert len(notes_of(wider, lake)) == 6
    store = lake.table(wider.id).store
    logs = [store.read(f"_delta_log/{n:020d}.json").decode() for n in range(1, 5)]
    assert ["metaData" in text for text in logs] == [True, False, False, False]
