"""The catalog at size: what people and tools wait for, with many readers and two who publish.

Owns a synthetic mesh, made by bulk inserts, and what is asked of it. On SQLite, and on a PostgreSQL
of its own, started as tests start theirs; MESH_BENCHMARK_POSTGRESQL names an empty database to use
instead. Aims are budgets: there is no peer with the same questions that installs here, and in the
documentation of Marquez and of DataHub no promised latency was found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from mesh.catalog import feeds, schema
from mesh.catalog.database import Database
from mesh.catalog.receipts import InputVersion, Receipt, publication_id
from mesh.catalog.store import Catalog
from mesh.contracts.model import Column, Contract, Version
from tests.catalog import postgresql

READERS, WRITERS = 8, 2
SECONDS = 10.0
AIM_MS = 50.0
_SOURCES = 10
"""Products that read no other."""
START = datetime(2026, 1, 1, tzinfo=UTC)
_TEXT = (
    "flight delay weather order customer invoice payment shipment route carrier airport "
    "aircraft engine wind speed temperature pressure ticket seat fare crew gate runway "
    "baggage schedule arrival departure fuel cost revenue margin budget forecast region "
    "country city product stock supplier purchase return discount price tax account balance "
    "session click view event sensor"
)
WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class Size:
    """How large the mesh is: products, and for each columns, receipts and edges."""

    products: int
    columns: int = 20
    receipts: int = 100
    edges: int = 50

    @property
    def words(self) -> str:
        """The size in words."""
        return (
            f"{self.products:,} products, {self.products * self.columns:,} columns, "
            f"{self.products * self.receipts:,} receipts, {self.products * self.edges:,} edges"
        )


def name_of(number: int) -> str:
    """A product's name; its words repeat, its number does not."""
    word, other = WORDS[number % len(WORDS)], WORDS[number * 7 % len(WORDS)]
    return f"team_{number % 100:02d}.{word}_{other}_{number}_v1"


def upstreams(number: int) -> list[int]:
    """Products that one reads, all of lower numbers: ten layers deep, and three wide."""
    layer = max(1, number // 10)
    return (
        [] if number < _SOURCES else sorted({max(0, number - layer - step) for step in (1, 5, 11)})
    )


def receipt(number: int, version: int) -> Receipt:
    """The receipt of one publication."""
    name, run = name_of(number), f"run-{version}"
    domain, _, short = name.partition(".")
    return Receipt(
        publication_id=publication_id(name, run),
        product=name,
        contract_version="1.0.0",
        contract_digest="d",
        run_id=run,
        partition="",
        published_at=START + timedelta(hours=version),
        table_url=f"/lake/dev/{domain}/{short.removesuffix('_v1')}/v1",
        write_mode="overwrite",
        rows_accepted=1_000,
        rows_rejected=0,
        inputs=tuple(InputVersion(name_of(up), version, f"i{up}") for up in upstreams(number)),
        table_version=version,
    )


def fill(url: str, size: Size) -> None:
    """Make the mesh."""
    Catalog.open(url).close()
    database = Database(url)
    contract = Contract(
        name="Things",
        version=Version.parse("1.0.0"),
        description="To be measured.",
        rules=(),
        columns=tuple(Column(f"{WORDS[n]}_{n}", "float64") for n in range(size.columns)),
    ).as_json()
    with database.writing() as connection:
        _fill_domains(connection)
        for start in range(0, size.products, 500):
            numbers = range(start, min(start + 500, size.products))
            _fill_products(connection, numbers, size, contract)
    for start in range(0, size.products, 100):
        with database.writing() as connection:
            _fill_evidence(connection, range(start, min(start + 100, size.products)), size)
    database.close()
    with Catalog.open(url) as catalog:
        catalog.search.rebuild()


def _fill_domains(connection: Any) -> None:
    manifest = {
        "contact": {"email": "a@example.com", "channel": ""},
        "terms": {"usage": "any", "limitations": ""},
    }
    names = [f"team_{number:02d}" for number in range(100)]
    connection.execute(
        insert(schema.domains),
        [
            {
                "name": name,
                "title": name,
                "purpose": "To be measured.",
                "kind": "aggregate",
                "team": f"Team {name}",
                "manifest": manifest,
                "digest": "",
                "registered_at": START,
                "changed_at": START,
            }
            for name in names
        ],
    )
    connection.execute(
        insert(schema.people),
        [
            {"domain": n, "position": 0, "role": "product_owner", "name": n, "email": f"{n}@x.org"}
            for n in names
        ],
    )


def _fill_products(connection: Any, numbers: range, size: Size, contract: Any) -> None:
    products, versions, columns, inputs, edges = [], [], [], [], []
    for number in numbers:
        name = name_of(number)
        domain, _, short = name.partition(".")
        products.append(
            {
                "name": name,
                "domain": domain,
                "short_name": short.removesuffix("_v1"),
                "major": 1,
                "description": " ".join(WORDS[(number + n * 3) % len(WORDS)] for n in range(12)),
                "engine": "python",
                "access": "protected",
                "freshness": "1d",
                "schedule": "",
                "write_mode": "overwrite",
                "source": "",
                "code_version": "",
                "tags": {},
                "contract_version": "1.0.0",
                "contract_digest": "d",
                "declaration": {"partition_by": [], "tolerance": 0.0, "inputs": {}},
                "is_declared": True,
                "registered_at": START,
            }
        )
        versions.append(
            {
                "product": name,
                "digest": "d",
                "sequence": 1,
                "version": "1.0.0",
                "content": contract,
                "first_seen": START,
            }
        )
        columns += [
            {
                "product": name,
                "position": n,
                "name": f"{WORDS[n]}_{n}",
                "type": "float64",
                "is_nullable": False,
                "key_position": None,
                "description": "",
                "unit": "",
                "classification": "internal",
                "refers_to": "",
            }
            for n in range(size.columns)
        ]
        ups = upstreams(number)
        inputs += [
            {
                "product": name,
                "position": n,
                "port": f"i{up}",
                "upstream": name_of(up),
                "columns": None,
                "purpose": "",
            }
            for n, up in enumerate(ups)
        ]
        edges += [
            {
                "downstream": name,
                "downstream_column": f"{WORDS[n % size.columns]}_{n % size.columns}",
                "upstream": name_of(ups[n % len(ups)]),
                "upstream_column": f"{WORDS[n // len(ups) % size.columns]}_"
                f"{n // len(ups) % size.columns}",
                "kind": "IDENTITY",
                "origin": "found",
                "job": "",
                "is_direct": True,
                "is_masking": False,
                "seen_at": START,
            }
            for n in (range(size.edges) if ups else ())
        ]
    for table, rows in (
        (schema.products, products),
        (schema.contract_versions, versions),
        (schema.columns, columns),
        (schema.inputs, inputs),
        (schema.column_edges, list({_key(row): row for row in edges}.values())),
    ):
        if rows:
            connection.execute(insert(table), rows)


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        str(row[name])
        for name in ("downstream", "downstream_column", "upstream", "upstream_column")
    )


