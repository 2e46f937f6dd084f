"""A synthetic mesh in a catalog, made by bulk inserts: ten layers deep and three wide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from mesh.catalog import feeds, schema
from mesh.catalog.database import Database
from mesh.catalog.receipts import InputVersion, Receipt, publication_id
from mesh.catalog.store import Catalog
from mesh.contracts.model import Column, Contract, Version
from mesh.naming import DatasetName

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
    products, versions, columns, inputs, edges, places = [], [], [], [], [], []
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
        place = DatasetName.of_url(receipt(number, 0).table_url)
        places.append(
            {
                "key": place.key,
                "namespace": place.namespace,
                "name": place.name,
                "canonical": name,
                "kind": "symlink",
                "description": "",
                "owners": [],
                "tags": [],
                "facets": {},
                "first_seen": START,
                "last_seen": START,
            }
        )
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
        (schema.datasets, places),
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
