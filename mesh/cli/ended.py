"""What `mesh show` tells of a product that was retired, and whose module is gone.

Owns the account of it as plain values: its end, and what the catalog still knows. Where the catalog
was lost, the product's table is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mesh.errors import InvalidNameError, UnknownProductError
from mesh.naming import ProductId

if TYPE_CHECKING:
    from mesh.catalog.model import RetirementRecord
    from mesh.catalog.store import Catalog
    from mesh.orchestration.workspace import Workspace


def describe_ended(name: str, workspace: Workspace) -> dict[str, Any] | None:
    """Everything that is known of a retired product by its name, with or without major.

    None when no product of that name was retired.
    """
    ended = _find(name, workspace)
    if ended is None:
        return None
    catalog = workspace.catalog
    receipt = catalog.latest_receipt(ended.product)
    return {
        "product": ended.product,
        "is_declared": False,
        **_registered(ended.product, catalog),
        "retired": ended.as_json(),
        "table": workspace.lake.table(ProductId.parse(ended.product)).url,
        "last_receipt": receipt.as_json() if receipt else None,
        "consumers": list(catalog.declared_uses([ended.product])),
    }


def _find(name: str, workspace: Workspace) -> RetirementRecord | None:
    """The end of the product of a name; without a major, that of the highest that ended."""
    known = _named(name, workspace.catalog)
    if known is None and _has_table(name, workspace):
        from mesh.catalog.sync import sync_product

        sync_product(workspace.catalog, workspace.lake, ProductId.parse(name))
        known = _named(name, workspace.catalog)
    return known


def _named(name: str, catalog: Catalog) -> RetirementRecord | None:
    ended = catalog.retirements()
    if name in ended:
        return ended[name]
    majors = [ProductId.parse(known) for known in ended]
    found = [product for product in majors if f"{product.domain}.{product.name}" == name]
    return ended[str(max(found, key=lambda product: product.major))] if found else None


def _has_table(name: str, workspace: Workspace) -> bool:
    try:
        return workspace.lake.table(ProductId.parse(name)).exists()
    except InvalidNameError:
        return False


def _registered(name: str, catalog: Catalog) -> dict[str, Any]:
    """What its declaration said, as long as the catalog was not lost since."""
    try:
        record = catalog.product(name)
    except UnknownProductError:
        return {"description": "", "team": "", "contact": "", "contract_version": ""}
    return {
        "description": record.description,
        "team": record.domain.team,
        "contact": record.domain.contact_email,
        "contract_version": str(record.contract.version),
    }
