"""The platform's operational system: the mesh's own catalog.

Owns how the catalog is read into frames: everything as it is kept there, empty texts included.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from mesh.catalog.model import ProductRecord
from mesh.catalog.receipts import Receipt
from mesh.catalog.store import Catalog
from mesh.products.ports import parse_duration
from mesh.settings import find_root, load

ALL = 2**31 - 1
"""More receipts than a product will have."""

MOMENT = pl.Datetime("us", "UTC")
PRODUCTS = pl.Schema(
    {
        "product": pl.String(),
        "domain": pl.String(),
        "major": pl.Int64(),
        "domain_kind": pl.String(),
        "description": pl.String(),
        "engine": pl.String(),
        "access": pl.String(),
        "write_mode": pl.String(),
        "tolerance": pl.Float64(),
        "freshness": pl.Duration("us"),
        "schedule": pl.String(),
        "tags": pl.List(pl.String()),
        "source": pl.String(),
        "contract_version": pl.String(),
        "contract_digest": pl.String(),
        "classifications": pl.List(pl.String()),
        "rules": pl.List(pl.String()),
        "team": pl.String(),
        "owner_name": pl.String(),
        "owner_email": pl.String(),
        "contact_email": pl.String(),
        "is_declared": pl.Boolean(),
        "registered_at": MOMENT,
        "published_at": MOMENT,
        "table_version": pl.Int64(),
    }
)
PUBLICATIONS = pl.Schema(
    {
        "publication_id": pl.String(),
        "product": pl.String(),
        "run_id": pl.String(),
        "partition": pl.String(),
        "published_at": MOMENT,
        "contract_version": pl.String(),
        "contract_digest": pl.String(),
        "table_url": pl.String(),
        "table_version": pl.Int64(),
        "write_mode": pl.String(),
        "rows_accepted": pl.Int64(),
        "rows_rejected": pl.Int64(),
        "tallies": pl.List(pl.Struct({"severity": pl.String(), "outcome": pl.String()})),
        "files": pl.Int64(),
        "bytes": pl.Int64(),
        "code_version": pl.String(),
        "mesh_version": pl.String(),
    }
)
INPUTS = pl.Schema(
    {
        "publication_id": pl.String(),
        "product": pl.String(),
        "table_version": pl.Int64(),
        "published_at": MOMENT,
        "input": pl.String(),
        "input_version": pl.Int64(),
        "port": pl.String(),
        "columns": pl.List(pl.String()),
    }
)


def products() -> pl.LazyFrame:
    """Read every product that was ever registered, with its domain and latest publication."""
    with _catalog() as catalog:
        rows = [_product(record) for record in catalog.products()]
    return pl.LazyFrame(rows, schema=PRODUCTS)


def publications() -> pl.LazyFrame:
    """Read the receipt of every publication."""
    rows = [_publication(receipt) for receipt in _receipts()]
    return pl.LazyFrame(rows, schema=PUBLICATIONS)


def inputs() -> pl.LazyFrame:
    """Read what every publication read, one row each; `port` is empty for a reference."""
    rows = [row for receipt in _receipts() for row in _inputs(receipt)]
    return pl.LazyFrame(rows, schema=INPUTS)


@contextmanager
def _catalog() -> Iterator[Catalog]:
    settings = load(find_root(Path(__file__).parent))
    with Catalog.open(settings.catalog_url, settings.catalog.token) as catalog:
        yield catalog


def _receipts() -> list[Receipt]:
    with _catalog() as catalog:
        return [
            receipt
            for product in catalog.product_ids()
            for receipt in catalog.receipts(str(product), limit=ALL)
        ]


def _product(record: ProductRecord) -> dict[str, Any]:
    return {
        "product": record.name,
        "domain": record.id.domain,
        "major": record.id.major,
        "domain_kind": str(record.kind),
        "description": record.description,
        "engine": record.engine,
        "access": str(record.access),
        "write_mode": record.write_mode,
        "tolerance": record.tolerance,
        "freshness": parse_duration(record.freshness) if record.freshness else None,
        "schedule": record.schedule,
        "tags": [f"{name}={value}" for name, value in sorted(record.tags.items())],
        "source": record.source,
        "contract_version": str(record.contract.version),
        "contract_digest": record.contract.digest,
        "classifications": [str(column.classification) for column in record.contract.columns],
        "rules": [rule.id for rule in record.contract.rules],
        "team": record.team,
        "owner_name": record.owner.name,
        "owner_email": record.owner.email,
        "contact_email": record.domain.contact_email,
        "is_declared": record.is_declared,
        "registered_at": record.registered_at,
        "published_at": record.published_at,
        "table_version": record.table_version,
    }


def _publication(receipt: Receipt) -> dict[str, Any]:
    kept = {name: getattr(receipt, name) for name in PUBLICATIONS if name != "tallies"}
    return kept | {
        "tallies": [
            {"severity": str(tally.severity), "outcome": str(tally.outcome)}
            for tally in receipt.tallies
        ]
    }


def _inputs(receipt: Receipt) -> Iterator[dict[str, Any]]:
    for item in receipt.inputs:
        yield {
            "publication_id": receipt.publication_id,
            "product": receipt.product,
            "table_version": receipt.table_version,
            "published_at": receipt.published_at,
            "input": item.product,
            "input_version": item.version,
            "port": item.port,
            "columns": list(item.columns) if item.columns is not None else None,
        }
