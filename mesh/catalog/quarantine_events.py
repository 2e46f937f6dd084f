"""What left quarantine on request, as rows: evidence without the rows themselves.

Owns how it is written and read back.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from mesh.catalog import schema
from mesh.catalog.model import Leaving, QuarantineEvent


def insert_events(connection: Connection, found: Iterable[QuarantineEvent]) -> int:
    """Write the events that are not recorded yet; returns how many these were."""
    table = schema.quarantine_events
    events = list(found)
    products = {event.product for event in events}
    asked = select(table.c.id).where(table.c.product.in_(products))
    known: set[str] = set(connection.execute(asked).scalars())
    unknown = [event for event in events if event.id not in known]
    for event in unknown:
        connection.execute(
            insert(table).values(
                id=event.id,
                product=event.product,
                action=str(event.action),
                at=event.at,
                by=event.by,
                why=event.why,
                rows=event.rows,
                content=dict(event.content),
            )
        )
    return len(unknown)


def events(connection: Connection, product: str) -> list[QuarantineEvent]:
    """What left a product's quarantine, newest first."""
    table = schema.quarantine_events
    found = select(table).where(table.c.product == product).order_by(table.c.at.desc())
    return [
        QuarantineEvent(
            id=row.id,
            product=row.product,
            action=Leaving(row.action),
            at=row.at,
            by=row.by,
            why=row.why,
            rows=row.rows,
            content=row.content,
        )
        for row in connection.execute(found)
    ]
