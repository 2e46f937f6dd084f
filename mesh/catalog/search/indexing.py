"""Keeping the index as the catalog is, in the transaction that changes the catalog.

Owns when a document is written: when what is searched of it differs from what was indexed, or when
it fares otherwise than before. Called by whatever writes products, terms, receipts and datasets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from mesh.catalog import conditions, schema
from mesh.catalog.search.documents import Document, dataset_document, product_document
from mesh.catalog.search.index import index_of
from mesh.catalog.search.model import UNKNOWN
from mesh.catalog.usage_writing import use_since
from mesh.contracts.model import Severity
from mesh.contracts.verdict import Outcome
from mesh.products.ports import parse_duration


def index_product(connection: Connection, product: str) -> None:
    """Index a product as it is registered now; one that is declared no more is not found."""
    _put(connection, product, product_document(connection, product))


def index_dataset(connection: Connection, key: str) -> None:
    """Index a reported dataset by its key; one that is another's by now is not found itself."""
    _put(connection, key, dataset_document(connection, key))


def index_products(connection: Connection, products: Iterable[str]) -> None:
    """Index several products, each once."""
    for product in dict.fromkeys(products):
        index_product(connection, product)


def index_domain(connection: Connection, domain: str) -> None:
    """Index every product that a domain has or had."""
    table = schema.products
    found = select(table.c.name).where(table.c.domain == domain).order_by(table.c.name)
    index_products(connection, [row.name for row in connection.execute(found)])


def touch(connection: Connection, product: str) -> None:
    """Note how a product fares now: after a receipt, a refusal, or reads. Touches a row at most."""
    table, products = schema.search_documents, schema.products
    found = (
        select(table.c.published_at, table.c.quality, table.c.due, table.c.reads)
        .add_columns(products.c.freshness)
        .join(products, products.c.name == table.c.key)
        .where(table.c.key == product)
    )
    row = connection.execute(found).first()
    if row is None:
        return
    state = _state(connection, product, row.freshness)
    if any(getattr(row, name) != value for name, value in state.items()):
        connection.execute(update(table).where(table.c.key == product).values(**state))


def rebuild(connection: Connection) -> int:
    """Make the whole index anew from the catalog. Returns how many documents it has."""
    connection.execute(delete(schema.search_documents))
    index_of(connection).clear(connection)
    products = connection.execute(select(schema.products.c.name).order_by(schema.products.c.name))
    for product in products.all():
        index_product(connection, product.name)
    for dataset in connection.execute(select(schema.datasets.c.key)).all():
        index_dataset(connection, dataset.key)
    counted = select(func.count()).select_from(schema.search_documents)
    return int(connection.execute(counted).scalar() or 0)


def _put(connection: Connection, key: str, document: Document | None) -> None:
    table, index = schema.search_documents, index_of(connection)
    known = connection.execute(select(table.c.id, table.c.digest).where(table.c.key == key)).first()
    if document is None:
        if known is not None:
            index.remove(connection, [known.id])
            connection.execute(delete(table).where(table.c.id == known.id))
        return
    if known is not None and known.digest == document.digest:
        touch(connection, key)
        return
    values = {**document.as_row(), **_first_state(connection, key)}
    if known is not None:
        identity = known.id
        connection.execute(update(table).where(table.c.id == identity).values(**values))
    else:
        made = connection.execute(insert(table).values(key=key, **values).returning(table.c.id))
        identity = made.scalar_one()
    index.put(connection, identity, document.words)


def _first_state(connection: Connection, key: str) -> dict[str, Any]:
    products = schema.products
    row = connection.execute(select(products.c.freshness).where(products.c.name == key)).first()
    if row is not None:
        return _state(connection, key, row.freshness)
    return {"published_at": None, "due": None, "quality": UNKNOWN, "reads": 0}


def _state(connection: Connection, product: str, freshness: str) -> dict[str, Any]:
    """How a product fares, by its newest receipt, its newest refusal and its use."""
    receipts, refusals = schema.receipts, schema.refusals
    newest = connection.execute(
        select(receipts.c.published_at, receipts.c.rows_rejected, receipts.c.content)
        .where(receipts.c.product == product)
        .order_by(receipts.c.table_version.desc(), receipts.c.published_at.desc())
        .limit(1)
    ).first()
    refused = select(func.max(refusals.c.refused_at)).where(refusals.c.product == product)
    published_at = newest.published_at if newest is not None else None
    quality = conditions.quality_state(
        published_at,
        connection.execute(refused).scalar(),
        rejected=newest.rows_rejected if newest is not None else 0,
        tallies=[
            (Severity(tally["severity"]), Outcome(tally["outcome"]))
            for tally in (newest.content["tallies"] if newest is not None else ())
        ],
    )
    promised = parse_duration(freshness) if freshness else None
    return {
        "published_at": published_at,
        "due": conditions.due(published_at, promised),
        "quality": str(quality),
        "reads": _reads(connection, product),
    }


def _reads(connection: Connection, product: str) -> int:
    """Reads of a product itself in the last days."""
    usage = schema.usage
    found = select(func.coalesce(func.sum(usage.c.reads), 0)).where(
        usage.c.product == product, usage.c.column == "", usage.c.day > use_since()
    )
    return int(connection.execute(found).scalar() or 0)
