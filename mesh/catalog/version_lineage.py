"""Which publications made a version of a product, and from which versions of which others.

Owns what a version holds: a publication that replaced everything stands alone, one that added to
what was there stands on those before it. Goes level by level over receipts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mesh.catalog import schema
from mesh.catalog.receipts import Receipt
from mesh.errors import NotPublishedError

_PAGE = 50
"""Receipts that are read at once: nearly always the first one replaced everything."""

VersionOf = tuple[str, int]
"""A version of a product's table."""


@dataclass(frozen=True, slots=True)
class MadeVersion:
    """A version of a product's table and the publications whose rows it may hold, newest first.

    `depth` counts steps from the version that was asked for. `environment` is that of the table
    when it is another than the asking catalog's: then its publications are not known here.
    """

    product: str
    version: int
    depth: int
    publications: tuple[Receipt, ...] = ()
    environment: str = ""

    @property
    def inputs(self) -> tuple[VersionOf, ...]:
        """Every version that its rows were made from, in order."""
        found = {(item.product, item.version) for r in self.publications for item in r.inputs}
        return tuple(sorted(found))

    def as_json(self) -> dict[str, Any]:
        """The version as plain values."""
        return {
            "product": self.product,
            "version": self.version,
            "depth": self.depth,
            "environment": self.environment,
            "publications": [receipt.as_json() for receipt in self.publications],
            "inputs": [{"product": name, "version": version} for name, version in self.inputs],
        }


def made_from(
    connection: Connection, product: str, version: int, depth: int | None = None
) -> list[MadeVersion]:
    """A version of a product and every version that it was made from, nearest first.

    Raises NotPublishedError when no publication up to that version is recorded.
    """
    level: Mapping[VersionOf, str] = {(product, version): ""}
    found: dict[VersionOf, MadeVersion] = {}
    reached = 0
    while level:
        made = [
            MadeVersion(
                name, number, reached, _holding(connection, name, number, environment), environment
            )
            for (name, number), environment in sorted(level.items())
        ]
        if not reached and not made[0].publications:
            raise NotPublishedError(
                f"the catalog knows of no publication up to version {version}",
                where=product,
                hint="`mesh catalog sync` brings receipts from the lake",
            )
        found |= {(item.product, item.version): item for item in made}
        reached += 1
        level = _next(made, found) if depth is None or reached <= depth else {}
    return list(found.values())


def _next(
    made: Iterable[MadeVersion], found: Mapping[VersionOf, MadeVersion]
) -> dict[VersionOf, str]:
    return {
        (used.product, used.version): used.environment
        for item in made
        for receipt in item.publications
        for used in receipt.inputs
        if (used.product, used.version) not in found
    }


def _holding(
    connection: Connection, product: str, version: int, environment: str
) -> tuple[Receipt, ...]:
    """The publications whose rows a version may hold: back to one that replaced everything."""
    if environment:
        return ()
    table = schema.receipts
    asked = (
        select(table.c.content)
        .where(table.c.product == product, table.c.table_version <= version)
        .order_by(table.c.table_version.desc())
    )
    held: list[Receipt] = []
    partitions: set[str] = set()
    start = 0
    while rows := connection.execute(asked.limit(_PAGE).offset(start)).all():
        start += len(rows)
        for receipt in (Receipt.from_json(row.content) for row in rows):
            is_replaced = receipt.write_mode == "replace_partitions" and receipt.partition
            if not is_replaced or receipt.partition not in partitions:
                held.append(receipt)
            if is_replaced:
                partitions.add(receipt.partition)
            if receipt.write_mode == "overwrite":
                return tuple(held)
    return tuple(held)
