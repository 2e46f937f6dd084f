"""What domains declare, from one catalog into another, a domain at a time.

Owns whose definitions stay where both catalogs have a domain: those that changed last. What only
the other one knows of it is kept as what was declared once. The same twice changes nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select, update

from mesh.catalog import schema
from mesh.catalog.keyed import Row
from mesh.catalog.reported.joining import join_products

_PARTS = (schema.columns, schema.inputs, schema.tracings)
"""Tables that say more of a product."""


def add_domains(here: Connection, there: Connection) -> int:
    """Write domains and products that the target lacks, or knows older; returns the products."""
    table = schema.domains
    written = 0
    for row in here.execute(select(table).order_by(table.c.name)).mappings().all():
        found = there.execute(select(table).where(table.c.name == row["name"])).mappings().first()
        is_newer = found is None or (
            found["digest"] != row["digest"] and found["changed_at"] < row["changed_at"]
        )
        if is_newer:
            _put_domain(here, there, dict(row), is_new=found is None)
        is_told = is_newer or (found is not None and found["digest"] == row["digest"])
        written += _add_products(here, there, row["name"], is_newer=is_newer, is_told=is_told)
    return written


def _put_domain(here: Connection, there: Connection, row: Row, *, is_new: bool) -> None:
    table, name = schema.domains, row["name"]
    if is_new:
        there.execute(insert(table).values(row))
    else:
        there.execute(update(table).where(table.c.name == name).values(row))
    _replace(here, there, schema.people, "domain", name)
    terms, links = schema.terms, schema.term_links
    former = select(terms.c.id).where(terms.c.domain == name)
    there.execute(delete(links).where(links.c.term.in_(former)))
    _replace(here, there, terms, "domain", name)
    own = select(terms.c.id).where(terms.c.domain == name)
    for row_of_term in here.execute(own).all():
        _replace(here, there, links, "term", row_of_term.id)


def _add_products(
    here: Connection, there: Connection, domain: str, *, is_newer: bool, is_told: bool
) -> int:
    table = schema.products
    own = select(table).where(table.c.domain == domain)
    known: set[str] = set(there.execute(own.with_only_columns(table.c.name)).scalars())
    rows = [dict(row) for row in here.execute(own).mappings()]
    chosen = [row for row in rows if is_newer or row["name"] not in known]
    for row in chosen:
        values = {**row, "is_declared": row["is_declared"] and is_told}
        if row["name"] in known:
            there.execute(update(table).where(table.c.name == row["name"]).values(values))
        else:
            there.execute(insert(table).values(values))
        for part in _PARTS:
            _replace(here, there, part, "product", row["name"])
        _replace_edges(here, there, row["name"])
    if is_newer:
        former = known - {row["name"] for row in rows}
        gone = update(table).where(table.c.name.in_(former)).values(is_declared=False)
        there.execute(gone)
    join_products(there, [row["name"] for row in chosen])
    return len(chosen)


def _replace_edges(here: Connection, there: Connection, product: str) -> None:
    """How a product's columns are made, as Mesh itself found or was told."""
    table = schema.column_edges
    own = (table.c.downstream == product, table.c.origin != "reported")
    there.execute(delete(table).where(*own))
    if rows := [dict(row) for row in here.execute(select(table).where(*own)).mappings()]:
        there.execute(insert(table), rows)


def _replace(here: Connection, there: Connection, table: Table, column: str, value: str) -> None:
    """Make the target's rows those of the source, where a column has a value."""
    is_own = table.c[column] == value
    there.execute(delete(table).where(is_own))
    if rows := [dict(row) for row in here.execute(select(table).where(is_own)).mappings()]:
        there.execute(insert(table), rows)
