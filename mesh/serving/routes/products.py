"""Products and all that is known of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mesh.catalog.browsing import ProductFilter, ProductSummary, ReceiptKey, RefusalKey
from mesh.catalog.model import Direction, RefusalRecord
from mesh.catalog.receipts import Receipt
from mesh.errors import UnknownContractVersionError, UnknownProductError
from mesh.naming import ProductId
from mesh.products.domain import DomainKind
from mesh.products.ports import Access
from mesh.serving.paging import Cursor, Limit, Page, Pager
from mesh.serving.routes.asking import NO_CONTROL, Asked, Name
from mesh.serving.views.evidence import LineageView, ReceiptView, RefusalView
from mesh.serving.views.products import (
    ConsumersView,
    ContractVersionView,
    ContractView,
    InputView,
    ProductRowView,
    ProductView,
)

router = APIRouter(prefix="/products", tags=["products"])

Text = Annotated[str, Query(max_length=200, pattern=NO_CONTROL)]
Depth = Annotated[int, Query(ge=1, le=100, description="Steps that are followed at most.")]

_products: Pager[ProductSummary, ProductId] = Pager(ProductId, lambda row: row.id)
_receipts: Pager[Receipt, ReceiptKey] = Pager(
    ReceiptKey, lambda row: ReceiptKey(row.table_version, row.published_at, row.publication_id)
)
_refusals: Pager[RefusalRecord, RefusalKey] = Pager(
    RefusalKey, lambda row: RefusalKey(row.refused_at, row.publication_id)
)


@router.get("")
def list_products(  # noqa: PLR0913 -- each filter is a parameter
    catalog: Asked,
    *,
    q: Annotated[Text, Query(description="A part of the name.")] = "",
    domain: Text = "",
    owner: Annotated[Text, Query(description="E-mail address of the product owner.")] = "",
    kind: DomainKind | None = None,
    access: Access | None = None,
    engine: Text = "",
    declared: bool | None = None,
    published: bool | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ProductRowView]:
    """Products in the order of their names."""
    wanted = ProductFilter(
        text=q,
        domain=domain,
        owner=owner,
        kind=str(kind or ""),
        access=str(access or ""),
        engine=engine,
        is_declared=declared,
        is_published=published,
    )
    rows = catalog.browsing.products(wanted, _products.after(cursor), limit + 1)
    return _products.page(rows, limit, ProductRowView.of)


@router.get("/{name}")
def product(catalog: Asked, name: Name) -> ProductView:
    """A product, all that its domain declares of it, and its latest publication.

    With the terms of the business that are linked to it, and what its documentation lacks.
    """
    found = catalog.product(name)
    terms = catalog.glossary.terms_of(found.name)
    return ProductView.of_record(found, terms, catalog.browsing.documentation(found.name))


@router.get("/{name}/contract")
def contract(catalog: Asked, name: Name) -> ContractView:
    """What a product promises now."""
    found = catalog.product(name)
    return ContractView.of(found.name, found.contract)


@router.get("/{name}/contracts")
def contracts(catalog: Asked, name: Name) -> list[ContractVersionView]:
    """Every contract that a product has had, oldest first."""
    return [ContractVersionView.of(record) for record in catalog.contract_versions(name)]


@router.get("/{name}/contracts/{sequence}")
def contract_version(
    catalog: Asked,
    name: Name,
    sequence: Annotated[int, Path(ge=1, le=1_000_000, description="Counts from 1, oldest first.")],
) -> ContractView:
    """One contract that a product has had."""
    history = catalog.contract_versions(name)
    for record in history:
        if record.sequence == sequence:
            return ContractView.of(record.product, record.contract)
    raise UnknownContractVersionError(str(sequence), [str(record.sequence) for record in history])


@router.get("/{name}/receipts")
def receipts(
    catalog: Asked, name: Name, limit: Limit = 50, cursor: Cursor = None
) -> Page[ReceiptView]:
    """What was published, newest first."""
    full = full_name(catalog, name)
    rows = catalog.browsing.receipts(full, _receipts.after(cursor), limit + 1)
    return _receipts.page(rows, limit, ReceiptView.of)


@router.get("/{name}/refusals")
def refusals(
    catalog: Asked, name: Name, limit: Limit = 50, cursor: Cursor = None
) -> Page[RefusalView]:
    """What was refused, and why, newest first."""
    full = full_name(catalog, name)
    rows = catalog.browsing.refusals(full, _refusals.after(cursor), limit + 1)
    return _refusals.page(rows, limit, RefusalView.of)


@router.get("/{name}/lineage")
def product_lineage(
    catalog: Asked, name: Name, direction: Direction = "up", depth: Depth = 10
) -> LineageView:
    """What a product is made from (`up`), or what is made from it (`down`)."""
    return LineageView.of(catalog.lineage(name, direction, depth))


@router.get("/{name}/inputs")
def inputs(catalog: Asked, name: Name) -> list[InputView]:
    """What a product declares to read."""
    return [InputView.of(use) for use in catalog.product(name).inputs]


@router.get("/{name}/consumers")
def consumers(catalog: Asked, name: Name) -> ConsumersView:
    """Who uses a product, and what they expect of it."""
    full = catalog.browsing.full_name(name)
    return ConsumersView.of(catalog.latest_uses(full), catalog.expectations(full))


def full_name(catalog: Asked, name: str) -> str:
    """The full name, also of a product that only receipts speak of. Raises UnknownProductError."""
    try:
        return catalog.browsing.full_name(name)
    except UnknownProductError:
        if catalog.receipts(name, 1) or catalog.refusals(name, 1):
            return name
        raise
