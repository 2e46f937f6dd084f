"""The words of a declaration: inputs, bad rows, partitions, how fresh to be.

Ways to write are `products.modes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from mesh.naming import ProductId
from mesh.products.modes import names

_DURATION = re.compile(r"(?P<count>[1-9]\d*)\s*(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Access(StrEnum):
    """Who may ask for a product: its own `private` domain, `protected` by agreement, or anyone."""

    PRIVATE = "private"
    PROTECTED = "protected"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Input:
    """A declared use of another product: which columns, which major, for what purpose.

    Columns left out mean all of them; naming them is kinder to everyone upstream.

    An `incremental` input hands over only what changed since the version that this product last
    published from: the columns, and `_change_type` (`insert`, `update_preimage`,
    `update_postimage`, `delete`), `_commit_version` and `_commit_timestamp`. An `Append` product is
    handed inserts only. The first time, and whenever the change cannot be told or followed, all
    rows are inserts, and the publication replaces what the product had.

    `expects` is what this consumer counts on beyond the contract, by column, or of the whole with
    `*`: `{"wind_speed_mph": {"max_null_share": 0.05}, "*": {"min_rows": 1_000}}`. Words of a column
    are `max_null_share`, `min`, `max`, `isin`, `unique` and `max_age` of its latest date or time;
    of the whole `min_rows`, `max_rows` and `published_within`; `severity` is `error` or `warning`.
    They are measured before each run on the pinned version, all of it, also of an incremental
    input. An unmet one refuses the publication, and `mesh show` tells it to the input's producer.
    """

    product: str
    columns: Sequence[str] | None = None
    purpose: str = ""
    incremental: bool = False
    expects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Accept one column's name as well as a list."""
        if self.columns is not None:
            object.__setattr__(self, "columns", names(self.columns))

    @property
    def id(self) -> ProductId:
        """The product's name. Raises InvalidNameError."""
        return ProductId.parse(self.product)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Publish nothing when any row breaks a rule of severity error."""

    @property
    def tolerance(self) -> float:
        """The share of rows that may be rejected."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Keep rows that break a rule beside the product, up to a share of all rows in [0, 1]."""

    tolerance: float

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 <= self.tolerance <= 1:
            message = f"tolerance {self.tolerance} is not a share between 0 and 1"
            raise ValueError(message)


OnViolation = Refuse | Quarantine


@dataclass(frozen=True, slots=True)
class MonthlyPartitions:
    """One partition a month, `2013-01`, from `start` to `end` (inclusive).

    Without an end, the last one is the last month that is over, in UTC.
    """

    start: str
    end: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a month, and an end before the start."""
        _refuse_reversed(_month(self.start), _month(self.end or self.start))

    def keys(self, today: date | None = None) -> tuple[str, ...]:
        """The partitions' keys, oldest first. `today` is the UTC date unless given."""
        now = today or datetime.now(UTC).date()
        first = _month(self.start)
        last = _month(self.end) if self.end else (now.replace(day=1) - timedelta(days=1))
        months = range(first.year * 12 + first.month, last.year * 12 + last.month + 1)
        return tuple(f"{(n - 1) // 12:04}-{(n - 1) % 12 + 1:02}" for n in months)


@dataclass(frozen=True, slots=True)
class DailyPartitions:
    """One partition a day, `2013-01-31`, from `start` to `end` (inclusive).

    Without an end, the last one is yesterday, in UTC.
    """

    start: str
    end: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is not a date, and an end before the start."""
        _refuse_reversed(_day(self.start), _day(self.end or self.start))

    def keys(self, today: date | None = None) -> tuple[str, ...]:
        """The partitions' keys, oldest first. `today` is the UTC date unless given."""
        now = today or datetime.now(UTC).date()
        first = _day(self.start)
        last = _day(self.end) if self.end else now - timedelta(days=1)
        days = range((last - first).days + 1)
        return tuple((first + timedelta(days=n)).isoformat() for n in days)


@dataclass(frozen=True, slots=True)
class StaticPartitions:
    """Partitions by name, such as one a country."""

    names: Sequence[str]

    def __post_init__(self) -> None:
        """Refuse names that are missing, repeated or empty."""
        object.__setattr__(self, "names", names(self.names))
        if not self.names or len(set(self.names)) != len(self.names) or not all(self.names):
            message = f"partitions {list(self.names)} are not a list of different names"
            raise ValueError(message)

    def keys(self, today: date | None = None) -> tuple[str, ...]:  # noqa: ARG002 -- as the others
        """The partitions' keys, as declared."""
        return tuple(self.names)


Partitions = MonthlyPartitions | DailyPartitions | StaticPartitions


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the last publication may be: `30m`, `12h`, `1d`, `2w`."""

    within: str

    def __post_init__(self) -> None:
        """Refuse what is not a duration."""
        parse_duration(self.within)

    @property
    def duration(self) -> timedelta:
        """The same as a timedelta."""
        return parse_duration(self.within)


def parse_duration(text: str) -> timedelta:
    """Read `30m`, `12h`, `1d` or `2w`. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        message = f"{text!r} is not a duration such as 30m, 12h, 1d or 2w"
        raise ValueError(message)
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError as error:
        message = f"{text!r} is not a month such as 2013-01"
        raise ValueError(message) from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is not a date such as 2013-01-31"
        raise ValueError(message) from error


def _refuse_reversed(first: date, last: date) -> None:
    if last < first:
        message = f"partitions end at {last}, before they start at {first}"
        raise ValueError(message)
