"""How two profiles of a product differ, column by column.

Owns what counts as a drift. Tells numbers, and gives no verdict: whether a change is bad is a
matter of rules.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mesh.contracts.profiling.profile import ColumnProfile, Profile


@dataclass(frozen=True, slots=True)
class Drift:
    """One column now and before.

    Nulls in percentage points of the rows, distinct values relative to those before, the mean in
    standard deviations of before. None where there is nothing to compare with.
    """

    column: str
    null_points: float | None = None
    distinct_change: float | None = None
    mean_change: float | None = None

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def drifts(now: Profile, before: Profile) -> tuple[Drift, ...]:
    """Every column of now beside before, in the order of now."""
    return tuple(_drift(column, now, before) for column in now.columns)


def _drift(column: ColumnProfile, now: Profile, before: Profile) -> Drift:
    earlier = before.column(column.name)
    if earlier is None or earlier.type != column.type:
        return Drift(column.name)
    return Drift(
        column.name,
        null_points=100 * (now.null_share(column) - before.null_share(earlier)),
        distinct_change=_relative(column.distinct, earlier.distinct),
        mean_change=_in_deviations(column, earlier),
    )


def _relative(now: int | None, before: int | None) -> float | None:
    if now is None or not before:
        return None
    return now / before - 1


def _in_deviations(now: ColumnProfile, before: ColumnProfile) -> float | None:
    if now.mean is None or before.mean is None or not before.stddev:
        return None
    return (now.mean - before.mean) / before.stddev
