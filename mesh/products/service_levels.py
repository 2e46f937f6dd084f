"""Service levels of a contract's document, measured by when its product was published.

Owns how often (`frequency`) and by what time of day (`timeOfAvailability`) are measured; `latency`
and `retention` become the product's own. Asks no clock: whoever measures says when it is. What no
publication tells of is unknown, and told as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Any

from mesh.contracts.evolution.document import seconds_of
from mesh.contracts.model import Contract

_DAY = timedelta(days=1)
_TIME = re.compile(
    r"(?P<clock>(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)\s*(?P<zone>Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?"
)
_ELSEWHERE = frozenset({"latency", "freshness", "retention"})


class State(StrEnum):
    """Whether a level is kept now."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Measured:
    """One service level: what is promised, whether it is kept, and what tells so."""

    property: str
    promised: str
    state: State
    told: str

    def as_json(self) -> dict[str, Any]:
        """The level as plain values."""
        return {**asdict(self), "state": str(self.state)}


def measured(
    contract: Contract, published: Sequence[datetime], now: datetime
) -> tuple[Measured, ...]:
    """The levels of a contract's document, by its product's publications (any order, with zones).

    Times are compared as moments; a publication that is ahead of `now` counts as of now.
    """
    times = sorted(min(moment, now) for moment in published)
    return tuple(_measured(level, times, now) for level in _levels(contract))


def _levels(contract: Contract) -> Iterator[Mapping[str, Any]]:
    """The levels of the contract's own table that are not the product's otherwise."""
    found = contract.document.get("slaProperties")
    for level in found if isinstance(found, list) else ():
        table, dot, _ = str(level.get("element") or "").partition(".")
        is_own = not dot or table == contract.table
        if is_own and str(level.get("property", "")).lower() not in _ELSEWHERE:
            yield level


def _measured(level: Mapping[str, Any], times: Sequence[datetime], now: datetime) -> Measured:
    name = str(level.get("property", ""))
    promised = f"{level.get('value')} {level.get('unit') or ''}".strip()
    measure = {"frequency": _frequency, "timeofavailability": _time_of_day}.get(name.lower())
    state, told = (
        measure(level, times, now)
        if measure is not None
        else (State.UNKNOWN, "nothing that Mesh sees tells of it")
    )
    return Measured(name, promised, state, told)


def _frequency(
    level: Mapping[str, Any], times: Sequence[datetime], now: datetime
) -> tuple[State, str]:
    """Published in the last period."""
    seconds = seconds_of(level)
    try:
        period = timedelta(seconds=seconds) if seconds is not None else None
    except (ValueError, OverflowError):
        period = None
    if period is None or period <= timedelta():
        return State.UNKNOWN, "it is no time in minutes, hours, days or the like"
    if not times:
        return State.MISSED, "it was never published"
    is_met = now - times[-1] <= period
    return State.MET if is_met else State.MISSED, f"last published {_moment(times[-1])}"


def _time_of_day(
    level: Mapping[str, Any], times: Sequence[datetime], now: datetime
) -> tuple[State, str]:
    """Published on the day before each such time: the latest that is over is looked at."""
    match = _TIME.fullmatch(str(level.get("value", "")).strip())
    if match is None:
        return State.UNKNOWN, "it is no time of day such as 09:00-08:00"
    hours, minutes, seconds = (int(part) for part in f"{match['clock']}:0".split(":")[:3])
    clock = time(hours, minutes, seconds)
    due = _last_due(clock, match["zone"] or "Z", now)
    if not times or times[0] > due:
        return State.UNKNOWN, f"it was not published before {_moment(due)}"
    before = [moment for moment in times if moment <= due]
    is_met = due - before[-1] <= _DAY
    told = f"for {_moment(due)}, published {_moment(before[-1])}"
    return State.MET if is_met else State.MISSED, told


def _last_due(clock: time, zone: str, now: datetime) -> datetime:
    offset = UTC if zone == "Z" else timezone(_offset(zone))
    due = datetime.combine(now.astimezone(offset).date(), clock, offset)
    return due if due <= now else due - _DAY


def _offset(zone: str) -> timedelta:
    digits = zone[1:].replace(":", "")
    found = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -found if zone[0] == "-" else found


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
