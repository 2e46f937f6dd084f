"""Rows on their way out of quarantine, in one commit that says how.

Owns the rewriting of the files that hold them, whoever else commits meanwhile, and the order of
evidence: the event is written first, counts once the commit has landed, and goes to the catalog
last. Rows that stay may be told anew which rules they break.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from mesh.catalog.model import QuarantineEvent
from mesh.catalog.quarantine_in_lake import (
    EVENT_KEY,
    ReplayPlan,
    forget_plan,
    keep_event,
    landed_plans,
    leaving_transaction,
)
from mesh.catalog.store import Catalog
from mesh.errors import CommitConflictError
from mesh.lake import DataFile, Lake, Snapshot, Table
from mesh.lake.table import Change
from mesh.naming import ProductId
from mesh.publishing.landing import MAX_ATTEMPTS, land, wait
from mesh.publishing.receipt import first_receipt
from mesh.publishing.stage import Stage
from mesh.reading.waiting import PLACE, places_of
from mesh.settings import PublishingSettings
from mesh.upkeep.rewriting import (
    UPKEEP_KEY,
    Rewrite,
    rows_of,
    stage_for,
    stored_schema,
    without_some,
)
from mesh.upkeep.waiting.choice import RULES

_BROKEN = "_mesh_broken"


def nowhere() -> pl.DataFrame:
    """No rows, by place."""
    return places_of({})


@dataclass(frozen=True, slots=True)
class Leaving:
    """Rows of one quarantine that leave, by place, and rules of rows that stay.

    `told` has a place and the rules that the row breaks now (`_mesh_broken`).
    """

    quarantine: Table
    settings: PublishingSettings
    gone: pl.DataFrame = field(default_factory=nowhere)
    told: pl.DataFrame | None = None

    def run(self, event: QuarantineEvent | None = None) -> QuarantineEvent | None:
        """Make the commit. Returns the event with the number of rows that were there to leave.

        Without an event no rows leave, and only rules are told anew.
        """
        for attempt in range(MAX_ATTEMPTS):
            base = self.quarantine.snapshot()
            if event is not None and base.has_transaction(leaving_transaction(event.id)):
                return event
            stage = stage_for(base, self.settings)
            try:
                return self._commit(base, stage, event)
            except CommitConflictError:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
            finally:
                stage.discard()
            wait(attempt)
        raise AssertionError

    def _commit(
        self, base: Snapshot, stage: Stage, event: QuarantineEvent | None
    ) -> QuarantineEvent | None:
        found = [(file, *self._touched(base, file)) for file in base.files]
        rewrites = [self._rewrite(stage, file, gone) for file, gone, told in found if gone or told]
        if event is not None:
            event = replace(event, rows=sum(gone for _, gone, _ in found))
            keep_event(self.quarantine, event)
        elif not rewrites:
            return None
        change = Change(
            adds=[file for rewrite in rewrites for file in rewrite.adds],
            removes=[file for rewrite in rewrites for file in rewrite.removes],
            schema=base.schema,
            partition_by=base.partition_by,
            metadata=_said(event),
            transaction="" if event is None else leaving_transaction(event.id),
            is_data_change=bool(rewrites),
        )
        land(change, base, stage)
        return event

    def _touched(self, base: Snapshot, file: DataFile) -> tuple[int, int]:
        """How many rows of a file leave, and how many are told other rules."""
        places = rows_of(base.table, file, stored_schema(base)).select(PLACE)
        gone = places.join(self.gone.lazy(), on=PLACE, how="semi")
        told = nowhere() if self.told is None else self.told
        counts = [gone, places.join(told.lazy(), on=PLACE, how="semi")]
        asked = [rows.select(pl.len()) for rows in counts]
        first, second = pl.collect_all(asked, engine="streaming")
        return int(first.item()), int(second.item())

    def _rewrite(self, stage: Stage, file: DataFile, gone: int) -> Rewrite:
        rows = rows_of(stage.table, file, stage.schema)
        stay = rows.join(self.gone.lazy(), on=PLACE, how="anti")
        if self.told is not None:
            beside = stay.join(self.told.lazy(), on=PLACE, how="left")
            stay = beside.with_columns(pl.coalesce(_BROKEN, RULES).alias(RULES)).drop(_BROKEN)
        expected = file.rows - gone
        batch_rows = self.settings.batch_rows
        return without_some(stage, file, stay, expected=expected, batch_rows=batch_rows)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of replays: their rows leave, and the catalog hears of it."""

    product: ProductId
    lake: Lake
    catalog: Catalog
    settings: PublishingSettings

    def of_the_dead(self) -> tuple[QuarantineEvent, ...]:
        """End replays that published their rows and died before these had left."""
        quarantine, published = self.lake.quarantine(self.product), self.lake.table(self.product)
        snapshot = published.find()
        if snapshot is None or not quarantine.exists():
            return ()
        found = []
        for plan in landed_plans(quarantine, snapshot):
            receipt = first_receipt(snapshot, plan.event.id)
            if receipt is not None:
                self.catalog.record(receipt)
                plan = replace(plan, event=_landed(plan.event, receipt.table_version))  # noqa: PLW2901 -- the same plan, as it landed
            found.append(self.of(plan))
        return tuple(found)

    def of(self, plan: ReplayPlan, told: pl.DataFrame | None = None) -> QuarantineEvent:
        """Let the rows of a replay leave, and tell rules anew of rows that stay."""
        quarantine = self.lake.quarantine(self.product)
        leaving = Leaving(quarantine, self.settings, places_of(plan.rows), told)
        event = leaving.run(plan.event) or plan.event
        self.catalog.record_quarantine_events([event])
        forget_plan(quarantine, plan.event.id)
        return event


def _landed(event: QuarantineEvent, version: int) -> QuarantineEvent:
    return replace(event, content={**event.content, "table_version": version})


def _said(event: QuarantineEvent | None) -> Mapping[str, str]:
    if event is not None:
        return {EVENT_KEY: json.dumps(event.as_json())}
    return {UPKEEP_KEY: json.dumps({"action": "tell rules anew"})}
