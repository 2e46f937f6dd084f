"""The mesh as an environment's catalog has it, as a plain state.

Owns which contract counts: the one that a product was last published under, and for a product that
never was, the one that is registered. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from mesh.catalog import schema
from mesh.catalog.glossary import all_terms
from mesh.catalog.publications import latest_receipts
from mesh.catalog.statements import chunks
from mesh.products.state import MeshState, ProductState


def state(connection: Connection, origin: str) -> MeshState:
    """Every product that is declared, every domain's manifest, and its glossary."""
    table = schema.products
    found = connection.execute(
        select(table.c.name, table.c.contract_digest, table.c.declaration)
        .where(table.c.is_declared)
        .order_by(table.c.name)
    ).all()
    latest = latest_receipts(connection, [row.name for row in found])
    published = {name: receipt.contract_digest for name, receipt in latest.items()}
    wanted = {(row.name, row.contract_digest) for row in found} | set(published.items())
    contents = _contracts(connection, wanted)
    products = []
    for row in found:
        registered = contents[row.name, row.contract_digest]
        # A version that somebody else's catalog never saw: what is registered is the best there is.
        content = contents.get((row.name, published.get(row.name, "")), registered)
        products.append(ProductState(row.name, row.declaration, content, row.name in published))
    manifests = connection.execute(select(schema.domains.c.name, schema.domains.c.manifest))
    by_name = {row.name: row.manifest for row in manifests}
    return MeshState.made(origin, products, by_name, terms=all_terms(connection))


def _contracts(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    table = schema.contract_versions
    contents: dict[tuple[str, str], Any] = {}
    for digests in chunks(sorted({digest for _, digest in keys})):
        found = select(table.c.product, table.c.digest, table.c.content).where(
            table.c.digest.in_(digests)
        )
        contents |= {(r.product, r.digest): r.content for r in connection.execute(found)}
    return contents
