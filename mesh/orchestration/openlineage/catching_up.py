"""What no run is there to do about events: dead runs ended, queues emptied, old ones removed.

Owns one pass over it, for `mesh catalog deliver` and for daily upkeep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.catalog.deliveries import Waiting
from mesh.orchestration.openlineage.delivering import Delivered, Tries, deliver
from mesh.orchestration.openlineage.facets import PRODUCER
from mesh.orchestration.openlineage.receivers import receivers_of
from mesh.orchestration.openlineage.unended import end_dead_runs
from mesh.orchestration.workspace import Workspace
from mesh.products.ports import parse_duration


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What a pass did. `waiting` are the queues that are not empty after it."""

    ended: int
    delivered: tuple[Delivered, ...]
    removed: int
    waiting: tuple[Waiting, ...]

    def as_json(self) -> dict[str, Any]:
        """The pass as plain values."""
        return {
            "runs_ended": self.ended,
            "delivered": [
                {"receiver": d.receiver, "sent": d.sent, "set_aside": d.set_aside, "error": d.error}
                for d in self.delivered
            ],
            "events_removed": self.removed,
            "waiting": [item.as_json() for item in self.waiting],
        }


def catch_up(workspace: Workspace, *, again: bool = False) -> CaughtUp:
    """Deliver what waits, whether or not its next try is due. Raises CatalogError.

    `again` tries what was set aside, too.
    """
    settings, catalog = workspace.settings.openlineage, workspace.catalog
    ended = end_dead_runs(workspace)
    if again:
        catalog.deliveries.again()
    tries = Tries(settings.refusals, is_due=lambda _: True)
    delivered = tuple(
        deliver(catalog.deliveries, receiver, tries, lambda: True)
        for receiver in receivers_of(workspace.settings)
    )
    before = datetime.now(UTC) - parse_duration(settings.keep_for)
    removed = catalog.emissions.prune(before, PRODUCER)
    return CaughtUp(ended, delivered, removed, tuple(catalog.deliveries.waiting()))
