"""Threads check and stage side by side: the first failure stops them all, and none waits for ever."""

import threading
from collections.abc import Iterator

import polars as pl
import pyarrow as pa
import pytest

from mesh.errors import GateError, TransformError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.publishing.gate import Gate
from mesh.publishing.stage import StageWriter
from mesh.settings import PublishingSettings
from tests.behaviour.products import orders, product, state_of

MANY = PublishingSettings(workers=8, batch_rows=1)
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def rows(count: int) -> pl.DataFrame:
    return orders([(number, "DE", 1.0) for number in range(count)])


def mesh_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_Feed" in repr(thread._target)]


def assert_nothing_is_left(lake) -> None:
    assert state_of(lake.table(product().id)) == (None, [], [])
    assert mesh_threads() == []


@pytest.mark.parametrize("number", [0, 1, 7, 30, 99])
def test_a_worker_that_fails_stops_everything(lake, monkeypatch, number):
    original = Gate.check

    def check(gate, batch):
        if batch.offset == number:
            message = "the gate is broken"
            raise GateError(message)
        return original(gate, batch)

    with monkeypatch.context() as patched:
        patched.setattr(Gate, "check", check)
        for attempt in range(5):
            with pytest.raises(GateError, match="the gate is broken"):
                publish(product(), rows(100), lake=lake, run_id=str(attempt), settings=MANY)
    assert_nothing_is_left(lake)


def test_all_workers_that_fail_at_once_stop_everything(lake, monkeypatch):
    def check(gate, batch):
        message = "the gate is broken"
        raise GateError(message)

    monkeypatch.setattr(Gate, "check", check)
    for attempt in range(5):
        with pytest.raises(GateError, match="the gate is broken"):
            publish(product(), rows(100), lake=lake, run_id=str(attempt), settings=MANY)
    assert_nothing_is_left(lake)


def test_a_worker_that_fails_to_write_its_last_file_publishes_nothing(lake, monkeypatch):
    def close(writer):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(StageWriter, "close", close)
    with pytest.raises(OSError, match="Input/output"):
        publish(product(), rows(100), lake=lake, run_id="run", settings=MANY)
    assert_nothing_is_left(lake)


@pytest.mark.parametrize("after", [0, 1, 2, 50])
def test_a_source_that_fails_frees_every_worker(lake, after):
    table = rows(100).to_arrow()

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.slice(0, after).to_batches(max_chunksize=1)
        message = "the source went away"
        raise ConnectionError(message)

    for attempt in range(5):
        reader = pa.RecordBatchReader.from_batches(table.schema, batches())
        with pytest.raises(TransformError, match="the source went away"):
            publish(product(), reader, lake=lake, run_id=str(attempt), settings=MANY)
    assert_nothing_is_left(lake)


def test_a_source_is_read_no_faster_than_workers_take_from_it(lake, monkeypatch):
    taken, given, furthest = 0, 0, 0
    original = Gate.check

    def check(gate, batch):
        nonlocal taken
        taken += 1
        return original(gate, batch)

    def batches():
        nonlocal given, furthest
        for batch in rows(200).to_arrow().to_batches(max_chunksize=1):
            given += 1
            furthest = max(furthest, given - taken)
            yield batch

    monkeypatch.setattr(Gate, "check", check)
    schema = rows(1).to_arrow().schema
    settings = PublishingSettings(workers=2, batch_rows=1)
    publish(
        product(),
        pa.RecordBatchReader.from_batches(schema, batches()),
        lake=lake,
        run_id="run",
        settings=settings,
    )
    assert given == taken == 200
    assert furthest <= 8


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_any_number_of_workers_publishes_the_same_rows(lake, workers):
    settings = PublishingSettings(workers=workers, batch_rows=7)
    receipt = publish(product(), rows(1_000), lake=lake, run_id="run", settings=settings)

    assert receipt.rows_accepted == 1_000
    found = lake.table(product().id).scan().collect()
    assert found.sort("order_id").equals(rows(1_000))


def test_what_a_rejected_row_refuses_is_checked_whole_and_leaves_nothing_behind(lake):
    bad = rows(1_000).with_columns(
        amount=pl.when(pl.col("order_id") == 0).then(-1.0).otherwise(1.0)
    )
    settings = PublishingSettings(workers=1, batch_rows=10)
    refusal = publish(
        product(), pl.concat([bad, rows(1_000).tail(3)]), lake=lake, run_id="run", settings=settings
    )

    assert (refusal.verdict.rows, refusal.verdict.rejected) == (1_003, 1)
    assert refusal.verdict.finding("order_id_unique").failed == 6
    assert list(lake.table(product().id).store.list()) == []
