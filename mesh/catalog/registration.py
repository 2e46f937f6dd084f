"""From a domain's definitions to rows.

Owns what registering a domain changes: its people, its products, their contracts' history, columns
and inputs, the terms of its glossary, its policies, and what is searched. Nothing is ever lost by
it: a contract that was seen once stays, and a product that has vanished is kept and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from mesh.catalog import schema, search
from mesh.catalog.declared import DeclaredDomain, DeclaredProduct
from mesh.catalog.glossary import replace_terms
from mesh.catalog.model import Role
from mesh.catalog.policies import replace_policies
from mesh.catalog.reported.joining import join_products
from mesh.contracts.model import Contract


def is_registered(connection: Connection, domain: DeclaredDomain) -> bool:
    """Whether the catalog has exactly these definitions."""
    found = select(schema.domains.c.digest).where(schema.domains.c.name == domain.name)
    return connection.execute(found).scalar() == domain.digest


def register(connection: Connection, domain: DeclaredDomain) -> None:
    """Make the catalog say what the domain's definitions say."""
    now = datetime.now(UTC)
    _put_domain(connection, domain, now)
    for product in domain.products:
        _put_product(connection, product, now)
    names = [product.name for product in domain.products]
    join_products(connection, names)
    table = schema.products
    connection.execute(
        update(table)
        .where(table.c.domain == domain.name, table.c.name.not_in(names))
        .values(is_declared=False)
    )
    replace_policies(connection, domain.name, domain.policies)
    linked = replace_terms(connection, domain.name, domain.terms)
    search.index_domain(connection, domain.name)
    search.index_products(connection, sorted(linked - {*names}))


def _put_domain(connection: Connection, domain: DeclaredDomain, now: datetime) -> None:
    manifest = domain.manifest
    _put(
        connection,
        schema.domains,
        {"name": domain.name},
        {
            "title": manifest["title"],
            "purpose": manifest["purpose"],
            "kind": manifest["kind"],
            "team": manifest["team"]["name"],
            "manifest": dict(manifest),
            "digest": domain.digest,
            "changed_at": now,
        },
        at_first={"registered_at": now},
    )
    _replace(connection, schema.people, {"domain": domain.name}, _people(manifest["team"]))


def _put_product(connection: Connection, product: DeclaredProduct, now: datetime) -> None:
    name, declared = product.name, product.declaration
    kept = ("description", "engine", "access", "freshness", "schedule", "source", "code_version")
    _put(
        connection,
        schema.products,
        {"name": name},
        {
            "domain": product.id.domain,
            "short_name": product.id.name,
            "major": product.id.major,
            **{key: declared[key] for key in (*kept, "tags")},
            "write_mode": declared["write"],
            "contract_version": str(product.contract.version),
            "contract_digest": product.contract.digest,
            "declaration": dict(declared),
            "is_declared": True,
        },
        at_first={"registered_at": now},
    )
    keep_contract(connection, name, product.contract, now)
    _replace(connection, schema.columns, {"product": name}, _columns(product))
    _replace(connection, schema.inputs, {"product": name}, _inputs(product))


def keep_contract(
    connection: Connection, product: str, contract: Contract, first_seen: datetime
) -> bool:
    """Add a contract to a product's history, unless it is there. Returns whether it was added."""
    table, digest = schema.contract_versions, contract.digest
    known = select(table.c.sequence).where(table.c.product == product, table.c.digest == digest)
    if connection.execute(known).first() is not None:
        return False
    last = connection.execute(select(func.max(table.c.sequence)).where(table.c.product == product))
    connection.execute(
        insert(table).values(
            product=product,
            digest=digest,
            sequence=(last.scalar() or 0) + 1,
            version=str(contract.version),
            content=contract.as_json(),
            first_seen=first_seen,
        )
    )
    return True


def _people(team: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    named = [
        (Role.PRODUCT_OWNER, team["product_owner"]),
        (Role.BUSINESS_TECHNOLOGY_PARTNER, team["business_technology_partner"]),
        (Role.DATA_STEWARD, team["data_steward"]),
        *((Role.MEMBER, person) for person in team["members"]),
    ]
    for role, person in named:
        yield {"role": str(role), "name": person["name"], "email": person["email"]}


def _columns(product: DeclaredProduct) -> Iterable[dict[str, Any]]:
    for column in product.contract.columns:
        values = column.as_json()
        values.pop("renamed_from", None)  # says something of two contracts, nothing of this one
        yield {**values, "refers_to": values.pop("references")}


def _inputs(product: DeclaredProduct) -> Iterable[dict[str, Any]]:
    for use in product.inputs:
        yield {
            "port": use.port,
            "upstream": use.product,
            "columns": list(use.columns) if use.columns is not None else None,
            "purpose": use.purpose,
        }


def _put(
    connection: Connection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    at_first: Mapping[str, Any],
) -> None:
    """Update the row of a key, or insert it. Safe because writers come one at a time."""
    found = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*found).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values, **at_first))


def _replace(
    connection: Connection,
    table: Table,
    owner: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Make `rows` all that an owner has in a table, numbered in their order."""
    connection.execute(delete(table).where(*(table.c[n] == value for n, value in owner.items())))
    numbered: Sequence[dict[str, Any]] = [
        {**owner, "position": position, **row} for position, row in enumerate(rows)
    ]
    if numbered:
        connection.execute(insert(table), numbered)
