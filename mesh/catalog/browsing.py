"""The catalog a page at a time, for those who look at it through the API.

Owns lists that go on after a key, so that a page is as quick as the first however far one has read,
and what is written meanwhile neither repeats nor hides a row. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, text, tuple_

from mesh.catalog import queries, schema
from mesh.catalog.completeness import Completeness
from mesh.catalog.database import Database
from mesh.catalog.model import DomainRecord, PersonRecord, RefusalRecord, Role
from mesh.catalog.publications import latest_receipts, refusal_of
from mesh.catalog.receipts import Receipt
from mesh.catalog.search.documents import documentation
from mesh.errors import UnknownDomainError, UnknownProductError, UnknownReceiptError
from mesh.naming import ProductId
from mesh.products.domain import DomainKind
from mesh.products.ports import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFilter:
    """Which products are asked for; what is empty or None asks for all. `text` is in the name."""

    text: str = ""
    domain: str = ""
    owner: str = ""
    kind: str = ""
    access: str = ""
    engine: str = ""
    is_declared: bool | None = None
    is_published: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSummary:
    """A product as a list shows it. `owner` is None for a domain that nobody owns."""

    id: ProductId
    description: str
    kind: DomainKind
    team: str
    owner: PersonRecord | None
    engine: str
    access: Access
    freshness: str
    contract_version: str
    is_declared: bool
    table_version: int | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """Where a page of receipts ends."""

    table_version: int
    published_at: datetime
    publication_id: str


@dataclass(frozen=True, slots=True)
class RefusalKey:
    """Where a page of refusals ends."""

    refused_at: datetime
    publication_id: str


class Browsing:
    """Pages of a catalog. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ping(self) -> str:
        """The catalog's revision, read from its database. Raises CatalogError."""
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1")).scalar()
        return schema.REVISION

    def full_name(self, name: str) -> str:
        """The full name of a registered product; the major may be left out.

        Raises UnknownProductError.
        """
        with self._database.reading() as connection:
            return queries.resolve(connection, name)

    def documentation(self, product: str) -> Completeness:
        """How completely a product is documented; its full name. Raises UnknownProductError."""
        with self._database.reading() as connection:
            found = documentation(connection, product)
        if found is None:
            raise UnknownProductError(product, ())
        return found

    def domain(self, name: str) -> DomainRecord:
        """The domain of a name. Raises UnknownDomainError."""
        with self._database.reading() as connection:
            found = queries.domains(connection, name)
            if name not in found:
                known: list[str] = list(connection.execute(select(schema.domains.c.name)).scalars())
                raise UnknownDomainError(name, known)
            return found[name]

    def products(
        self, wanted: ProductFilter, after: ProductId | None, limit: int
    ) -> list[ProductSummary]:
        """Products in the order of their names, after one."""
        with self._database.reading() as connection:
            rows = connection.execute(_products(wanted, after, limit)).all()
            owners = _owners(connection, {row.domain for row in rows})
            latest = latest_receipts(connection, [row.name for row in rows])
            return [_summary(r, owners.get(r.domain), latest.get(r.name)) for r in rows]

    def receipt(self, publication_id: str) -> Receipt:
        """The receipt of a publication. Raises UnknownReceiptError."""
        table = schema.receipts
        found = select(table.c.content).where(table.c.publication_id == publication_id)
        with self._database.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            raise UnknownReceiptError(publication_id, ())
        return Receipt.from_json(row.content)

    def receipts_of_run(self, run_id: str, limit: int) -> list[Receipt]:
        """What a run published, by product."""
        table = schema.receipts
        found = (
            select(table.c.content)
            .where(table.c.run_id == run_id)
            .order_by(table.c.product, table.c.publication_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [Receipt.from_json(row.content) for row in connection.execute(found)]

    def receipts(self, product: str, after: ReceiptKey | None, limit: int) -> list[Receipt]:
        """A product's receipts, newest first, after one; its full name, registered or not."""
        table = schema.receipts
        keys = (table.c.table_version, table.c.published_at, table.c.publication_id)
        found = select(table.c.content).where(table.c.product == product)
        if after is not None:
            end = tuple_(after.table_version, after.published_at, after.publication_id)
            found = found.where(tuple_(*keys) < end)
        found = found.order_by(*(key.desc() for key in keys)).limit(limit)
        with self._database.reading() as connection:
            return [Receipt.from_json(row.content) for row in connection.execute(found)]

    def refusals(self, product: str, after: RefusalKey | None, limit: int) -> list[RefusalRecord]:
        """A product's refusals, newest first, after one; its full name, registered or not."""
        table = schema.refusals
        keys = (table.c.refused_at, table.c.publication_id)
        found = select(table).where(table.c.product == product)
        if after is not None:
            found = found.where(tuple_(*keys) < tuple_(after.refused_at, after.publication_id))
        found = found.order_by(*(key.desc() for key in keys)).limit(limit)
        with self._database.reading() as connection:
            return [refusal_of(row) for row in connection.execute(found)]


def _products(
    wanted: ProductFilter, after: ProductId | None, limit: int
) -> Select[tuple[Any, ...]]:
    table, domains, people = schema.products, schema.domains, schema.people
    keys = (table.c.domain, table.c.short_name, table.c.major)
    found = (
        select(table, domains.c.kind, domains.c.team)
        .join(domains, domains.c.name == table.c.domain)
        .order_by(*keys)
        .limit(limit)
    )
    if after is not None:
        found = found.where(tuple_(*keys) > tuple_(after.domain, after.name, after.major))
    for column, value in (
        (table.c.domain, wanted.domain),
        (domains.c.kind, wanted.kind),
        (table.c.access, wanted.access),
        (table.c.engine, wanted.engine),
        (table.c.is_declared, wanted.is_declared),
    ):
        if value not in {"", None}:
            found = found.where(column == value)
    if wanted.text:
        found = found.where(table.c.name.contains(wanted.text.lower(), autoescape=True))
    if wanted.owner:
        owned = select(people.c.domain).where(
            people.c.role == str(Role.PRODUCT_OWNER), people.c.email == wanted.owner
        )
        found = found.where(table.c.domain.in_(owned))
    if wanted.is_published is not None:
        published = (
            select(schema.receipts.c.product)
            .where(schema.receipts.c.product == table.c.name)
            .exists()
        )
        found = found.where(published if wanted.is_published else ~published)
    return found


def _owners(connection: Connection, domains: Iterable[str]) -> dict[str, PersonRecord]:
    names: Sequence[str] = sorted(domains)
    table = schema.people
    found = select(table).where(table.c.domain.in_(names), table.c.role == str(Role.PRODUCT_OWNER))
    return {
        row.domain: PersonRecord(Role(row.role), row.name, row.email)
        for row in connection.execute(found)
    }


def _summary(row: Row[Any], owner: PersonRecord | None, latest: Receipt | None) -> ProductSummary:
    return ProductSummary(
        id=ProductId(row.domain, row.short_name, row.major),
        description=row.description,
        kind=DomainKind(row.kind),
        team=row.team,
        owner=owner,
        engine=row.engine,
        access=Access(row.access),
        freshness=row.freshness,
        contract_version=row.contract_version,
        is_declared=row.is_declared,
        table_version=latest.table_version if latest else None,
        published_at=latest.published_at if latest else None,
    )
