"""Products that ended, and last days that others declare, as the catalog has them.

Owns how a retirement is written and read back, and the reading of last days from declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import Connection, insert, select

from mesh.catalog import schema
from mesh.catalog.model import Deprecation, RetirementRecord
from mesh.catalog.statements import chunks


def insert_retirement(connection: Connection, found: RetirementRecord) -> bool:
    """Write a product's end, unless it is recorded; says whether it was new."""
    table = schema.retirements
    known = select(table.c.product).where(table.c.product == found.product)
    if connection.execute(known).first() is not None:
        return False
    connection.execute(
        insert(table).values(
            product=found.product,
            retired_at=found.retired_at,
            retired_by=found.retired_by,
            why=found.why,
            keep_until=found.keep_until,
            successor=found.successor,
        )
    )
    return True


def retirements(connection: Connection) -> dict[str, RetirementRecord]:
    """Every product that ended, by name."""
    rows = connection.execute(select(schema.retirements)).mappings()
    return {row["product"]: RetirementRecord(**row) for row in rows}


def deprecations(connection: Connection, products: Iterable[str]) -> Mapping[str, Deprecation]:
    """The last days that are declared, of those among these products that have one."""
    table = schema.products
    found: dict[str, Deprecation] = {}
    for chunk in chunks(sorted(set(products))):
        asked = select(table.c.name, table.c.declaration).where(table.c.name.in_(chunk))
        for row in connection.execute(asked):
            if until := row.declaration.get("deprecated"):
                successor = row.declaration.get("successor", "")
                found[row.name] = Deprecation(row.name, date.fromisoformat(until), successor)
    return found
