"""How long a product keeps what: its rows by a column, or its versions.

Owns the words of retention, as the Open Data Contract Standard has them among its service levels:
a value, a unit and an element.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_PERIOD = re.compile(r"(?P<count>[1-9]\d{0,3})\s*(?P<unit>d|w|mo|y)")
_MONTHS = {"mo": 1, "y": 12}
_LAST_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long something is kept: `90d`, `6w`, `18mo`, `3y`.

    With a `column`, a date or a time, rows that are older by it are removed from the product, and
    rows in quarantine that were rejected longer ago. Without, rows stay, and versions of the table
    are kept for as long after they were replaced.
    """

    period: str
    column: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not a period."""
        if _PERIOD.fullmatch(self.period) is None:
            message = f"{self.period!r} is not a period such as 90d, 6w, 18mo or 3y"
            raise ValueError(message)

    def cutoff(self, now: datetime) -> datetime:
        """The moment before which is too old. Months and years go by the calendar."""
        count, unit = self._parts
        if unit not in _MONTHS:
            return now - timedelta(days=count * (7 if unit == "w" else 1))
        months = now.year * 12 + now.month - 1 - count * _MONTHS[unit]
        if months < 12:  # noqa: PLR2004 -- Python's calendar begins with the year 1
            return datetime.min.replace(tzinfo=now.tzinfo)
        year, month = divmod(months, 12)
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        last = 29 if is_leap and month == 1 else _LAST_DAYS[month]
        return now.replace(year=year, month=month + 1, day=min(now.day, last))

    def as_json(self) -> dict[str, Any]:
        """The service level in the standard's own words."""
        count, unit = self._parts
        level = {"property": "retention", "value": count, "unit": unit}
        return {**level, "element": self.column} if self.column else level

    def __str__(self) -> str:
        """`3y, by ordered_at`."""
        return f"{self.period}, by {self.column}" if self.column else self.period

    @property
    def _parts(self) -> tuple[int, str]:
        match = _PERIOD.fullmatch(self.period)
        if match is None:  # `__post_init__` has refused it
            raise AssertionError
        return int(match["count"]), match["unit"]
