"""Statistics in the log are true, so that readers may skip files by them."""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder

import mesh
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import product

START = dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)


class Measures(mesh.Contract):
    """Columns whose bounds readers skip by."""

    id: int = mesh.Field(key=True)
    whole: pl.Int16 = mesh.Field(nullable=True)
    fraction: float = mesh.Field(nullable=True)
    price: Annotated[pl.Decimal, 12, 2] = mesh.Field(nullable=True)
    text: str = mesh.Field(nullable=True)
    day: dt.date = mesh.Field(nullable=True)
    at: mesh.UTCDatetime = mesh.Field(nullable=True)
    local: Annotated[pl.Datetime, "us", None] = mesh.Field(nullable=True)
    lasted: dt.timedelta = mesh.Field(nullable=True)
    is_true: bool = mesh.Field(nullable=True)
    parts: pl.List(pl.Int64) = mesh.Field(nullable=True)
    raw: bytes = mesh.Field(nullable=True)


SCHEMA = {name: column.dtype.type for name, column in Measures.to_schema().columns.items()}
BOUNDED = ["id", "whole", "fraction", "price", "text", "day", "at", "local", "lasted"]


def measures(start: int, rows: int = 10) -> pl.DataFrame:
    """Rows whose every column grows with their number, some of them null."""
    numbers = range(start, start + rows)
    return pl.DataFrame(
        {
            "id": numbers,
            "whole": [n - 5 if n % 4 else None for n in numbers],
            "fraction": [n / 7 for n in numbers],
            "price": [Decimal(n * 100 + 25) / 100 for n in numbers],
            "text": [f"ü{n:05}" for n in numbers],
            "day": [START.date() + dt.timedelta(days=n) for n in numbers],
            "at": [START + dt.timedelta(seconds=n, microseconds=n) for n in numbers],
            "local": [(START + dt.timedelta(microseconds=n)).replace(tzinfo=None) for n in numbers],
            "lasted": [dt.timedelta(microseconds=n) for n in numbers],
            "is_true": [n % 2 == 0 for n in numbers],
            "parts": [[n] for n in numbers],
            "raw": [bytes([n % 256]) for n in numbers],
        },
        schema=SCHEMA,
    )


def published(lake, *frames: pl.DataFrame):
    """A product with one file for each frame; with its table as deltalake sees it."""
    declared = product(Measures, write=mesh.Append())
    for number, frame in enumerate(frames):
        one_file = PublishingSettings(workers=1)
        publish(declared, frame, lake=lake, run_id=str(number), settings=one_file)
    table = lake.table(declared.id)
    return declared, DeltaTable(table.url, storage_options=dict(table.options) or None)


def test_bounds_and_counts_are_those_of_the_data(lake):
    frames = [measures(0), measures(10), measures(20, rows=1)]
    _, delta = published(lake, *frames)
    actions = pa.table(delta.get_add_actions(flatten=False)).to_pylist()

    by_start = {action["min"]["id"]: action for action in actions}
    for frame in frames:
        action = by_start[frame["id"].min()]
        stored = frame.with_columns(pl.col("lasted").dt.total_microseconds())
        assert action["num_records"] == frame.height
        for name in BOUNDED:
            values = stored[name]
            assert action["min"][name] == values.min(), name
            assert action["max"][name] == values.max(), name
            assert action["null_count"][name] == values.null_count(), name


def test_a_column_of_nulls_alone_has_a_count_and_no_bounds(lake):
    nothing = measures(0).with_columns(
        pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in BOUNDED[1:]
    )
    _, delta = published(lake, nothing)
    (action,) = pa.table(delta.get_add_actions(flatten=False)).to_pylist()

    assert action["null_count"]["text"] == 10
    assert action["min"].get("text") is None


def with_fraction(row: int, text: str, frame: pl.DataFrame) -> pl.DataFrame:
    value = pl.when(pl.col("id") == row).then(float(text)).otherwise("fraction")
    return frame.with_columns(fraction=value)


CONDITIONS = {
    "one row": pl.col("id") == 17,
    "none": pl.col("whole") > 1_000,
    "fractions": pl.col("fraction").is_between(1.0, 2.0),
    "prices": pl.col("price") > Decimal("11.25"),
    "texts": pl.col("text") >= "ü00015",
    "days": pl.col("day") == dt.date(1970, 1, 9),
    "moments": pl.col("at") > START + dt.timedelta(seconds=11, microseconds=10),
    "local moments": pl.col("local") < dt.datetime(1970, 1, 1),
    "durations": pl.col("lasted") < dt.timedelta(microseconds=3),
    "nulls": pl.col("whole").is_null(),
    "not a number": pl.col("fraction").is_nan(),
    "more than any number": pl.col("fraction") > 1e300,
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_a_filtered_scan_finds_what_a_filter_of_everything_finds(lake, condition):
    frames = [
        measures(0),
        with_fraction(13, "nan", measures(10)),
        with_fraction(24, "inf", measures(20)),
    ]
    whole = pl.concat(frames)
    declared, _ = published(lake, *frames)
    found = lake.table(declared.id).scan().filter(condition).collect().sort("id")

    assert found.equals(whole.filter(condition))


def test_other_readers_find_the_same_rows(lake):
    _, delta = published(lake, measures(0), measures(10), measures(20))
    reader = QueryBuilder().register("t", delta)
    for sql, expected in [
        ("select id from t where at > '1970-01-01T00:00:15.000015Z'", range(16, 30)),
        ("select id from t where day = date '1970-01-09'", [9]),
        ("select id from t where text >= 'ü00028'", [28, 29]),
        ("select id from t where price <= 1.25", [0, 1]),
        ("select id from t where fraction between 1.0 and 1.2", [7, 8]),
    ]:
        found = pl.DataFrame(pa.table(reader.execute(sql)))
        assert sorted(found["id"]) == list(expected), sql

    plain = pl.scan_delta(delta.table_uri, storage_options=delta._storage_options)
    assert plain.filter(pl.col("id") == 17).collect()["text"].to_list() == ["ü00017"]


def test_long_texts_have_no_bounds_rather_than_wrong_ones(lake):
    frame = measures(0).with_columns(text=pl.lit("z" * 100) + pl.col("text"))
    declared, delta = published(lake, frame)
    (action,) = pa.table(delta.get_add_actions(flatten=False)).to_pylist()

    assert action["min"].get("text") is None
    scan = lake.table(declared.id).scan()
    assert scan.filter(pl.col("text").str.ends_with("3")).collect().height == 1
