"""The end of a product: nobody reads it any more, and nothing is published to it again.

Owns what has to be so before, the commit that says it, and what upkeep does when its rows have been
kept for long enough: they go, and the log with its receipts stays. The log decides. The catalog is
told afterwards, and by every sync.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mesh.catalog.model import RetirementRecord
from mesh.catalog.retirements_in_lake import RETIREMENT_KEY, retirement_of
from mesh.catalog.store import Catalog
from mesh.errors import (
    CommitConflictError,
    DefinitionError,
    NotPublishedError,
    Problem,
)
from mesh.lake import Lake, Snapshot, Table
from mesh.lake.removed import note_removed
from mesh.lake.table import Change
from mesh.naming import ProductId
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct
from mesh.products.deprecation import readers
from mesh.products.ports import parse_duration
from mesh.publishing.landing import MAX_ATTEMPTS, wait
from mesh.settings import UpkeepSettings
from mesh.upkeep.reporting import Work
from mesh.upkeep.rewriting import UPKEEP_KEY
from mesh.upkeep.vacuum import data_files


@dataclass(frozen=True, slots=True)
class Retiring:
    """What ends products."""

    organization: Organization
    lake: Lake
    catalog: Catalog
    settings: UpkeepSettings
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def retire(self, product: DataProduct, *, by: str, why: str) -> RetirementRecord:
        """End a product. One that has ended stays as it was, and its record is returned.

        Raises DefinitionError with everything that stands against it, and NotPublishedError for a
        product that has nothing to keep.
        """
        table = self.lake.table(product.id)
        snapshot = table.find()
        if snapshot is None:
            raise NotPublishedError(
                "there is nothing to retire: it was never published",
                where=str(product.id),
                hint="delete its module",
            )
        ended = retirement_of(snapshot)
        if ended is None:
            if problems := self.problems(product):
                raise DefinitionError(problems)
            ended = self._commit(table, self._record(product, by, why))
        self.catalog.record_retirement(ended)
        return ended

    def problems(self, product: DataProduct) -> list[Problem]:
        """Everything that stands against the end of a product."""
        return [*self._of_its_last_day(product), *self._of_readers(product)]

    def _of_its_last_day(self, product: DataProduct) -> Iterable[Problem]:
        where = product.source
        if product.deprecated is None:
            yield Problem(
                f"{product.id} was not deprecated: nobody was told that it ends",
                where,
                'say when, and what follows: deprecated="2027-06-30", successor="…"',
            )
        elif product.deprecated >= self.now.date():
            what = f"the last day of {product.id} is {product.deprecated}: readers count on it"
            yield Problem(what, where, "wait until it is over, or agree on another and declare it")

    def _of_readers(self, product: DataProduct) -> Iterable[Problem]:
        name = str(product.id)
        instead = product.successor or "another product"
        for reader in readers(self.organization, name):
            yield Problem(f"{reader.id} still reads {name}", reader.source, f"move it to {instead}")
        for broken in self.organization.broken:
            what = f"domain {broken.name} does not load: nobody knows whether it reads {name}"
            yield Problem(what, str(broken.folder), "`mesh check` says why")
        for other in self._known_readers(name):
            what = f"{other} still reads {name}, as the catalog knows"
            yield Problem(what, self.catalog.where, f"its team moves it to {instead}")

    def _known_readers(self, name: str) -> list[str]:
        """Readers that are declared elsewhere: the catalog may be shared."""
        own = self.organization.products
        return [reader for reader in self.catalog.declared_uses([name]) if reader not in own]

    def _record(self, product: DataProduct, by: str, why: str) -> RetirementRecord:
        kept = product.retention
        if kept is not None:
            period = self.now - kept.cutoff(self.now)
        else:
            period = parse_duration(self.settings.keep_retired_for)
        return RetirementRecord(
            product=str(product.id),
            retired_at=self.now,
            retired_by=by,
            why=why,
            keep_until=self.now + period,
            successor=product.successor,
        )

    def _commit(self, table: Table, ended: RetirementRecord) -> RetirementRecord:
        """Say it in the log, after whatever lands meanwhile."""
        for attempt in range(MAX_ATTEMPTS):
            base = table.snapshot()
            if (earlier := retirement_of(base)) is not None:
                return earlier
            try:
                table.commit(
                    _nothing_but(base, {RETIREMENT_KEY: json.dumps(ended.as_json())}), base
                )
            except CommitConflictError:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                wait(attempt)
                continue
            return ended
        raise AssertionError


@dataclass(frozen=True, slots=True)
class RetiredRows:
    """The rows of one table of a product that ended, once they were kept for long enough."""

    table: Table
    part: str
    ended: RetirementRecord
    now: datetime

    def plan(self) -> list[Work]:
        """What would be deleted."""
        if self.now < self.ended.keep_until:
            return []
        files = data_files(self.table)
        if not files:
            return []
        return [
            Work(
                "remove retired rows",
                self.part,
                f"retired on {self.ended.retired_at.date()}, kept until "
                f"{self.ended.keep_until.date()}",
                files=len(files),
                bytes=sum(file.size for file in files),
                paths=tuple(f"{self.table.url}/{file.path}" for file in files),
            )
        ]

    def apply(self) -> list[Work]:
        """Show no rows any more, note the versions that go, then delete."""
        work = self.plan()
        if not work:
            return []
        snapshot = self.table.find()
        if snapshot is not None:
            if snapshot.files:
                told = {UPKEEP_KEY: json.dumps({"action": "remove retired rows"})}
                self.table.commit(_nothing_but(snapshot, told, is_emptied=True), snapshot)
            how = f"removed with its product, which was {self.ended}"
            note_removed(self.table, range(snapshot.version + 1), how)
        self.table.store.delete([file.path for file in data_files(self.table)])
        return work


def _nothing_but(
    base: Snapshot, metadata: Mapping[str, str], *, is_emptied: bool = False
) -> Change:
    """A change that adds no rows, and removes none or all."""
    return Change(
        adds=(),
        removes=base.files if is_emptied else (),
        schema=base.schema,
        partition_by=base.partition_by,
        metadata=metadata,
        is_data_change=is_emptied,
    )


def retired(catalog: Catalog, product: ProductId) -> RetirementRecord | None:
    """The end of a product, as the catalog knows it; None while it lives."""
    return catalog.retirements().get(str(product))
