"""Erasures as rows: evidence that somebody's rows are gone, without the rows.

Owns how it is written and read back, and what of the rows the catalog itself held: sample values of
refusals.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from mesh.catalog import schema
from mesh.catalog.model import ErasureRecord


def insert_erasures(connection: Connection, erasures: Iterable[ErasureRecord]) -> int:
    """Write the erasures that are not recorded yet; returns how many these were."""
    table = schema.erasures
    known: set[str] = set(connection.execute(select(table.c.id)).scalars())
    unknown = [erasure for erasure in erasures if erasure.id not in known]
    for erasure in unknown:
        connection.execute(
            insert(table).values(
                id=erasure.id,
                product=erasure.product,
                erased_at=erasure.erased_at,
                erased_by=erasure.erased_by,
                why=erasure.why,
                columns=list(erasure.columns),
                content=dict(erasure.content),
            )
        )
    return len(unknown)


def erasures(connection: Connection, product: str) -> list[ErasureRecord]:
    """The erasures of a product, newest first."""
    table = schema.erasures
    found = select(table).where(table.c.product == product).order_by(table.c.erased_at.desc())
    return [
        ErasureRecord(
            id=row.id,
            product=row.product,
            erased_at=row.erased_at,
            erased_by=row.erased_by,
            why=row.why,
            columns=tuple(row.columns),
            content=row.content,
        )
        for row in connection.execute(found)
    ]
