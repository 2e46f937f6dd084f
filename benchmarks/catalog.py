"""The catalog at size: what people and tools wait for, with many readers and two who publish.

Owns what is asked of a synthetic mesh (`benchmarks.workloads.company`). On SQLite, and on a
PostgreSQL of its own, started as tests start theirs; MESH_BENCHMARK_POSTGRESQL names an empty
database to use instead. Each reader is a process that asks again as soon as it has its answer, so
that all of them together keep every core busy; it asks for a while before it is measured, as a
server that runs has been asked before. Aims are budgets: there is no peer with the same questions
that installs here, and in the documentation of Marquez and of DataHub no promised latency was
found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.server import answered, serving
from benchmarks.workloads.company import START, WORDS, Size, fill, name_of, receipt
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.settings import ServingSettings, Settings
from tests.catalog import postgresql

READERS, WRITERS, PRODUCERS = 8, 2, 16
SECONDS, WARM_UP = 10.0, 10.0
AIM_MS = 50.0


Asked = Callable[[Catalog, random.Random], object]


def questions(size: Size) -> dict[str, Asked]:
    """What a reader waits for."""
    last = size.products - 1

    def some(chance: random.Random) -> str:
        return name_of(chance.randint(size.products // 2, last))

    return {
        "search by name": lambda c, r: c.search.find(some(r)),
        "search by number": lambda c, r: c.search.find(str(r.randint(0, last))),
        "search, in all": lambda c, r: c.search.find(r.choice(WORDS)),
        "product page": lambda c, r: (c.product(n := some(r)), c.receipts(n), c.latest_uses(n)),
        "lineage, depth 10": lambda c, r: c.lineage(some(r), "up", 10),
        "column provenance": lambda c, r: c.traces.follow([(some(r), "flight_0")], "up", 10),
        "column impact": lambda c, r: c.traces.follow([(some(r), "flight_0")], "down", 10),
    }


@dataclass(frozen=True, slots=True)
class _Round:
    """What the processes of one measurement share: when all begin, for how long, and the answer."""

    ready: Any
    warm_up: float
    seconds: float
    out: Any

    def begin(self) -> float:
        """Wait until all are ready; returns when to end."""
        self.ready.wait()
        return time.time() + self.seconds


def _read(url: str, size: Size, name: str, seed: int, shared: _Round) -> None:
    took, chance, ask = [], random.Random(seed), questions(size)[name]  # noqa: S311 -- a benchmark
    with Catalog.open(url) as catalog, catalog.held():
        until = time.time() + shared.warm_up
        while time.time() < until:
            ask(catalog, chance)
        until = shared.begin()
        while not took or time.time() < until:
            started = time.perf_counter()
            ask(catalog, chance)
            took.append((time.perf_counter() - started) * 1_000)
    shared.out.put(took)


def _write(url: str, size: Size, seed: int, shared: _Round) -> None:
    took, chance, version = [], random.Random(seed), size.receipts + seed * 100_000  # noqa: S311
    with Catalog.open(url) as catalog, catalog.held():
        until = shared.begin()
        while time.time() < until:
            version += 1
            made = receipt(chance.randint(0, size.products - 1), version)
            started = time.perf_counter()
            catalog.record(replace(made, table_version=version))
            took.append((time.perf_counter() - started) * 1_000)
            time.sleep(0.05)
    shared.out.put(took)


def measured(url: str, size: Size, name: str, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds that a question took 8 readers, and a record 2 writers, side by side."""
    warm_up = WARM_UP if seconds >= SECONDS else seconds
    context = multiprocessing.get_context("spawn")
    reads, writes = context.Queue(), context.Queue()
    ready = context.Barrier(READERS + WRITERS)
    readers = [
        context.Process(
            target=_read, args=(url, size, name, n, _Round(ready, warm_up, seconds, reads))
        )
        for n in range(READERS)
    ]
    writers = [
        context.Process(
            target=_write, args=(url, size, n + 1, _Round(ready, warm_up, seconds, writes))
        )
        for n in range(WRITERS)
    ]
    for process in (*readers, *writers):
        process.start()
    found = [ms for _ in readers for ms in reads.get()]
    written = [ms for _ in writers for ms in writes.get()]
    for process in (*readers, *writers):
        process.join()
    return found, written


