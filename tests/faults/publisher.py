"""A process that publishes what it is told to on its standard input, an order a line.

Started with `{"stop_at": place}`, it stands still there, for its parent to kill it: a moment that
is known exactly, in code that is otherwise the real thing.
"""

import json
import sys
import time
from typing import Any

import polars as pl
import pyarrow as pa

import mesh
from mesh.catalog.receipts import Receipt
from mesh.errors import MeshError
from mesh.lake import Lake, Table
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import orders, product

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
    """Stand still just before or just after the commit, of the product or of its quarantine."""
    original = Table.commit

    def stopping(table: Table, *arguments: Any) -> int:
        is_quarantine = table.url.endswith("_quarantine")
        what = "the quarantine's commit" if is_quarantine else "the commit"
        if place == f"before {what}":
            stop(place)
        version = original(table, *arguments)
        if place == f"after {what}":
            stop(place)
        return version

    Table.commit = stopping  # type: ignore[method-assign]


def declared(told: dict[str, Any]):
    tolerance = told.get("tolerance")
    return product(
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
    table = frame.to_arrow()

    def batches():
        middle = table.num_rows // 2
        yield from table.slice(0, middle).to_batches(max_chunksize=1_000)
        if place == "staging":
            time.sleep(0.3)  # what was handed over is being written
            stop(place)
        yield from table.slice(middle).to_batches(max_chunksize=1_000)

    return pa.RecordBatchReader.from_batches(table.schema, batches())


def main(place: str) -> None:
    """Publish until there is nothing more to do."""
    stop_around_commit(place)
    say(says="ready")
    for line in sys.stdin:
        told = json.loads(line)
        url, options = told["lake"]
        try:
            outcome = publish(
                declared(told["product"]),
                rows_of(told, place),
                lake=Lake(url, options),
                run_id=told["run_id"],
                settings=PublishingSettings(workers=2, batch_rows=told.get("batch_rows", 1_000)),
            )
        except MeshError as error:
            say(says="failed", error=type(error).__name__, text=str(error))
            continue
        if isinstance(outcome, Receipt):
            say(
                says="published",
                version=outcome.table_version,
                run_id=outcome.run_id,
                is_repeated=outcome.is_repeated,
                publication=outcome.publication_id,
            )
        else:
            say(says="refused", reasons=outcome.verdict.reasons)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]).get("stop_at", ""))
