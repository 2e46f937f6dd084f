"""The upkeep of one product: old rows, small files, the log's length, and what nobody needs.

Owns which work a product needs, and in which order: rows go before files are joined, and files are
deleted last. A plan changes nothing; what is applied is planned anew, on the table as it is then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mesh.catalog.receipts import transaction_of
from mesh.catalog.store import Catalog
from mesh.lake import DataFile, Lake, Table
from mesh.lake.shown import latest_and_checkpoint
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.publishing.stage import STAGED_NAME
from mesh.settings import Settings
from mesh.upkeep.compaction import JOINED, Compaction
from mesh.upkeep.keeps import KEEPERS, Held, Keeper, safety_of
from mesh.upkeep.profiles import OldProfiles
from mesh.upkeep.reporting import Report, Task, Work
from mesh.upkeep.retention import OldRows
from mesh.upkeep.retiring import RetiredRows, retired
from mesh.upkeep.vacuum import Vacuum

_REJECTED_AT = "_mesh_rejected_at"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The sum of a table's log, made when many commits came since the last."""

    table: Table
    part: str
    after: int

    def plan(self) -> list[Work]:
        """Whether it is due."""
        latest, checkpoint = latest_and_checkpoint(self.table)
        if latest - checkpoint < self.after:
            return []
        commits = latest - checkpoint
        return [Work("sum up the log", self.part, f"{commits} commits since the last sum")]

    def apply(self) -> list[Work]:
        """Make it, if it is due."""
        work = self.plan()
        if work:
            self.table.checkpoint()
        return work


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What upkeep works with."""

    lake: Lake
    catalog: Catalog
    settings: Settings
    keepers: Sequence[Keeper] = KEEPERS
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def plan(self, product: ProductId, declared: DataProduct | None) -> Report:
        """What there is to do for a product. Changes nothing."""
        tasks = self._tasks(product, declared)
        return _report(product, [work for task in tasks for work in task.plan()], tasks)

    def apply(self, product: ProductId, declared: DataProduct | None) -> Report:
        """Do it. A product that is declared no more keeps every version: only leftovers go."""
        tasks = self._tasks(product, declared)
        return _report(product, [work for task in tasks for work in task.apply()], tasks)

    def _tasks(self, product: ProductId, declared: DataProduct | None) -> list[Task]:
        tables = self.lake.tables(product)
        ended = retired(self.catalog, product)
        if ended is not None and self.now >= ended.keep_until:
            rows = [RetiredRows(table, part, ended, self.now) for part, table in tables.items()]
            return [*rows, self._profiles(tables["table"], self.now)]
        uses = self.catalog.uses(str(product))
        retention = declared.retention if declared is not None else None
        held = Held(product, {}, self.settings.upkeep, self.now, retention, uses)
        beside = Held(product, {}, self.settings.upkeep, self.now)
        tasks: list[Task] = []
        if declared is not None:
            tasks += self._of_old_rows(declared, tables["table"], tables["quarantine"])
            tasks.append(self._compaction(tables["table"], "table", declared.cluster_by))
            settled = _landed_in(tables["table"])
            tasks += [
                self._compaction(table, part, is_settled=settled)
                for part, table in tables.items()
                if part != "table"
            ]
        for part, table in tables.items():
            keepers = None if declared is None else self.keepers
            reasons = held if part == "table" else beside
            tasks.append(Checkpoint(table, part, self.settings.upkeep.checkpoint_after))
            tasks.append(Vacuum(table, part, reasons, safety_of(self.settings.upkeep), keepers))
        before = retention.cutoff(self.now) if retention is not None else None
        return [*tasks, self._profiles(tables["table"], before)]

    def _profiles(self, table: Table, before: datetime | None) -> OldProfiles:
        return OldProfiles(table, self.catalog, self.now, safety_of(self.settings.upkeep), before)

    def _of_old_rows(self, declared: DataProduct, table: Table, quarantine: Table) -> list[Task]:
        kept = declared.retention
        if kept is None or not kept.column:
            return []
        before, settings = kept.cutoff(self.now), self.settings.publishing
        return [
            OldRows(table, "table", kept.column, before, settings),
            OldRows(quarantine, "quarantine", _REJECTED_AT, before, settings),
        ]

    def _compaction(
        self,
        table: Table,
        part: str,
        by: Sequence[str] = (),
        is_settled: Callable[[DataFile], bool] = lambda _: True,
    ) -> Compaction:
        settings, sort_bytes = self.settings.publishing, self.settings.upkeep.sort_bytes
        return Compaction(table, part, settings, by, sort_bytes, is_settled)


def _landed_in(table: Table) -> Callable[[DataFile], bool]:
    """Whether a file in quarantine is of a publication that landed: others may be retried.

    The retry puts its rows in place of the files that have its name.
    """
    snapshot = table.find()

    def is_settled(file: DataFile) -> bool:
        name = STAGED_NAME.fullmatch(file.path.rpartition("/")[2])
        if name is None or JOINED in file.path:
            return True
        return snapshot is not None and snapshot.has_transaction(
            transaction_of(name["publication"])
        )

    return is_settled


def _report(product: ProductId, works: Sequence[Work], tasks: Sequence[Task]) -> Report:
    kept = (k for task in tasks if isinstance(task, Vacuum) for k in task.kept)
    return Report(str(product), tuple(works), tuple(kept))
