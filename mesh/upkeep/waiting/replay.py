"""Rows that waited and pass by now: published, once, and then out of quarantine.

Owns the order in which a replay can be cut short anywhere and done again. What is about to be
replayed is noted first; the publication's identity is made of exactly those rows; they leave
quarantine after it has landed. A replay that died in between is ended by whoever comes next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from mesh.catalog.model import Leaving as Way
from mesh.catalog.model import QuarantineEvent
from mesh.catalog.quarantine_in_lake import ReplayPlan, keep_plan
from mesh.catalog.receipts import InputVersion, Receipt, Refusal, ReplayedRows, publication_id
from mesh.catalog.receipts import Replay as Origin
from mesh.catalog.store import Catalog
from mesh.errors import CommitConflictError, NotPublishedError
from mesh.lake import Lake
from mesh.products.declaration import DataProduct
from mesh.products.modes import Append, Overwrite, ReplacePartitions, SlowlyChanging, Upsert
from mesh.products.ports import Refuse
from mesh.publishing import publish
from mesh.publishing.landing import wait
from mesh.publishing.replaying import Replaying
from mesh.publishing.set_parts import References
from mesh.reading import referenced_values
from mesh.reading.waiting import PLACE, PUBLICATION, Waiting, waiting_rows
from mesh.settings import PublishingSettings
from mesh.upkeep.waiting.choice import RULES, RUN, Choice, by_rule, by_value, stretches
from mesh.upkeep.waiting.leaving import Ending, Leaving
from mesh.upkeep.waiting.sorting import BROKEN, Sorted, Sorting
from mesh.upkeep.waiting.standing import Standing
from mesh.upkeep.waiting.whole import broken_as_a_whole

_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What became of the rows that were chosen.

    `receipt` tells of those that were published, `refusal` why none was although rows pass by
    themselves; both are None when no row passes. `stayed` counts rows that still wait, by the rule
    that they break now; a row may break several. `ended` are replays that had died earlier.
    """

    chosen: int = 0
    receipt: Receipt | None = None
    refusal: Refusal | None = None
    stayed: int = 0
    stayed_by_rule: Mapping[str, int] = field(default_factory=dict)
    ended: tuple[QuarantineEvent, ...] = ()

    @property
    def replayed(self) -> int:
        """How many rows were published."""
        return self.receipt.rows_accepted if self.receipt is not None else 0

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "chosen": self.chosen,
            "replayed": self.replayed,
            "stayed": self.stayed,
            "stayed_by_rule": dict(self.stayed_by_rule),
            "receipt": self.receipt.as_json() if self.receipt else None,
            "refusal": self.refusal.as_json() if self.refusal else None,
            "ended": [event.as_json() for event in self.ended],
        }


