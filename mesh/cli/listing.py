"""`mesh list`: every product of the mesh, with its latest run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session

if TYPE_CHECKING:
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
    found = [
        (home, product, catalog.latest_receipt(str(product.id)))
        for home in domains
        for product in home.products
    ]
    if as_json:
        print_json([_as_json(*item) for item in found])
    else:
        _print(found)
    if not domain:
        _warn_of_broken(organization)


def _as_json(domain: Domain, product: DataProduct, receipt: Receipt | None) -> dict[str, Any]:
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
    }


def _print(found: list[tuple[Domain, DataProduct, Receipt | None]]) -> None:
    from mesh.cli.console import add_row, age, count, print_table, say, table

    made = table(*_COLUMNS, right=_NUMBERS)
    for domain, product, receipt in found:
        add_row(
            made,
            product.id,
            product.contract.version,
            domain.manifest.kind,
            f"{receipt.rows_accepted:,}" if receipt else None,
            f"{receipt.rows_rejected:,}" if receipt else None,
            receipt.table_version if receipt else None,
            age(receipt.published_at) if receipt else None,
            domain.manifest.team.name,
        )
    if found:
        print_table(made)
    for _, product, _ in found:
        if product.deprecated is not None:
            instead = f": use {product.successor}" if product.successor else ""
            say(f"{product.id} has its last day on {product.deprecated}{instead}", "yellow")
    say(count(len(found), "product"), "dim")


def _warn_of_broken(organization: Organization) -> None:
    from mesh.cli.console import warn

    for broken in organization.broken:
        warn(f"domain {broken.name} does not load: `mesh check` says why")
