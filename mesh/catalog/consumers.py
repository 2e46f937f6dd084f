"""Who reads what by declaration, as the catalog has it: also what other repositories declare.

Reads only. What receipts prove was read is in `publications`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from mesh.catalog import schema
from mesh.catalog.statements import chunks


def declared_uses(connection: Connection, upstreams: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """Products that are declared and read any of these, or refer to them, with which of these."""
    table, owner = schema.inputs, schema.products
    found: dict[str, set[str]] = defaultdict(set)
    for chunk in chunks(sorted(set(upstreams))):
        asked = (
            select(table.c.product, table.c.upstream)
            .join(owner, owner.c.name == table.c.product)
            .where(table.c.upstream.in_(chunk), owner.c.is_declared)
        )
        for row in connection.execute(asked):
            found[row.product].add(row.upstream)
    return {name: frozenset(found[name]) for name in sorted(found)}
