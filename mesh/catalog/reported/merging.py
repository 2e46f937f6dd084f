"""Facets and states of several events as one, the same whatever order the events come in.

Owns which event wins: for each facet the latest by its own time, and of two at the same time the
one with the greater id. For a run the furthest state: one that was completed after all, by a retry
under the same id, is complete. A run that goes by several jobs' names keeps them all. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mesh.catalog.reported.event import Facets, ReportedEvent

Kept = Mapping[str, Mapping[str, Any]]
"""Facets by name, each as `{"at": time, "by": event, "is": facet}`; a deleted facet is None."""

_RANKS = {"OTHER": 0, "START": 1, "RUNNING": 2, "ABORT": 3, "FAIL": 4, "COMPLETE": 5}
_FIRST_END = _RANKS["ABORT"]


def merged(kept: Kept, facets: Facets, event: ReportedEvent) -> Kept:
    """What is kept, with the facets of one more event; the same object when nothing changes."""
    at = event.time.isoformat(timespec="microseconds")
    new: dict[str, Mapping[str, Any]] = {}
    for name, facet in facets.items():
        before = kept.get(name)
        if before is None or (before["at"], before["by"]) < (at, event.id):
            is_gone = isinstance(facet, Mapping) and facet.get("_deleted") is True
            new[name] = {"at": at, "by": event.id, "is": None if is_gone else facet}
    return {**kept, **new} if new else kept


def facets_of(kept: Kept) -> dict[str, Any]:
    """The facets as they are now."""
    return {name: told["is"] for name, told in kept.items() if told["is"] is not None}


def facet(kept: Kept, name: str) -> Mapping[str, Any]:
    """One facet; empty when there is none, or it is no object."""
    found = kept.get(name, {}).get("is")
    return found if isinstance(found, Mapping) else {}


def with_jobs(kept: Kept, jobs: Collection[str]) -> Kept:
    """A run's facets, with the jobs by whose names it was reported, where these are several.

    Each is kept as a facet that is deleted, and of a time after all others: nobody is told of it,
    and no producer's facet takes its place.
    """
    if len(jobs) < 2:  # noqa: PLR2004 -- the row itself has one
        return kept
    return {**kept, **{f"job@{j}": {"at": "~", "by": "", "is": None, "job": j} for j in jobs}}


def jobs_in(kept: Kept) -> set[str]:
    """The jobs that `with_jobs` put in."""
    return {told["job"] for told in kept.values() if "job" in told}


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands. Times are UTC; None where no event told."""

    state: str = "OTHER"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    last_event_at: datetime | None = None

    def after(self, event: ReportedEvent) -> RunState:
        """The state with one more event."""
        started, time = self.started_at, event.time
        if event.state == "START":
            started = time if started is None else min(started, time)
        state, ended = self.state, self.ended_at
        rank, known = _RANKS[event.state], _RANKS[state]
        if rank > known:
            state, ended = event.state, time if rank >= _FIRST_END else None
        elif rank == known and ended is not None:
            ended = max(ended, time)
        latest = time if self.last_event_at is None else max(self.last_event_at, time)
        return RunState(state, started, ended, latest)
