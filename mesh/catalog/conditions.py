"""How a product fares: whether it is as fresh as promised, and what its data was last found to be.

Owns these two judgements, from receipts and refusals as values, and the times that they depend on.
Asks no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from mesh.contracts.model import Severity
from mesh.contracts.verdict import Outcome


class FreshnessState(StrEnum):
    """Whether the last publication is as young as promised; `unknown` where nothing is promised."""

    FRESH = "fresh"
    LATE = "late"
    UNKNOWN = "unknown"


class QualityState(StrEnum):
    """What became of the latest attempt to publish.

    `rejected` when rows wait in quarantine, `warned` when only warnings were broken.
    """

    PASSED = "passed"
    WARNED = "warned"
    REJECTED = "rejected rows"
    REFUSED = "refused"
    UNPUBLISHED = "unpublished"


NEVER = 0
"""When freshness was due of what was never published."""


def due(published_at: datetime | None, promised: timedelta | None) -> int | None:
    """Until when it is as young as promised, in seconds since 1970; None without a promise."""
    if promised is None:
        return None
    return int((published_at + promised).timestamp()) if published_at is not None else NEVER


def freshness_state(due_at: int | None, now: datetime) -> FreshnessState:
    """How fresh it is now, by when it was due. What was never published is late."""
    if due_at is None:
        return FreshnessState.UNKNOWN
    return FreshnessState.FRESH if now.timestamp() <= due_at else FreshnessState.LATE


def quality_state(
    published_at: datetime | None,
    refused_at: datetime | None,
    *,
    rejected: int = 0,
    tallies: Iterable[tuple[Severity, Outcome]] = (),
) -> QualityState:
    """What the latest receipt or refusal says; `rejected` and `tallies` are the receipt's."""
    if refused_at is not None and (published_at is None or refused_at > published_at):
        return QualityState.REFUSED
    if published_at is None:
        return QualityState.UNPUBLISHED
    if rejected:
        return QualityState.REJECTED
    has_warned = (Severity.WARNING, Outcome.FAILED) in set(tallies)
    return QualityState.WARNED if has_warned else QualityState.PASSED