def events(numbers: range) -> Iterator[dict[str, Any]]:
    """Events of Spark's kind: two datasets of 20 columns, and where the columns come from."""
    fields = [{"name": f"c{n}", "type": "int"} for n in range(20)]
    for number in numbers:
        source, target = f"t{number % 300}", f"t{(number + 1) % 300}"
        lineage = {
            f"c{n}": {
                "inputFields": [
                    {
                        "namespace": "db",
                        "name": source,
                        "field": f"c{n}",
                        "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                    }
                ]
            }
            for n in range(20)
        }
        yield {
            "eventType": "COMPLETE",
            "eventTime": (START + timedelta(seconds=number)).isoformat(),
            "producer": "https://example.com",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": f"run-{number}"},
            "job": {"namespace": "spark", "name": f"job{number % 200}"},
            "inputs": [
                {"namespace": "db", "name": source, "facets": {"schema": {"fields": fields}}}
            ],
            "outputs": [
                {
                    "namespace": "db",
                    "name": target,
                    "facets": {"columnLineage": {"fields": lineage}},
                }
            ],
        }


def intake(url: str, numbers: range, batch: int) -> float:
    """Events a second that are taken in, in batches; numbers that were not taken in before."""
    with Catalog.open(url) as catalog, catalog.held():
        made = list(events(numbers))
        started = time.perf_counter()
        for start in range(0, len(made), batch):
            catalog.events.take(made[start : start + batch])
        return len(made) / (time.perf_counter() - started)


def intake_served(url: str, numbers: range, seconds: float) -> tuple[float, float]:
    """Events a second that come one by one from many clients over HTTP, and the 99th percentile."""
    with Catalog.open(url) as catalog:
        secret = catalog.tokens.create("producer", [Scope.EVENTS], lasting=36_000).secret
    settings = Settings(
        root=Path("/nowhere"),
        serving=ServingSettings(port=0, token_requests_per_second=1_000_000),
    )
    bodies = (json.dumps(event).encode() for event in events(numbers))
    head = f"POST /api/v1/lineage HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}"
    kind = "content-type: application/json\r\ncontent-length"

    def requests() -> Iterator[bytes]:
        for body in bodies:
            yield f"{head}\r\n{kind}: {len(body)}\r\n\r\n".encode() + body

    with serving(url, settings) as (port, _):
        started = time.perf_counter()
        took = answered(port, [requests() for _ in range(PRODUCERS)], seconds)
        rate = len(took) / (time.perf_counter() - started)
    return rate, statistics.quantiles(took, n=100)[98]


def report(url: str, size: Size, seconds: float) -> None:
    """Fill a database, ask it everything, and print what it took beside the aims."""
    started = time.perf_counter()
    fill(url, size)
    print(f"  filled and indexed in {time.perf_counter() - started:.0f} s")
    ask(url, size, seconds)


def ask(url: str, size: Size, seconds: float) -> None:
    """Ask a database that is filled everything, and have it take events."""
    print(
        f"  {'question':20} {'answers':>8} {'p50 ms':>8} {'p99 ms':>8}  of the aim ({AIM_MS:g} ms)"
    )
    records: list[float] = []
    for name in questions(size):
        took, written = measured(url, size, name, seconds)
        records += written
        cuts = statistics.quantiles(took, n=100) if len(took) > 1 else [took[0]] * 99
        p99 = cuts[98]
        print(
            f"  {name:20} {len(took):>8,} {statistics.median(took):>8.1f} {p99:>8.1f}"
            f"  {p99 / AIM_MS:.2f}"
        )
    print(
        f"  recording a publication meanwhile: median {statistics.median(records):.1f} ms, aim 20"
    )
    taken = 0
    for batch in (1, 10, 100, 500):
        numbers = range(taken, taken + (500 if batch == 1 else 6_000))
        taken = numbers.stop
        rate = intake(url, numbers, batch)
        print(f"  events taken in, batches of {batch}: {rate:,.0f} a second, aim 500")
    rate, p99 = intake_served(url, range(taken, taken + 100_000), seconds)
    print(
        f"  events one by one over HTTP, {PRODUCERS} producers: {rate:,.0f} a second, aim 500; "
        f"99 % within {p99:.0f} ms"
    )


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="10,000 products instead of 500")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    size = Size(10_000) if options.full else Size(500, receipts=20)
    seconds = options.seconds if options.full else min(options.seconds, 3.0)
    print(f"{size.words}; {READERS} readers and {WRITERS} writers at once, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="mesh-benchmark-") as folder:
        print("SQLite")
        report(f"sqlite:///{Path(folder) / 'catalog.db'}", size, seconds)
    with own_postgresql() as url:
        print("PostgreSQL")
        report(url, size, seconds)


@contextmanager
def own_postgresql() -> Iterator[str]:
    """The URL of an empty database, whose server waits for the disk as one in use does."""
    if url := os.environ.get("MESH_BENCHMARK_POSTGRESQL"):
        yield url
        return
    with postgresql.running("fsync=on") as home, postgresql.database(home) as url:
        yield url


if __name__ == "__main__":
    main()
