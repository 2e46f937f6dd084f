"""Bringing the catalog up to the lake.

Owns the reading of receipts from Delta commits. The lake is the truth and the catalog an index: a
receipt that a crash kept from the catalog, or a whole catalog that was lost, comes back from here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mesh.catalog.erasures_in_lake import erasures_in
from mesh.catalog.landed import receipt_of
from mesh.catalog.profiles_in_lake import kept_profiles, profile_in
from mesh.catalog.quarantine_in_lake import events_in
from mesh.catalog.receipts import CONTRACTS_FOLDER, Receipt
from mesh.catalog.retirements_in_lake import retirement_in
from mesh.contracts.model import Contract
from mesh.errors import Problem, StorageError
from mesh.naming import ProductId

if TYPE_CHECKING:
    from mesh.catalog.model import RetirementRecord
    from mesh.catalog.store import Catalog
    from mesh.lake import Commit, Lake, Table


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did: receipts it recorded, receipts that were known, and what it could not read.

    `products` counts tables that exist.
    """

    products: int
    recorded: int
    known: int
    unreadable: tuple[Problem, ...] = ()


def sync(catalog: Catalog, lake: Lake, products: Iterable[ProductId] = ()) -> SyncReport:
    """Record every receipt in the lake that the catalog lacks.

    Looks at `products` and at every product that the catalog knows. What cannot be read is reported
    and passed over: one damaged table keeps no other from the catalog.
    """
    tables = recorded = found = 0
    unreadable: list[Problem] = []
    for product in sorted({*products, *catalog.product_ids()}):
        report = sync_product(catalog, lake, product)
        tables += report.products
        recorded += report.recorded
        found += report.recorded + report.known
        unreadable += report.unreadable
    return SyncReport(tables, recorded, found - recorded, tuple(unreadable))


def sync_product(catalog: Catalog, lake: Lake, product: ProductId) -> SyncReport:
    """Record every receipt, contract and profile of one product's table that the catalog lacks.

    Profiles that the lake keeps no longer are forgotten: an erasure deletes them.
    """
    unreadable: list[Problem] = []
    table = lake.table(product)
    try:
        commits = list(table.commits())
    except StorageError as error:
        problem = Problem(error.what, error.where or str(product), error.hint)
        return SyncReport(0, 0, 0, (problem,))
    receipts = _receipts(product, commits, unreadable)
    if commits:
        catalog.record_contracts(str(product), _contracts(table, unreadable))
        catalog.record_erasures(list(erasures_in(table)))
        catalog.record_quarantine_events(list(events_in(lake.quarantine(product))))
    if (ended := _retirement(product, commits, unreadable)) is not None:
        catalog.record_retirement(ended)
    known = catalog.profiles.publications(str(product))  # asked before the lake is
    kept = kept_profiles(table) if commits else frozenset()
    recorded = catalog.record_all(receipts)
    missing = [r for r in receipts if r.publication_id in kept - known]
    catalog.profiles.record(list(_profiled(table, missing, unreadable)))
    catalog.profiles.forget(known - kept)
    return SyncReport(int(bool(commits)), recorded, len(receipts) - recorded, tuple(unreadable))


def _receipts(
    product: ProductId, commits: Iterable[Commit], unreadable: list[Problem]
) -> list[Receipt]:
    receipts = []
    for commit in commits:
        try:
            receipt = receipt_of(commit)
            if receipt is not None:
                receipts.append(_own(product, receipt))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"KeyError: {error}" if isinstance(error, KeyError) else str(error)
            where = f"{product}, version {commit.version}"
            unreadable.append(Problem(f"its receipt cannot be read: {reason}", where))
    return receipts


def _retirement(
    product: ProductId, commits: Iterable[Commit], unreadable: list[Problem]
) -> RetirementRecord | None:
    """The end of a product that its log tells of."""
    for commit in commits:
        try:
            if (found := retirement_in(commit)) is not None:
                return found
        except (ValueError, KeyError, TypeError) as error:
            where = f"{product}, version {commit.version}"
            unreadable.append(Problem(f"its end cannot be read: {error}", where))
    return None


def _contracts(table: Table, unreadable: list[Problem]) -> list[tuple[Contract, datetime]]:
    """The contracts that a table was published under, with when each was first."""
    found = []
    for file in table.store.list(CONTRACTS_FOLDER):
        if not file.path.endswith(".json"):
            continue
        try:
            contract = Contract.from_json(json.loads(table.store.read(file.path)))
        except (ValueError, KeyError, TypeError) as error:
            where = f"{table.url}/{file.path}"
            unreadable.append(Problem(f"the contract cannot be read: {error}", where))
        else:
            found.append((contract, file.modified_at))
    return sorted(found, key=lambda pair: pair[1])


def _profiled(
    table: Table, receipts: Iterable[Receipt], unreadable: list[Problem]
) -> Iterator[Receipt]:
    """Receipts with the profiles that the lake keeps of them."""
    for receipt in receipts:
        try:
            yield receipt.with_profile(profile_in(table, receipt.publication_id))
        except (ValueError, KeyError, TypeError) as error:
            where = f"{receipt.product}, version {receipt.table_version}"
            unreadable.append(Problem(f"its profile cannot be read: {error}", where))


def _own(product: ProductId, receipt: Receipt) -> Receipt:
    if receipt.product != str(product):
        message = f"it is of {receipt.product}"
        raise ValueError(message)
    return receipt
