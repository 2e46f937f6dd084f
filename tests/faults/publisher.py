"""A process that publishes what it is told to on its standard input, an order a line.

Started with `{"stop_at": place}`, it stands still there, for its parent to kill it: a moment that
is known exactly, in code that is otherwise the real thing.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from typing import Any

import polars as pl
import pyarrow as pa

import mesh
from mesh.catalog.receipts import Receipt
from mesh.errors import CommitConflictError, MeshError, Transient
from mesh.lake import Lake, Table
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import Orders, orders, product

publishing = import_module("mesh.publishing.publish")  # the package's name is its function's


class OrdersWithNote(Orders):
    """One row per order, with a note: a later minor version."""

    note: str = mesh.Field(nullable=True)

    class Config:
        version = "1.1.0"


MODES = {
    "overwrite": mesh.Overwrite(),
    "append": mesh.Append(),
    "replace": mesh.ReplacePartitions(by="country"),
    "upsert": mesh.Upsert(on="order_id"),
}
FOREVER = 3_600


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def stop(place: str) -> None:
    say(says="stopped", at=place)
    time.sleep(FOREVER)


def stop_around_commit(place: str) -> None:
    """Stand still just before or just after the commit."""
    original = Table.commit

    def stopping(table: Table, *arguments: Any) -> int:
        if place == "before the commit":
            stop(place)
        version = original(table, *arguments)
        if place == "after the commit":
            stop(place)
        return version

    Table.commit = stopping  # type: ignore[method-assign]


def declared(told: dict[str, Any]):
    tolerance = told.get("tolerance")
    return product(
        OrdersWithNote if told.get("is_noted") else Orders,
        write=MODES[told.get("write", "overwrite")],
        partition_by=tuple(told.get("partition_by", ())),
        **({"on_violation": mesh.Quarantine(tolerance)} if tolerance is not None else {}),
    )


def numbered(start: int, end: int) -> pl.DataFrame:
    """Orders with these numbers, in three countries."""
    return orders([(number, f"C{number % 3}", 1.0) for number in range(start, end)])


def rows_of(told: dict[str, Any], place: str) -> pa.RecordBatchReader:
    """The rows that were told, and in the middle of them a stop where that is the place."""
    if "rows" in told:
        frame = orders([tuple(row) for row in told["rows"]])
    else:
        frame = numbered(*told["numbers"])
    if told["product"].get("is_noted"):
        frame = frame.with_columns(note=pl.lit("new"))
    table = frame.to_arrow()

    def batches():
        middle = table.num_rows // 2
        yield from table.slice(0, middle).to_batches(max_chunksize=1_000)
        if place == "staging":
            time.sleep(0.3)  # what was handed over is being written
            stop(place)
        yield from table.slice(middle).to_batches(max_chunksize=1_000)

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def publish_told(told: dict[str, Any], place: str = "") -> Iterator[dict[str, Any]]:
    """Publish once, and say what became of it."""
    url, options = told["lake"]
    if hours := told.get("clock_hours"):
        skew_clock(timedelta(hours=hours))
    commits = count_commits()
    try:
        outcome = publish(
            declared(told["product"]),
            rows_of(told, place),
            lake=Lake(url, options),
            run_id=told["run_id"],
            settings=PublishingSettings(
                workers=told.get("workers", 2), batch_rows=told.get("batch_rows", 1_000)
            ),
        )
    except MeshError as error:
        is_transient = isinstance(error, Transient)
        text = str(error)[:2_000]
        yield {
            "says": "failed",
            "error": type(error).__name__,
            "text": text,
            "is_transient": is_transient,
        }
        return
    if isinstance(outcome, Receipt):
        yield {
            "says": "published",
            "version": outcome.table_version,
            "run_id": outcome.run_id,
            "is_repeated": outcome.is_repeated,
            "publication": outcome.publication_id,
            "conflicts": commits.conflicts,
        }
    else:
        yield {"says": "refused", "reasons": outcome.verdict.reasons}


def skew_clock(by: timedelta) -> None:
    """Let this process believe that it is earlier or later."""
    now = time.time

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + by

    publishing.datetime = Skewed  # type: ignore[attr-defined]
    time.time = lambda: now() + by.total_seconds()


class count_commits:  # noqa: N801 -- reads as a statement
    """Counts, in this process, how often another writer was first."""

    def __init__(self) -> None:
        self.conflicts = 0
        original = Table.commit

        def counting(table: Table, *arguments: Any) -> int:
            try:
                return original(table, *arguments)
            except CommitConflictError:
                self.conflicts += 1
                raise

        Table.commit = counting  # type: ignore[method-assign]


def main(place: str) -> None:
    """Publish until there is nothing more to do."""
    stop_around_commit(place)
    say(says="ready")
    for line in sys.stdin:
        for facts in publish_told(json.loads(line), place):
            say(**facts)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]).get("stop_at", ""))
