"""Domains, products and contracts, read from rows into records.

Owns how a name finds its product. Reads only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from mesh.catalog import schema
from mesh.catalog.model import (
    ContractRecord,
    DomainRecord,
    ExpectationRecord,
    InputRecord,
    PersonRecord,
    ProductRecord,
    Role,
)
from mesh.catalog.publications import latest_receipts
from mesh.catalog.receipts import Receipt
from mesh.catalog.statements import chunks
from mesh.contracts.model import Contract
from mesh.errors import UnknownProductError
from mesh.naming import ProductId
from mesh.products.domain import DomainKind
from mesh.products.expectations import Expectation, expectations_of
from mesh.products.ports import Access, Input


def resolve(connection: Connection, name: str) -> str:
    """The full name of a registered product; the major may be left out.

    Without it, the highest declared major is meant. Raises UnknownProductError with near names.
    """
    table = schema.products
    if is_registered(connection, name):
        return name
    domain, _, short_name = name.partition(".")
    found = (
        select(table.c.name)
        .where(table.c.domain == domain, table.c.short_name == short_name)
        .order_by(table.c.is_declared.desc(), table.c.major.desc())
        .limit(1)
    )
    if (row := connection.execute(found).first()) is not None:
        return str(row.name)
    raise UnknownProductError(name, connection.execute(select(table.c.name)).scalars())


def domains(connection: Connection, name: str | None = None) -> dict[str, DomainRecord]:
    """Every domain by name, in the order of names, or the one of a name."""
    people: dict[str, list[PersonRecord]] = defaultdict(list)
    table = schema.people
    asked = select(table).order_by(table.c.domain, table.c.position)
    found = select(schema.domains).order_by(schema.domains.c.name)
    if name is not None:
        asked = asked.where(table.c.domain == name)
        found = found.where(schema.domains.c.name == name)
    for row in connection.execute(asked):
        people[row.domain].append(PersonRecord(Role(row.role), row.name, row.email))
    return {row.name: _domain(row, people[row.name]) for row in connection.execute(found)}


def products(connection: Connection, name: str | None = None) -> list[ProductRecord]:
    """Every product in the order of names, or the one of a full name."""
    table, history = schema.products, schema.contract_versions
    found = (
        select(table, history.c.content)
        .join(
            history,
            (history.c.product == table.c.name) & (history.c.digest == table.c.contract_digest),
        )
        .order_by(table.c.domain, table.c.short_name, table.c.major)
    )
    if name is not None:
        found = found.where(table.c.name == name)
    rows = connection.execute(found).all()
    owners = domains(connection, rows[0].domain if name is not None and rows else None)
    inputs = _inputs(connection, name)
    latest = latest_receipts(connection, [row.name for row in rows])
    return [
        _product(row, owners[row.domain], inputs.get(row.name, ()), latest.get(row.name))
        for row in rows
    ]


def product_ids(connection: Connection) -> list[ProductId]:
    """Every product that is registered, or that a receipt or a retirement speaks of."""
    registered = select(schema.products.c.name)
    published = select(schema.receipts.c.product)
    ended = select(schema.retirements.c.product)
    found = connection.execute(registered.union(published, ended)).all()
    return sorted(ProductId.parse(str(name)) for (name,) in found)


def contract_digests(connection: Connection) -> dict[str, str]:
    """The digest of each product's contract as it is registered now."""
    table = schema.products
    found = connection.execute(select(table.c.name, table.c.contract_digest))
    return {row.name: row.contract_digest for row in found}


def contracts(connection: Connection, names: Iterable[str]) -> dict[str, Contract]:
    """The contracts of products as they are registered now, by full name."""
    table, history = schema.products, schema.contract_versions
    found: dict[str, Contract] = {}
    for chunk in chunks(sorted(set(names))):
        asked = (
            select(table.c.name, history.c.content)
            .join(
                history,
                (history.c.product == table.c.name) & (history.c.digest == table.c.contract_digest),
            )
            .where(table.c.name.in_(chunk))
        )
        found |= {r.name: Contract.from_json(r.content) for r in connection.execute(asked)}
    return found


