"""What left quarantine, and what is about to, as the lake keeps it beside the rejected rows.

Owns the files below `_mesh/` of a quarantine. An event is written before the commit that lets rows
leave, and counts once that has landed. A plan names the rows of a replay, never their values, from
before they are published until they have left: a replay that died in between is found by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from mesh.catalog.model import QuarantineEvent
from mesh.catalog.receipts import transaction_of
from mesh.lake import Snapshot, Table

EVENT_KEY = "mesh.left"
"""Key in a commit's metadata of a quarantine that says how rows left."""
EVENTS_FOLDER = "_mesh/left"
PLANS_FOLDER = "_mesh/replays"
Rows = Mapping[str, Sequence[tuple[int, int]]]
"""Rows by the publication that rejected them: first and last position of each stretch."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """The rows that one publication is to replay, and what is to be said once they have left."""

    event: QuarantineEvent
    rows: Rows

    @property
    def transaction(self) -> str:
        """The identity under which they land in the product's table, once."""
        return transaction_of(self.event.id)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values."""
        rows = {name: [list(stretch) for stretch in found] for name, found in self.rows.items()}
        return {"event": self.event.as_json(), "rows": rows}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        found = {
            name: [(first, last) for first, last in stretches]
            for name, stretches in data["rows"].items()
        }
        return cls(QuarantineEvent.from_json(data["event"]), found)


def leaving_transaction(event: str) -> str:
    """The identity under which rows leave the quarantine, once."""
    return f"mesh:left:{event}"


def keep_plan(quarantine: Table, plan: ReplayPlan) -> None:
    """Note what is about to be replayed. The same again changes nothing."""
    quarantine.store.put_once(_plan_path(plan.event.id), json.dumps(plan.as_json()).encode())


def forget_plan(quarantine: Table, event: str) -> None:
    """Its rows have left."""
    quarantine.store.delete([_plan_path(event)])


def plans_in(quarantine: Table) -> list[ReplayPlan]:
    """Replays that have begun, and of which nobody has said that they are over."""
    return [ReplayPlan.from_json(data) for data in _json_below(quarantine, PLANS_FOLDER)]


def landed_plans(quarantine: Table, published: Snapshot) -> list[ReplayPlan]:
    """Replays whose rows are in the product's table, and may still be in quarantine, too."""
    return [plan for plan in plans_in(quarantine) if published.has_transaction(plan.transaction)]


def keep_event(quarantine: Table, event: QuarantineEvent) -> None:
    """Write down how rows are about to leave."""
    text = json.dumps(event.as_json(), indent=1)
    quarantine.store.replace(f"{EVENTS_FOLDER}/{event.id}.json", text.encode())


def events_in(quarantine: Table) -> Iterator[QuarantineEvent]:
    """How rows have left, of those events whose commit has landed."""
    written = [QuarantineEvent.from_json(data) for data in _json_below(quarantine, EVENTS_FOLDER)]
    snapshot = quarantine.find() if written else None
    for event in written:
        if snapshot is not None and snapshot.has_transaction(leaving_transaction(event.id)):
            yield event


def _plan_path(event: str) -> str:
    return f"{PLANS_FOLDER}/{event}.json"


def _json_below(table: Table, folder: str) -> Iterator[dict[str, Any]]:
    for file in list(table.store.list(folder)):
        if not file.path.endswith(".json"):
            continue
        found = table.store.find(file.path)  # another replay may just have ended
        if found is not None:
            yield json.loads(found.data)
