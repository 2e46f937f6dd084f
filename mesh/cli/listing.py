"""`mesh list`: every product of the mesh, with its latest run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.catalog.model import RetirementRecord
    from mesh.catalog.receipts import Receipt
    from mesh.products.collection import Domain, Organization
    from mesh.products.declaration import DataProduct

_COLUMNS = ("product", "contract", "kind", "rows", "rejected", "version", "published", "owner")
_NUMBERS = ("rows", "rejected", "version")


def list_products(
    context: typer.Context,
    domain: Annotated[str, typer.Option(help="Only this domain's products.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the products that the domains declare, each with its latest run."""
    from mesh.cli.console import print_json

    session = Session.of(context)
    organization = session.organization()
    domains = [organization.domain(domain)] if domain else list(organization.domains)
    catalog = session.workspace().catalog
    ended = catalog.retirements()
    found = [
        _Row(home, product, catalog.latest_receipt(name), ended.get(name))
        for home in domains
        for product in home.products
        for name in (str(product.id),)
    ]
    if as_json:
        print_json([_as_json(row) for row in found])
    else:
        _print(found)
        _warn_of_ends(found, session)
    if not domain:
        _warn_of_broken(organization)


@dataclass(frozen=True, slots=True)
class _Row:
    """A product with its latest run, and its end if it was retired."""

    domain: Domain
    product: DataProduct
    receipt: Receipt | None
    ended: RetirementRecord | None


def _as_json(row: _Row) -> dict[str, Any]:
    domain, product, receipt = row.domain, row.product, row.receipt
    team = domain.manifest.team
    return {
        "product": str(product.id),
        "domain": domain.name,
        "kind": str(domain.manifest.kind),
        "description": product.description,
        "contract_version": str(product.contract.version),
        "owner": {
            "team": team.name,
            "product_owner": team.product_owner.name,
            "email": team.product_owner.email,
        },
        "rows": receipt.rows_accepted if receipt else None,
        "rejected": receipt.rows_rejected if receipt else None,
        "version": receipt.table_version if receipt else None,
        "published_at": receipt.published_at if receipt else None,
        "deprecated": product.deprecated.isoformat() if product.deprecated else None,
        "successor": product.successor,
        "retired": row.ended.as_json() if row.ended else None,
    }


def _print(found: list[_Row]) -> None:
    from mesh.cli.console import add_row, age, count, print_table, say, table

    made = table(*_COLUMNS, right=_NUMBERS)
    for row in found:
        receipt = row.receipt
        add_row(
            made,
            row.product.id,
            row.product.contract.version,
            row.domain.manifest.kind,
            f"{receipt.rows_accepted:,}" if receipt else None,
            f"{receipt.rows_rejected:,}" if receipt else None,
            receipt.table_version if receipt else None,
            age(receipt.published_at) if receipt else None,
            row.domain.manifest.team.name,
        )
    if found:
        print_table(made)
    for told in filter(None, map(_end, found)):
        say(told, "yellow")
    say(count(len(found), "product"), "dim")


def _end(row: _Row) -> str:
    """That a product has ended, or will; empty for others."""
    product = row.product
    if row.ended is not None:
        return row.ended.told(datetime.now(UTC))
    if product.deprecated is None:
        return ""
    instead = f": use {product.successor}" if product.successor else ""
    return f"{product.id} has its last day on {product.deprecated}{instead}"


def _warn_of_ends(found: list[_Row], session: Session) -> None:
    """Warn of agreements of these products, and of their domains, that end soon."""
    from mesh.access.terms import WHOLE_DOMAIN
    from mesh.cli.access.looking import warn_of_ends

    names = {str(row.product.id) for row in found}
    domains = {row.product.id.domain for row in found}
    agreements = session.workspace().catalog.agreements.all()
    held = [
        a for a in agreements if a.holder in (domains if WHOLE_DOMAIN in a.conditions else names)
    ]
    warn_of_ends(held, session.settings(), datetime.now(UTC))


def _warn_of_broken(organization: Organization) -> None:
    from mesh.cli.console import warn

    for broken in organization.broken:
        warn(f"domain {broken.name} does not load: `mesh check` says why")
