"""The products that upkeep looks after: those that are declared, and those that once were.

Owns what is left alone: what a broken domain promises is not known, so its products wait until it
loads again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mesh.catalog.store import Catalog
from mesh.naming import ProductId
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct


@dataclass(frozen=True, slots=True)
class Looked:
    """Products to look after, with their declarations where there are any; and why some are not."""

    declared: Mapping[ProductId, DataProduct | None]
    left_alone: Mapping[ProductId, str]


def products_of(organization: Organization, catalog: Catalog) -> Looked:
    """Every product that is declared, registered or published."""
    declared = {product.id: product for product in organization.products.values()}
    broken = {domain.name for domain in organization.broken}
    known = sorted({*declared, *catalog.product_ids()})
    return Looked(
        {p: declared.get(p) for p in known if p in declared or p.domain not in broken},
        _reasons(p for p in known if p not in declared and p.domain in broken),
    )


def _reasons(products: Iterable[ProductId]) -> dict[ProductId, str]:
    return {p: f"domain {p.domain} does not load, so what it promises is unknown" for p in products}