def _fill_evidence(connection: Any, numbers: range, size: Size) -> None:
    receipts, inputs, latest = [], [], []
    for number in numbers:
        for version in range(size.receipts):
            made = receipt(number, version)
            latest += [made] if size.receipts - version <= feeds.KEPT else []
            receipts.append(
                {
                    "publication_id": made.publication_id,
                    "product": made.product,
                    "contract_version": "1.0.0",
                    "contract_digest": "d",
                    "run_id": made.run_id,
                    "partition": "",
                    "published_at": made.published_at,
                    "table_version": version,
                    "rows_accepted": made.rows_accepted,
                    "rows_rejected": 0,
                    "content": made.as_json(),
                    "recorded_at": START,
                }
            )
            inputs += [
                {
                    "publication_id": made.publication_id,
                    "position": n,
                    "upstream": item.product,
                    "version": item.version,
                    "port": item.port,
                    "columns": None,
                }
                for n, item in enumerate(made.inputs)
            ]
    connection.execute(insert(schema.receipts), receipts)
    if inputs:
        connection.execute(insert(schema.receipt_inputs), inputs)
    feeds.note(connection, latest)


Asked = Callable[[Catalog, random.Random], object]


def questions(size: Size) -> dict[str, Asked]:
    """What a reader waits for."""
    last = size.products - 1

    def some(chance: random.Random) -> str:
        return name_of(chance.randint(size.products // 2, last))

    return {
        "search by name": lambda c, r: c.search.find(some(r)),
        "search by number": lambda c, r: c.search.find(str(r.randint(0, last))),
        "search, broad": lambda c, r: c.search.find(r.choice(WORDS)),
        "product page": lambda c, r: (c.product(n := some(r)), c.receipts(n), c.uses(n)[:1]),
        "lineage, depth 10": lambda c, r: c.lineage(some(r), "up", 10),
        "column provenance": lambda c, r: c.traces.follow([(some(r), "flight_0")], "up", 10),
        "column impact": lambda c, r: c.traces.follow([(some(r), "flight_0")], "down", 10),
    }


@dataclass(frozen=True, slots=True)
class _Round:
    """What the processes of one measurement share: when all begin, for how long, and the answer."""

    ready: Any
    seconds: float
    out: Any

    def begin(self) -> float:
        """Wait until all are ready; returns when to end."""
        self.ready.wait()
        return time.time() + self.seconds


def _read(url: str, size: Size, name: str, seed: int, shared: _Round) -> None:
    took, chance, ask = [], random.Random(seed), questions(size)[name]  # noqa: S311 -- a benchmark
    with Catalog.open(url) as catalog, catalog.held():
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
    context = multiprocessing.get_context("spawn")
    reads, writes = context.Queue(), context.Queue()
    ready = context.Barrier(READERS + WRITERS)
    readers = [
        context.Process(target=_read, args=(url, size, name, n, _Round(ready, seconds, reads)))
        for n in range(READERS)
    ]
    writers = [
        context.Process(target=_write, args=(url, size, n + 1, _Round(ready, seconds, writes)))
        for n in range(WRITERS)
    ]
    for process in (*readers, *writers):
        process.start()
    found = [ms for _ in readers for ms in reads.get()]
    written = [ms for _ in writers for ms in writes.get()]
    for process in (*readers, *writers):
        process.join()
    return found, written


def events(count: int) -> Iterator[dict[str, Any]]:
    """Events of Spark's kind: two datasets of 20 columns, and where the columns come from."""
    fields = [{"name": f"c{n}", "type": "int"} for n in range(20)]
    for number in range(count):
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


def intake(url: str, count: int, batch: int) -> float:
    """Events a second that are taken in, in batches."""
    with Catalog.open(url) as catalog, catalog.held():
        made = list(events(count))
        started = time.perf_counter()
        for start in range(0, count, batch):
            catalog.events.take(made[start : start + batch])
        return count / (time.perf_counter() - started)


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
    for batch in (1, 100, 500):
        rate = intake(url, 3_000 if batch > 1 else 500, batch)
        print(f"  events taken in, batches of {batch}: {rate:,.0f} a second, aim 500")


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
