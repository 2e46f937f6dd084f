"""Moments as clients write them, and the versions of a table that they mean.

Owns what is understood as a moment. Times without a zone are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from mesh.errors import NotPublishedError
from mesh.lake import Snapshot
from mesh.lake import moments as lake
from mesh.serving.sharing.refusing import RefusedError

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{1,2}-\d{1,2})(?:[T ](?P<time>\d{1,2}:\d{1,2}:\d{1,2})"
    r"(?:\.(?P<part>\d{1,9}))?\s?(?P<zone>Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_LONGEST = 40


def moment_of(text: str) -> datetime:
    """A moment in any of the protocol's forms, in UTC. Raises RefusedError."""
    match = _FORM.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    form = "2026-01-31T12:00:00Z or 2026-01-31 12:00:00"
    if match is None:
        raise RefusedError(400, f"{text[:_LONGEST]!r} is no timestamp: write {form}")
    zone = (match["zone"] or "Z").replace("Z", "+0000").replace(":", "")
    told = f"{match['date']} {match['time'] or '00:00:00'} {zone}"
    try:
        found = datetime.strptime(told, "%Y-%m-%d %H:%M:%S %z")
        part = int((match["part"] or "0").ljust(6, "0")[:6])
        return found.replace(microsecond=part).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(400, f"{text!r} is no moment that there was: write {form}") from None


def version_at(latest: Snapshot, text: str) -> int:
    """The version that a table had at a moment. Raises RefusedError."""
    return _found(lake.version_at, latest, text)


def version_from(latest: Snapshot, text: str) -> int:
    """The first version of a moment or after. Raises RefusedError."""
    return _found(lake.version_from, latest, text)


def _found(search: Callable[..., int], latest: Snapshot, text: str) -> int:
    try:
        return search(latest.table, moment_of(text), latest=latest.version)
    except NotPublishedError as error:
        raise RefusedError(400, error.what) from error
