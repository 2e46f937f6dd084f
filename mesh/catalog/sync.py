"""Bringing the catalog up to the lake.

Owns the reading of receipts from Delta commits. The lake is the truth and the catalog an index: a
receipt that a crash kept from the catalog, or a whole catalog that was lost, comes back from here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from mesh.catalog.erasures_in_lake import erasures_in
from mesh.catalog.landed import receipt_of
from mesh.catalog.profiles_in_lake import kept_profiles, profile_in
from mesh.catalog.quarantine_in_lake import events_in
from mesh.catalog.receipts import CONTRACTS_FOLDER, Receipt
from mesh.catalog.retirements_in_lake import retirement_in
from mesh.contracts.model import Contract
from mesh.errors import Problem, StorageError
from mesh.lake.listing import products_in
from mesh.naming import ProductId

if TYPE_CHECKING:
    from mesh.catalog.model import RetirementRecord
    from mesh.catalog.store import Catalog
    from mesh.lake import Commit, Lake, Table


class _OfProduct(Protocol):
    """What says of which product it is."""

    @property
    def product(self) -> str:
        """The product's full name."""


_T = TypeVar("_T", bound=_OfProduct)


_AT_ONCE = 500
"""Receipts that are recorded together."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did: receipts it recorded, receipts that were known, and what it could not read.

    `products` counts tables that exist; `found` are products whose tables lie in the lake, of which
    neither the catalog nor whoever asked knew.
    """

    products: int
    recorded: int
    known: int
    unreadable: tuple[Problem, ...] = ()
    found: tuple[ProductId, ...] = ()

    @property
    def is_telling(self) -> bool:
        """Whether any receipt could be read."""
        return bool(self.recorded or self.known)

    @property
    def shortened(self) -> SyncReport:
        """The same with the first problem only: a table that is nobody's may have one a version."""
        return replace(self, unreadable=self.unreadable[:1])


def sync(catalog: Catalog, lake: Lake, products: Iterable[ProductId] = ()) -> SyncReport:
    """Record every receipt in the lake that the catalog lacks.

    Looks at `products`, at every product that the catalog knows, and at those whose tables lie in
    the lake, though nobody declares them any more. What cannot be read is reported and passed over:
    one damaged table keeps no other from the catalog.
    """
    expected, listed = {*products, *catalog.product_ids()}, products_in(lake)
    reports = []
    for product in sorted({*expected, *listed.products}):
        report = sync_product(catalog, lake, product)
        reports.append(report if product in expected or report.is_telling else report.shortened)
    return SyncReport(
        sum(report.products for report in reports),
        sum(report.recorded for report in reports),
        sum(report.known for report in reports),
        (*listed.problems, *(problem for report in reports for problem in report.unreadable)),
        tuple(sorted({*catalog.product_ids()} - expected)),
    )


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
        erasures = partial(erasures_in, table)
        catalog.record_erasures(_kept(product, "erasures", erasures, unreadable))
        events = partial(events_in, lake.quarantine(product))
        catalog.record_quarantine_events(_kept(product, "quarantine", events, unreadable))
    if (ended := _retirement(product, commits, unreadable)) is not None:
        catalog.record_retirement(ended)
    known = catalog.profiles.publications(str(product))  # asked before the lake is
    kept = kept_profiles(table) if commits else frozenset()
    recorded = sum(  # not all in one request: a served catalog takes bodies of a limited size
        catalog.record_all(receipts[start : start + _AT_ONCE])
        for start in range(0, len(receipts), _AT_ONCE)
    )
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
                return _own(product, found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
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


def _kept(
    product: ProductId, what: str, read: Callable[[], Iterable[_T]], unreadable: list[Problem]
) -> list[_T]:
    """What a table keeps beside its rows; one file that cannot be read hides the others, too."""
    try:
        return [_own(product, item) for item in read()]
    except (ValueError, KeyError, TypeError, AttributeError, StorageError) as error:
        unreadable.append(Problem(f"its {what} cannot be read: {error}", str(product)))
        return []


def _own(product: ProductId, found: _T) -> _T:
    """What says of which product it is. A copy of another's table is not to speak for that one."""
    if found.product != str(product):
        message = f"it is of {found.product}"
        raise ValueError(message)
    return found
