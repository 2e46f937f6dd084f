"""Every type that a contract may promise comes back as it was published."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.products.ports import Input
from mesh.reading import pin, rejected_rows
from tests.behaviour.products import product, publish_small

NOON = dt.datetime(2020, 2, 29, 12, 0, 0, 123_456)


class Everything(mesh.Contract):
    """One column of every type."""

    id: int = mesh.Field(key=True)
    tiny: pl.Int8 = mesh.Field(nullable=True)
    small: pl.Int16 = mesh.Field(nullable=True)
    medium: pl.Int32 = mesh.Field(nullable=True)
    big: pl.Int64 = mesh.Field(nullable=True)
    single: pl.Float32 = mesh.Field(nullable=True)
    double: pl.Float64 = mesh.Field(nullable=True)
    price: Annotated[pl.Decimal, 12, 2] = mesh.Field(nullable=True)
    vast: Annotated[pl.Decimal, 38, 10] = mesh.Field(nullable=True)
    text: str = mesh.Field(nullable=True)
    raw: bytes = mesh.Field(nullable=True)
    is_true: bool = mesh.Field(nullable=True)
    day: dt.date = mesh.Field(nullable=True)
    moment: mesh.UTCDatetime = mesh.Field(nullable=True)
    local: Annotated[pl.Datetime, "us", None] = mesh.Field(nullable=True)
    lasted: dt.timedelta = mesh.Field(nullable=True)
    numbers: pl.List(pl.Int64) = mesh.Field(nullable=True)
    texts: pl.List(pl.String) = mesh.Field(nullable=True)
    place: pl.Struct({"city": pl.String, "at": pl.List(pl.Float64)}) = mesh.Field(nullable=True)
    nested: pl.List(pl.Struct({"a": pl.Int64, "b": pl.String})) = mesh.Field(nullable=True)


COLUMNS = {name: column.dtype.type for name, column in Everything.to_schema().columns.items()}
LOW = {
    "id": 1, "tiny": -128, "small": -(2**15), "medium": -(2**31), "big": -(2**63),
    "single": float("-inf"), "double": -1.7976931348623157e308, "price": Decimal("-9999999999.99"),
    "vast": Decimal("-9999999999999999999999999999.9999999999"), "text": "", "raw": b"",
    "is_true": False, "day": dt.date(1, 1, 1),
    "moment": dt.datetime(1, 1, 1, tzinfo=dt.UTC), "local": dt.datetime(1, 1, 1),
    "lasted": dt.timedelta(days=-100_000), "numbers": [], "texts": [],
    "place": {"city": None, "at": []}, "nested": [],
}  # fmt: skip
HIGH = {
    "id": 2, "tiny": 127, "small": 2**15 - 1, "medium": 2**31 - 1, "big": 2**63 - 1,
    "single": float("inf"), "double": 5e-324, "price": Decimal("9999999999.99"),
    "vast": Decimal("0.0000000001"), "text": "ünïcödé 日本 \U0001f600 \x00 end", "raw": bytes(range(256)),
    "is_true": True, "day": dt.date(9999, 12, 31),
    "moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC), "local": NOON,
    "lasted": dt.timedelta(microseconds=1), "numbers": [1, None, -(2**63)], "texts": ["", None, "ü"],
    "place": {"city": "Nový Jičín", "at": [49.6, None]}, "nested": [{"a": 1, "b": None}, None],
}  # fmt: skip
ODD = {
    **dict.fromkeys(COLUMNS),
    "id": 3,
    "double": float("nan"),
    "single": float("nan"),
    "text": "x" * 100_000,
}
NOTHING = {**dict.fromkeys(COLUMNS), "id": 4}


@pytest.fixture(scope="module")
def everything() -> pl.DataFrame:
    return pl.DataFrame([LOW, HIGH, ODD, NOTHING], schema=COLUMNS)


def test_every_type_comes_back_as_it_was(lake, everything):
    declared = product(Everything)
    receipt = publish_small(declared, everything, lake, "run")
    found = lake.table(declared.id).scan().collect().sort("id")

    assert isinstance(receipt, Receipt)
    assert found.schema == everything.schema
    assert found.equals(everything)


def test_every_type_goes_through_the_quarantine_too(lake, everything):
    class Bounded(Everything):
        id: int = mesh.Field(key=True, ge=100)

        class Config:
            row_count = mesh.RowCount(at_least=0)

    declared = product(Bounded, on_violation=mesh.Quarantine(1.0))
    publish_small(declared, everything, lake, "run")
    found = rejected_rows(declared.id, lake).collect().sort("id").select(everything.columns)
    assert found.equals(everything)


def test_every_type_survives_an_upsert_of_its_neighbours(lake, everything):
    declared = product(Everything, write=mesh.Upsert(on="id"))
    publish_small(declared, everything, lake, "first")
    publish_small(declared, everything[1:2], lake, "second")
    found = lake.table(declared.id).scan().collect().sort("id")

    assert found.equals(everything)


def test_moments_beyond_python_s_calendar_are_published(lake):
    class Far(mesh.Contract):
        day: dt.date
        at: mesh.UTCDatetime

    far = pl.DataFrame({"day": [5_000_000, -1_000_000], "at": [2**62, -(2**62)]}).select(
        pl.col("day").cast(pl.Int32).cast(pl.Date), pl.col("at").cast(pl.Datetime("us", "UTC"))
    )
    declared = product(Far)
    publish_small(declared, far, lake, "run")

    found = lake.table(declared.id).scan().select(pl.all().to_physical()).collect()
    assert sorted(found.rows()) == sorted(far.select(pl.all().to_physical()).rows())


PRODUCERS = {
    "a lazy frame": lambda frame: frame.lazy(),
    "an Arrow table": lambda frame: frame.to_arrow(),
    "an Arrow table of views": lambda frame: frame.to_arrow(compat_level=pl.CompatLevel.newest()),
    "an Arrow reader": lambda frame: frame.to_arrow().to_reader(max_chunksize=1),
    "an Arrow dataset": lambda frame: ds.dataset(frame.to_arrow()),
    "a DuckDB relation": lambda frame: duckdb.sql("select * from frame"),
    "a pandas frame": lambda frame: frame.to_pandas(),
}


@pytest.mark.parametrize("produce", PRODUCERS.values(), ids=PRODUCERS)
def test_any_arrow_producer_publishes_the_same(lake, produce):
    class Plain(mesh.Contract):
        id: int = mesh.Field(key=True)
        text: str = mesh.Field(nullable=True)
        fraction: float = mesh.Field(nullable=True)
        at: mesh.UTCDatetime

    frame = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "text": ["ü", None, ""],
            "fraction": [1.5, None, -0.0],
            "at": [NOON.replace(tzinfo=dt.UTC)] * 3,
        }
    )
    declared = product(Plain)
    publish_small(declared, produce(frame), lake, "run")

    assert lake.table(declared.id).scan().collect().sort("id").equals(frame)


def test_an_input_is_handed_over_with_its_types(lake, everything):
    declared = product(Everything)
    publish_small(declared, everything, lake, "run")
    pinned = pin("port", Input(str(declared.id), ["lasted", "id"]), lake)

    assert pinned.scan().collect().sort("id").equals(everything.select("lasted", "id"))
