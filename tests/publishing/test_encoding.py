"""Each column is written the way that makes it smallest, and reads back as what it was."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mesh.publishing.batch import Batch, repeating_texts
from mesh.publishing.encoding import encoding_of
from mesh.publishing.statistics import TextStatistics, delta_statistics

ROWS = 5_000
RANDOM = random.Random(7)
START = datetime(2013, 1, 1, tzinfo=UTC)


def noise(count: int) -> list[int]:
    return [RANDOM.randrange(-(2**63), 2**63) for _ in range(count)]


COLUMNS = {
    "rising": pa.array(range(ROWS), pa.int64()),
    "small": pa.array([RANDOM.randrange(2**20) for _ in range(ROWS)], pa.int64()),
    "few": pa.array([RANDOM.choice([3, 2**40, -(2**50)]) for _ in range(ROWS)], pa.int64()),
    "noise": pa.array(noise(ROWS), pa.int64()),
    "days": pa.array([date(2013, 1, 1) + timedelta(n) for n in range(ROWS)], pa.date32()),
    "moments": pa.array(
        [START + timedelta(seconds=n) for n in range(ROWS)], pa.timestamp("us", "UTC")
    ),
    "money": pa.array(
        [Decimal(RANDOM.randrange(10**6)) / 100 for _ in range(ROWS)], pa.decimal128(15, 2)
    ),
    "huge": pa.array(
        [Decimal(RANDOM.randrange(10**30)) for _ in range(ROWS)], pa.decimal128(38, 0)
    ),
    "some": pa.array([None if n % 3 else n for n in range(ROWS)], pa.int32()),
    "none": pa.nulls(ROWS, pa.int64()),
    "measures": pa.array([RANDOM.random() for _ in range(ROWS)], pa.float64()),
    "grades": pa.array([RANDOM.choice([1.0, 1.5, None]) for _ in range(ROWS)], pa.float64()),
    "flags": pa.array([bool(n % 2) for n in range(ROWS)], pa.bool_()),
    "names": pa.array([f"n{n}" for n in range(ROWS)], pa.string()),
    "essays": pa.array([f"{n} " * 20 for n in range(ROWS)], pa.string_view()),
    "lists": pa.array([[n, None] for n in range(ROWS)], pa.list_(pa.int64())),
}
RECORDS = pa.RecordBatch.from_arrays(list(COLUMNS.values()), names=list(COLUMNS))


def test_whole_numbers_are_packed_or_in_a_dictionary_whichever_is_smaller():
    found = encoding_of(RECORDS)
    assert set(found.packed) == {"rising", "small", "days", "moments", "money", "some"}
    assert set(found.dictionary) == {"few", "grades", "none"}


def test_only_long_texts_that_nobody_filters_on_have_no_statistics():
    assert "essays" not in encoding_of(RECORDS).measured
    assert "names" in encoding_of(RECORDS).measured
    assert "essays" in encoding_of(RECORDS, {"essays"}).measured


@pytest.mark.parametrize("rows", [0, 1, 33, ROWS])
def test_what_is_written_is_what_is_read(tmp_path, rows):
    file = tmp_path / "rows.parquet"
    piece = RECORDS.slice(0, rows)
    with encoding_of(piece).writer(str(file), RECORDS.schema) as writer:
        writer.write_batch(piece)
        writer.write_batch(piece)
    expected = pl.DataFrame(pa.Table.from_batches([piece, piece]))
    assert pl.read_parquet(file).equals(expected)
    assert pq.read_table(file).to_pylist() == pa.Table.from_batches([piece, piece]).to_pylist()


def test_numbers_at_the_ends_of_their_type_are_packed_without_a_loss(tmp_path):
    ends = [2**63 - 1, -(2**63), 0, -1] * 50
    rows = pa.RecordBatch.from_pydict({"n": pa.array([*range(2_000), *ends], pa.int64())})
    file = tmp_path / "rows.parquet"
    found = encoding_of(rows)
    with found.writer(str(file), rows.schema) as writer:
        writer.write_batch(rows)
    assert pl.read_parquet(file)["n"].to_list() == rows.column("n").to_pylist()


def test_what_came_first_decides_and_what_comes_later_may_be_otherwise(tmp_path):
    texts = [["a", "b"] * 2_000, [f"t{n}" for n in range(200_000)], [None, "a"] * 10]
    batches = [
        pa.RecordBatch.from_pydict({"t": pa.array(text, pa.string_view())}) for text in texts
    ]
    assert repeating_texts(batches[0]) == ("t",)
    told = [Batch(rows, 0).with_dictionaries(["t"]).dictionaries["t"] for rows in batches]
    rows = [pa.RecordBatch.from_arrays([values], ["t"]) for values in told]
    file = tmp_path / "rows.parquet"
    with encoding_of(rows[0]).writer(str(file), rows[0].schema) as writer:
        for piece in rows:
            writer.write_batch(piece)
    assert pl.read_parquet(file)["t"].to_list() == [text for texts_ in texts for text in texts_]
    assert pq.read_schema(file).field("t").type == pa.string()


def test_texts_that_hardly_repeat_are_no_dictionary():
    assert repeating_texts(RECORDS) == ()


def test_bounds_of_a_dictionary_are_those_of_its_rows(tmp_path):
    rows = pa.RecordBatch.from_pydict({"t": ["b", None, "c", "b"], "secret": ["x"] * 4})
    told = Batch(rows, 0).with_dictionaries(["t", "secret"]).dictionaries
    encoded = pa.RecordBatch.from_arrays([told["t"], told["secret"]], ["t", "secret"])
    texts = {name: TextStatistics() for name in ("t", "secret")}
    file = tmp_path / "rows.parquet"
    writer = encoding_of(encoded).writer(str(file), encoded.schema)
    writer.write_batch(encoded)
    writer.close()
    for name, found in texts.items():
        found.add(encoded.column(name))
    footer = writer.writer.metadata
    assert delta_statistics(footer, encoded.schema, texts, without_bounds={"secret"}) == (
        '{"numRecords": 4, "minValues": {"t": "b"}, "maxValues": {"t": "c"}, '
        '"nullCount": {"t": 1, "secret": 0}}'
    )
