"""Partition columns of every type: what is written is what is read, whoever reads."""

import datetime as dt
import time
from decimal import Decimal
from typing import Annotated

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder

import mesh
from mesh.catalog.receipts import Refusal
from tests.behaviour.products import product, publish_small, rows_of, state_of


class ByText(mesh.Contract):
    part: str = mesh.Field(nullable=True)
    value: int


class ByOddText(ByText):
    """Texts that may be taken for something else."""


class ByNumber(mesh.Contract):
    part: int = mesh.Field(nullable=True)
    value: int


class BySmallNumber(mesh.Contract):
    part: pl.Int8 = mesh.Field(nullable=True)
    value: int


class ByFraction(mesh.Contract):
    part: float = mesh.Field(nullable=True)
    value: int


class ByDecimal(mesh.Contract):
    part: Annotated[pl.Decimal, 18, 8] = mesh.Field(nullable=True)
    value: int


class ByTruth(mesh.Contract):
    part: bool = mesh.Field(nullable=True)
    value: int


class ByDate(mesh.Contract):
    part: dt.date = mesh.Field(nullable=True)
    value: int


class ByMoment(mesh.Contract):
    part: mesh.UTCDatetime = mesh.Field(nullable=True)
    value: int


class ByLocalMoment(mesh.Contract):
    part: Annotated[pl.Datetime, "us", None] = mesh.Field(nullable=True)
    value: int


class ByDuration(mesh.Contract):
    part: dt.timedelta = mesh.Field(nullable=True)
    value: int


MOMENTS = [
    dt.datetime(2013, 1, 1, 0, 0),
    dt.datetime(2013, 3, 31, 2, 30, 0, 1),
    dt.datetime(1, 1, 1, 12, 0),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999),
]
VALUES = [
    (ByText, ["plain", "two words", "a/b", "../up", "50%", "a=b", "ünïcödé", "日本", "quote'\"", "%20"]),
    (ByOddText, [" ", "null", "x" * 250, "line\nbreak", "#?&+", ".", "a\\b"]),
    (ByNumber, [0, -1, 2**63 - 1, -(2**63)]),
    (BySmallNumber, [0, -128, 127]),
    (ByFraction, [0.0, -1.5, 1e300, 1e-300, 0.1, 100.0, float("inf"), -float("inf")]),
    (ByDecimal, [Decimal(0), Decimal("-1.5"), Decimal("9999999999.99999999"), Decimal("0.00000001")]),
    (ByTruth, [True, False]),
    (ByDate, [dt.date(2013, 1, 31), dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1969, 12, 31)]),
    (ByMoment, [moment.replace(tzinfo=dt.UTC) for moment in MOMENTS]),
    (ByLocalMoment, MOMENTS),
    (ByDuration, [dt.timedelta(0), dt.timedelta(days=-1, microseconds=1), dt.timedelta(days=400)]),
]  # fmt: skip
each_type = pytest.mark.parametrize(
    ("contract", "values"), VALUES, ids=lambda v: getattr(v, "__name__", "")
)


@pytest.fixture(autouse=True)
def far_from_utc(monkeypatch):
    """The process's own time zone must not matter."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def frame_of(contract, values: list) -> pl.DataFrame:
    dtype = contract.to_schema().columns["part"].dtype.type
    return pl.DataFrame({"part": pl.Series(values, dtype=dtype), "value": range(len(values))})


@each_type
def test_values_come_back_as_they_were(lake, contract, values):
    declared = product(contract, partition_by=("part",))
    written = frame_of(contract, [*values, None])
    publish_small(declared, written, lake, "run")

    assert rows_of(declared, lake) == sorted(written.rows(), key=repr)


@each_type
def test_other_readers_see_the_same_values(lake, contract, values):
    declared = product(contract, partition_by=("part",))
    written = frame_of(contract, [*values, None])
    publish_small(declared, written, lake, "run")

    table = lake.table(declared.id)
    delta = DeltaTable(table.url, storage_options=dict(table.options) or None)
    seen = _by_delta(delta)
    assert sorted(seen.cast(written.schema).rows(), key=repr) == sorted(written.rows(), key=repr)


def _by_delta(delta: DeltaTable) -> pl.DataFrame:
    reader = QueryBuilder().register("t", delta).execute("select part, value from t")
    return pl.DataFrame(pa.table(reader))


@each_type
def test_a_replacement_finds_the_partition_of_the_same_value(lake, contract, values):
    declared = product(contract, write=mesh.ReplacePartitions(by="part"))
    first = frame_of(contract, [*values, None])
    publish_small(declared, first, lake, "first")
    second = first.with_columns(value=pl.col("value") + 100)
    publish_small(declared, second, lake, "second")

    assert rows_of(declared, lake) == sorted(second.rows(), key=repr)


@each_type
def test_an_upsert_finds_rows_by_the_value_of_their_partition(lake, contract, values):
    declared = product(contract, write=mesh.Upsert(on="part"), partition_by=("part",))
    first = frame_of(contract, [*values, None])
    publish_small(declared, first, lake, "first")
    second = first.with_columns(value=pl.col("value") + 100)
    publish_small(declared, second, lake, "second")

    assert rows_of(declared, lake) == sorted(second.rows(), key=repr)


@pytest.mark.parametrize("text", ["", "__HIVE_DEFAULT_PARTITION__", "x" * 300, "ü" * 100])
def test_a_text_that_would_not_come_back_from_a_partition_is_refused(lake, text):
    declared = product(ByText, partition_by=("part",))
    publish_small(declared, frame_of(ByText, ["a"]), lake, "first")
    before = state_of(lake.table(declared.id))
    refusal = publish_small(declared, frame_of(ByText, ["b", text, "c"]), lake, "second")

    assert isinstance(refusal, Refusal)
    (difference,) = refusal.verdict.differences
    assert difference.column == "part"
    assert difference.hint.startswith("as a partition it ")
    assert state_of(lake.table(declared.id)) == before


def test_more_partitions_than_may_be_open_at_once_are_all_there(lake):
    declared = product(ByNumber, partition_by=("part",))
    written = frame_of(ByNumber, [number % 90 for number in range(270)])
    publish_small(declared, written, lake, "run")

    assert rows_of(declared, lake) == sorted(written.rows(), key=repr)
