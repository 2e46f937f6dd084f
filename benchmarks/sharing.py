"""Delta Sharing at size: what a client waits for before it reads a first byte.

Owns a table of ten thousand files, of which only the log is written, and a mesh of products to
list. What is asked goes over HTTP to `mesh serve`'s own server, in this process; decided for each
request anew, by a decider that costs nothing. Aims are budgets: no other server of the protocol
installs here.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from benchmarks.catalog import Size, fill, name_of
from mesh.access.model import Ask, ColumnView, Principal, View
from mesh.access.reads import ReadEntry
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.naming import ProductId
from mesh.serving.deciding import Deciding
from mesh.serving.running import listening
from mesh.settings import ServingSettings, Settings

FILES, PRODUCTS = 10_000, 1_000
TIMES = 20
AIM_MS = 50.0
COLUMNS = 20


class _Everything:
    """Whoever asks sees everything."""

    def view(self, ask: Ask) -> View:
        """All columns, as they are."""
        columns = tuple(ColumnView(name) for name in ask.port.contract.column_names)
        return View(ask.port, ask.principal, columns)

    def require_room(self) -> None:
        """There is always some."""

    def read(self, entry: ReadEntry) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: what it is called, and how it is asked."""

    name: str
    method: str
    path: str
    body: str | None = None


def make_table(folder: Path, columns: list[str], files: int) -> None:
    """The log of a table: size, rows, bounds and nulls of every column of each file."""
    folder.mkdir(parents=True)
    adds = [
        AddAction(
            path=f"part-{number:05}-{number:032x}.parquet",
            size=1_000_000,
            partition_values={},
            modification_time=1_767_225_600_000,
            data_change=True,
            stats=json.dumps(
                {
                    "numRecords": 10_000,
                    "minValues": dict.fromkeys(columns, number),
                    "maxValues": dict.fromkeys(columns, number + 1),
                    "nullCount": dict.fromkeys(columns, 0),
                }
            ),
        )
        for number in range(files)
    ]
    schema = Schema.from_arrow(pa.schema([(name, pa.int64()) for name in columns]))
    create_table_with_add_actions(str(folder), schema, adds, mode="error", partition_by=[])


def questions(product: ProductId, column: str) -> list[Asked]:
    """What a client asks before it reads."""
    shares = "/delta-sharing/shares"
    table = f"{shares}/mesh/schemas/{product.domain}/tables/{product.versioned}"
    named = {"op": "column", "name": column, "valueType": "long"}
    literal = {"op": "literal", "value": "5000", "valueType": "long"}
    hinted = {"jsonPredicateHints": json.dumps({"op": "equal", "children": [named, literal]})}
    return [
        Asked("shares", "GET", shares),
        Asked("all tables, a page of 500", "GET", f"{shares}/mesh/all-tables"),
        Asked("version", "GET", f"{table}/version"),
        Asked("metadata", "GET", f"{table}/metadata"),
        Asked("query with a predicate", "POST", f"{table}/query", json.dumps(hinted)),
        Asked("query with a limit", "POST", f"{table}/query", '{"limitHint":100000}'),
        Asked("query, every file", "POST", f"{table}/query", "{}"),
    ]


def took(address: tuple[str, int], token: str, asked: Asked, times: int) -> list[float]:
    """Milliseconds until the whole answer is there, by one connection; the first is not counted."""
    connection = http.client.HTTPConnection(*address, timeout=120)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    found = []
    for _ in range(times + 1):
        started = time.perf_counter()
        connection.request(asked.method, asked.path, asked.body, headers)
        answer = connection.getresponse()
        answer.read()
        found.append((time.perf_counter() - started) * 1_000)
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{asked.name}: {answer.status}")
    connection.close()
    return found


def report(root: Path, files: int, products: int, times: int) -> None:
    """Print what each question took."""
    url = f"sqlite:///{root / 'catalog.db'}"
    fill(url, Size(products, receipts=1, edges=0))
    settings = Settings(root=root, serving=ServingSettings(port=0))
    product = ProductId.parse(name_of(0))
    with Catalog.open(url) as catalog:
        columns = list(catalog.product(str(product)).contract.column_names)
        make_table(Path(settings.storage_url) / product.table_path, columns, files)
        secret = catalog.tokens.create("ana", [Scope.READ], lasting=3600).secret
        everything = _Everything()
        deciding = Deciding(lambda: everything, Principal, everything)
        with listening(catalog, settings, deciding) as server:
            thread = threading.Thread(target=server.run)
            thread.start()
            address = ("127.0.0.1", server.listener.getsockname()[1])
            try:
                for asked in questions(product, columns[0]):
                    first, *others = took(address, secret, asked, times)
                    middle, worst = statistics.median(others), max(others)
                    kept = "yes" if middle <= AIM_MS else "no"
                    print(f"{asked.name:28}{first:9.1f}{middle:9.1f}{worst:9.1f}  {kept}")
            finally:
                server.stop()
                thread.join()


def main() -> None:
    """Measure on SQLite and a local disk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="10,000 files, 1,000 products")
    options = parser.parse_args()
    files, products = (FILES, PRODUCTS) if options.full else (FILES // 10, PRODUCTS // 10)
    print(
        f"{files:,} files of {COLUMNS} columns, {products:,} products; milliseconds, aim {AIM_MS:g}"
    )
    print(f"{'':28}{'first':>9}{'median':>9}{'worst':>9}")
    with tempfile.TemporaryDirectory(prefix="mesh-benchmark-") as folder:
        report(Path(folder), files, products, TIMES)


if __name__ == "__main__":
    main()