def contract_versions(connection: Connection, product: str) -> list[ContractRecord]:
    """Every contract that a product has had, oldest first."""
    table, owner = schema.contract_versions, schema.products
    found = (
        select(table, owner.c.contract_digest)
        .join(owner, owner.c.name == table.c.product)
        .where(table.c.product == product)
        .order_by(table.c.first_seen, table.c.sequence)
    )
    return [
        ContractRecord(
            product=row.product,
            sequence=row.sequence,
            version=row.version,
            digest=row.digest,
            contract=Contract.from_json(row.content),
            first_seen=row.first_seen,
            is_current=row.digest == row.contract_digest,
        )
        for row in connection.execute(found)
    ]


def expectations(connection: Connection, product: str) -> list[ExpectationRecord]:
    """What consumers that are declared now expect of a product, by consumer."""
    uses, consumers = schema.inputs, schema.products
    found = (
        select(consumers.c.name, consumers.c.declaration, uses.c.port)
        .join(uses, uses.c.product == consumers.c.name)
        .where(uses.c.upstream == product, uses.c.port != "", consumers.c.is_declared)
        .order_by(consumers.c.name, uses.c.position)
    )
    return [
        ExpectationRecord(row.name, item)
        for row in connection.execute(found)
        for item in _expected(product, row.port, row.declaration)
    ]


def _expected(product: str, port: str, declaration: Mapping[str, Any]) -> tuple[Expectation, ...]:
    said = declaration["inputs"].get(port, {}).get("expects", {})
    return expectations_of(port, Input(product, expects=said))


def _inputs(connection: Connection, name: str | None) -> dict[str, list[InputRecord]]:
    table = schema.inputs
    found = select(table).order_by(table.c.product, table.c.position)
    if name is not None:
        found = found.where(table.c.product == name)
    inputs: dict[str, list[InputRecord]] = defaultdict(list)
    for row in connection.execute(found):
        columns = tuple(row.columns) if row.columns is not None else None
        inputs[row.product].append(InputRecord(row.port, row.upstream, columns, row.purpose))
    return inputs


def _domain(row: Row[Any], people: Iterable[PersonRecord]) -> DomainRecord:
    manifest: Mapping[str, Any] = row.manifest
    return DomainRecord(
        name=row.name,
        title=row.title,
        purpose=row.purpose,
        kind=DomainKind(row.kind),
        team=row.team,
        people=tuple(people),
        contact_email=manifest["contact"]["email"],
        contact_channel=manifest["contact"]["channel"],
        usage=manifest["terms"]["usage"],
        limitations=manifest["terms"]["limitations"],
        registered_at=row.registered_at,
        changed_at=row.changed_at,
        manifest=manifest,
    )


def _product(
    row: Row[Any],
    domain: DomainRecord,
    inputs: Iterable[InputRecord],
    latest: Receipt | None,
) -> ProductRecord:
    return ProductRecord(
        id=ProductId(row.domain, row.short_name, row.major),
        description=row.description,
        domain=domain,
        contract=Contract.from_json(row.content),
        inputs=tuple(inputs),
        engine=row.engine,
        access=Access(row.access),
        freshness=row.freshness,
        schedule=row.schedule,
        write_mode=row.write_mode,
        partition_by=tuple(row.declaration["partition_by"]),
        tolerance=row.declaration["tolerance"],
        tags=row.tags,
        source=row.source,
        code_version=row.code_version,
        is_declared=row.is_declared,
        registered_at=row.registered_at,
        latest_receipt=latest,
    )


def is_registered(connection: Connection, product: str) -> bool:
    """Whether a product of that full name was ever registered."""
    found = select(schema.products.c.name).where(schema.products.c.name == product)
    return connection.execute(found).first() is not None
