"""Rows of a partition wait for each other, and never longer than there is room for them."""

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mesh
from mesh.lake import Lake
from mesh.publishing import partitioning, publish
from mesh.publishing.batch import Batch
from mesh.publishing.partitioning import WaitingRows, split
from mesh.settings import PublishingSettings
from tests.behaviour.products import orders, product

TEXT = pa.string()
SCHEMA = pa.schema([("n", pa.int64()), ("country", TEXT)])


def rows(*values: tuple[int, str | None], text: pa.DataType = TEXT) -> pa.RecordBatch:
    numbers, countries = zip(*values, strict=True)
    arrays = [pa.array(numbers, pa.int64()), pa.array(countries, text)]
    return pa.RecordBatch.from_arrays(arrays, names=SCHEMA.names)


@pytest.mark.parametrize("text", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("is_told", [True, False])
def test_rows_are_split_by_value_in_their_order(text, is_told):
    batch = rows((1, "DE"), (2, None), (3, "DE"), (4, ""), (5, None), text=text)
    if is_told:
        told = Batch(batch, 0).with_dictionaries(["country"]).dictionaries["country"]
        batch = pa.RecordBatch.from_arrays([batch.column("n"), told], names=SCHEMA.names)
    found = {values: piece.to_pydict() for values, piece in split(batch, SCHEMA, ["country"])}
    assert found == {("DE",): {"n": [1, 3]}, (None,): {"n": [2, 5]}, ("",): {"n": [4]}}


def test_rows_wait_until_they_are_a_row_group(monkeypatch):
    monkeypatch.setattr(partitioning, "ROW_GROUP_ROWS", 3)
    waiting = WaitingRows()
    waiting.add(("DE",), rows((1, "a"), (2, "b")))
    waiting.add(("FR",), rows((3, "c")))
    assert list(waiting.due()) == []
    waiting.add(("DE",), rows((4, "d")))
    ((partition, together),) = waiting.due()
    assert (partition, together.column("n").to_pylist()) == (("DE",), [1, 2, 4])
    assert [(p, r.num_rows) for p, r in waiting.rest()] == [(("FR",), 1)]


def test_the_largest_go_first_when_there_is_no_room(monkeypatch):
    monkeypatch.setattr(partitioning, "MAX_WAITING_BYTES", 1_000)
    waiting = WaitingRows()
    for number in range(1, 5):
        waiting.add((str(number),), rows(*[(n, "x" * 10) for n in range(number * 5)]))
    went = [partition for partition, _ in waiting.due()]
    assert went == [("4",), ("3",)]
    assert [partition for partition, _ in waiting.rest()] == [("1",), ("2",)]


def test_many_partitions_in_no_order_make_few_files_with_whole_row_groups(tmp_path):
    lake = Lake(str(tmp_path))
    declared = product(partition_by=("country",), write=mesh.ReplacePartitions(by="country"))
    frame = orders([(n, f"C{n % 300}", float(n)) for n in range(30_000)])
    settings = PublishingSettings(workers=2, batch_rows=1_000)
    publish(declared, frame, lake=lake, run_id="run", settings=settings)

    table = lake.table(declared.id)
    files = table.snapshot().files
    assert len(files) <= 2 * 300
    assert all(pq.read_metadata(f"{table.url}/{f.path}").num_row_groups == 1 for f in files)
    assert (
        table.scan()
        .collect()
        .sort("order_id")
        .equals(frame.select(table.scan().collect_schema().names()).sort("order_id"))
    )
    assert pl.scan_delta(table.url).select(pl.len()).collect().item() == 30_000
