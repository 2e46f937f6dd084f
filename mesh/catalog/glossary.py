"""Terms of the business as rows, and read back.

Owns what registering a domain's glossary changes, and who is linked to what. A term's links may
name what the catalog does not know (yet): they are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.errors import UnknownTermError
from mesh.products.glossary import BusinessTerm


class GlossaryBook:
    """The terms of every domain. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def terms(self, domain: str = "") -> list[BusinessTerm]:
        """Every term, or those of a domain, by id."""
        with self._database.reading() as connection:
            return all_terms(connection, domain)

    def term(self, name: str) -> BusinessTerm:
        """The term of an id, or the one that has a name or a synonym.

        Raises UnknownTermError, with near names.
        """
        found = self.terms()
        spoken = name.casefold()
        for said in (
            [term for term in found if term.id == name],
            [term for term in found if term.name.casefold() == spoken],
            [term for term in found if term.id.partition(".")[2] == name],
            [t for t in found if spoken in (synonym.casefold() for synonym in t.synonyms)],
        ):
            if said:
                return said[0]
        raise UnknownTermError(name, [*(t.id for t in found), *(t.name for t in found)])

    def terms_of(self, product: str) -> list[BusinessTerm]:
        """The terms that are linked to a product or to columns of it; its full name."""
        with self._database.reading() as connection:
            return terms_of(connection, product)


def replace_terms(connection: Connection, domain: str, terms: Sequence[BusinessTerm]) -> set[str]:
    """Make these a domain's terms. Returns the products that old and new ones are linked to."""
    table, links = schema.terms, schema.term_links
    owned = select(table.c.id).where(table.c.domain == domain)
    before = select(links.c.product).where(links.c.term.in_(owned)).distinct()
    touched = {row.product for row in connection.execute(before)}
    connection.execute(delete(links).where(links.c.term.in_(owned)))
    connection.execute(delete(table).where(table.c.domain == domain))
    if terms:
        connection.execute(insert(table), [_row(term) for term in terms])
    linked = [
        {"term": term.id, "product": product, "column": column}
        for term in terms
        for product, column in dict.fromkeys(term.links)
    ]
    if linked:
        connection.execute(insert(links), linked)
    return touched | {link["product"] for link in linked}


def terms_of(connection: Connection, product: str) -> list[BusinessTerm]:
    """The terms that are linked to a product or to columns of it, by id."""
    table, links = schema.terms, schema.term_links
    named = select(links.c.term).where(links.c.product == product)
    found = select(table.c.content).where(table.c.id.in_(named)).order_by(table.c.id)
    return [BusinessTerm.from_json(row.content) for row in connection.execute(found)]


def all_terms(connection: Connection, domain: str = "") -> list[BusinessTerm]:
    """Every term, or those of a domain, by id."""
    table = schema.terms
    found = select(table.c.id, table.c.content)
    if domain:
        found = found.where(table.c.domain == domain)
    rows: Iterable[Any] = connection.execute(found)
    return [BusinessTerm.from_json(row.content) for row in sorted(rows, key=lambda row: row.id)]


def _row(term: BusinessTerm) -> dict[str, Any]:
    return {
        "id": term.id,
        "domain": term.domain,
        "name": term.name,
        "definition": term.definition,
        "synonyms": list(term.synonyms),
        "content": term.as_json(),
    }