@dataclass(frozen=True, slots=True)
class Replay:
    """The replay of rows of one product, under the contract that it has now."""

    product: DataProduct
    lake: Lake
    catalog: Catalog
    settings: PublishingSettings
    by: str = ""

    def apply(self, choice: Choice) -> ReplayOutcome:
        """Publish the chosen rows that pass.

        Raises DefinitionError when columns of rows that wait are not the contract's any more,
        NotPublishedError, and CommitConflictError when others kept publishing.
        """
        ended: tuple[QuarantineEvent, ...] = ()
        for attempt in range(_ATTEMPTS):
            ended += self._ending.of_the_dead()
            try:
                return replace(self._attempt(choice), ended=ended)
            except CommitConflictError:
                if attempt == _ATTEMPTS - 1:
                    raise
            wait(attempt)
        raise AssertionError

    @property
    def _ending(self) -> Ending:
        return Ending(self.product.id, self.lake, self.catalog, self.settings)

    def _attempt(self, choice: Choice) -> ReplayOutcome:
        waiting = waiting_rows(self.product.id, self.lake)
        if waiting is None:
            if self.lake.table(self.product.id).exists():
                return ReplayOutcome()
            hint = f"`mesh run {self.product.id}` first"
            raise NotPublishedError(f"{self.product.id} is not published yet", hint=hint)
        rules = self.product.contract.rules
        rows = choice.of(waiting, rules, str(self.product.id)).collect(engine="streaming")
        if rows.is_empty():
            return ReplayOutcome()
        references, referenced = referenced_values(self.product.contract, self.lake, {})
        standing = Standing(self.product, waiting.published)
        found = Sorting(self.product, references, self.settings).sorted(rows, standing)
        outcome = ReplayOutcome(
            chosen=rows.height,
            stayed=found.broken.height,
            stayed_by_rule=by_rule(found.broken[BROKEN]),
        )
        if found.passing.is_empty():
            Leaving(waiting.quarantine.table, self.settings, told=_told(found, rows)).run()
            return outcome
        plan = self._plan(found.passing, waiting, choice)
        made = self._publish(plan, found.passing, waiting, (references, referenced))
        if isinstance(made, Refusal):
            self.catalog.record_refusal(made.for_everyone(self.product.contract))
            return replace(outcome, refusal=made, stayed=rows.height)
        self.catalog.record(made)
        self._ending.of(_landed(plan, made), _told(found, rows))
        return replace(outcome, receipt=made)

    def _plan(self, passing: pl.DataFrame, waiting: Waiting, choice: Choice) -> ReplayPlan:
        """What is replayed, under an identity that the same rows always have."""
        rows = stretches(passing)
        run_id = f"replay-{hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]}"
        content = {
            "run_id": run_id,
            "rules": by_rule(passing[RULES]),
            "runs": by_value(passing, RUN),
            "asked": choice.as_json(),
            "contract_version": str(self.product.contract.version),
            "quarantine_version": waiting.quarantine.version,
        }
        event = QuarantineEvent(
            id=publication_id(str(self.product.id), run_id),
            product=str(self.product.id),
            action=Way.REPLAYED,
            at=datetime.now(UTC),
            by=self.by,
            why="",
            rows=passing.height,
            content=content,
        )
        return ReplayPlan(event, rows)

    def _publish(
        self,
        plan: ReplayPlan,
        passing: pl.DataFrame,
        waiting: Waiting,
        looked_at: tuple[References, Sequence[InputVersion]],
    ) -> Receipt | Refusal:
        names = self.product.contract.column_names
        references, referenced = looked_at
        if self._is_whole:
            verdict = broken_as_a_whole(
                self.product, waiting.published, passing.select(names), self.settings
            )
            if verdict is not None:
                return _refusal(plan, self.product, verdict)
        keep_plan(waiting.quarantine.table, plan)
        return publish(
            self._as_replayed(),
            passing.select(names),
            lake=self.lake,
            run_id=plan.event.content["run_id"],
            inputs=referenced,
            references=references,
            replaying=Replaying(
                quarantine=waiting.quarantine.table,
                seen=waiting.published.version,
                replay=Origin(waiting.quarantine.version, _sources(passing), self.by),
            ),
            settings=self.settings,
        )

    @property
    def _is_whole(self) -> bool:
        """Whether rules on the whole are about the table, rather than about each publication."""
        return isinstance(self.product.write, Overwrite | ReplacePartitions)

    def _as_replayed(self) -> DataProduct:
        """The product as its replayed rows are written: nothing that is there goes."""
        write = self.product.write
        if isinstance(write, Upsert | SlowlyChanging):  # what says that a row deletes is not kept
            return replace(
                self.product, write=replace(write, delete_when=None), on_violation=Refuse()
            )
        return replace(self.product, write=Append(), on_violation=Refuse())


def _sources(passing: pl.DataFrame) -> tuple[ReplayedRows, ...]:
    counted = passing.group_by(PUBLICATION, RUN).len().sort(PUBLICATION, RUN)
    return tuple(ReplayedRows(*row) for row in counted.iter_rows())


def _told(found: Sorted, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that stay and break other rules now than they did."""
    before = rows.select(*PLACE, RULES)
    both = found.broken.join(before, on=PLACE)
    is_same = pl.col(BROKEN).list.sort() == pl.col(RULES).list.sort()
    return both.filter(~is_same).select(*PLACE, BROKEN)


def _landed(plan: ReplayPlan, receipt: Receipt) -> ReplayPlan:
    content = {**plan.event.content, "table_version": receipt.table_version}
    return replace(plan, event=replace(plan.event, content=content))


def _refusal(plan: ReplayPlan, product: DataProduct, verdict: Any) -> Refusal:
    return Refusal(
        publication_id=plan.event.id,
        product=str(product.id),
        contract_version=str(product.contract.version),
        run_id=plan.event.content["run_id"],
        partition="",
        refused_at=plan.event.at,
        verdict=verdict,
    )
