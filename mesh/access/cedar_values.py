"""Cedar's values as Python has them: how they are written, and what their arithmetic gives.

Owns the forms in Cedar's JSON and in people's words, and Cedar's limits: whole numbers of 64 bits,
decimals of four places, moments and durations in milliseconds. Knows no rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

LOWEST, HIGHEST = -(2**63), 2**63 - 1
DAY = 86_400_000
"""Milliseconds of a day."""
_DECIMAL = re.compile(r"(-?)(\d+)\.(\d{1,4})", re.ASCII)
_DURATION = re.compile(
    r"(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(\.\d{3})?(?:Z|([+-])(\d\d)(\d\d)))?", re.ASCII
)
_UNITS = (DAY, 3_600_000, 60_000, 1_000, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOURS, _MINUTES = 24, 60


class Kind(StrEnum):
    """Kinds of Cedar's values. `nothing` is that of an expression that always fails."""

    NOTHING = "nothing"
    BOOL = "flag"
    LONG = "number"
    STRING = "text"
    DECIMAL = "decimal"
    DATETIME = "moment"
    DURATION = "duration"
    ENTITY = "entity"
    SET = "set"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Uid:
    """What names an entity."""

    type: str
    id: str

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Uid:
        """From Cedar's JSON."""
        return cls(told["type"], told["id"])

    def __str__(self) -> str:
        """As Cedar writes it."""
        return f"{self.type}::{json.dumps(self.id)}"


def is_long(value: int) -> bool:
    """Whether Cedar can hold a number."""
    return LOWEST <= value <= HIGHEST


def parsed(kind: str, text: str) -> int | None:
    """What a constructor such as `decimal` makes of a text; None when it fails.

    Decimals are ten-thousandths, moments milliseconds since 1970, durations milliseconds.
    """
    found = _PARSERS[kind](text)
    return found if found is not None and is_long(found) else None


def _decimal(text: str) -> int | None:
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    value = int(match[2] + match[3].ljust(4, "0"))
    return -value if match[1] else value


def _duration(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()[1:]):
        return None
    parts = [int(part or 0) for part in match.groups()[1:]]
    value = sum(part * unit for part, unit in zip(parts, _UNITS, strict=True))
    return -value if match[1] else value


def _datetime(text: str) -> int | None:
    match = _DATETIME.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, sign, hours, minutes = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time or '00:00:00'}{fraction or ''}+00:00")
    except ValueError:
        return None
    if sign and (int(hours) >= _HOURS or int(minutes) >= _MINUTES):
        return None
    shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) // timedelta(milliseconds=1)
    value = (moment - _EPOCH) // timedelta(milliseconds=1)
    return value + shift if sign == "-" else value - shift


_PARSERS = {"decimal": _decimal, "duration": _duration, "datetime": _datetime}
EXTENSIONS = {"decimal": Kind.DECIMAL, "datetime": Kind.DATETIME, "duration": Kind.DURATION}


def literal(kind: Kind, value: Any) -> str:
    """A plain value as people read it, and no other value of any kind."""
    if kind is Kind.STRING:
        return json.dumps(value, ensure_ascii=False)
    if kind is Kind.BOOL:
        return "true" if value else "false"
    if kind is Kind.DECIMAL:
        whole, rest = divmod(abs(value), 10_000)
        return f"{'-' if value < 0 else ''}{whole}.{rest:04}"
    if kind is Kind.DATETIME:
        try:
            moment = _EPOCH + timedelta(milliseconds=value)
        except OverflowError:
            return f"moment({value})"
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{value}ms" if kind is Kind.DURATION else str(value)
