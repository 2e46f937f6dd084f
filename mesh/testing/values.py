"""Values that look right for one column: in its type, and within what its own rules allow.

Owns how ranges, lists of values and multiples become values. What is made is a proposal: the rules
decide. All times of a row lie close together, each a little after the one before it, as times in
real rows do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from mesh.contracts.model import Rule
from mesh.testing.texts import TextColumn

Integers = np.ndarray[tuple[int], np.dtype[np.int64]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MOMENT = int((datetime(2024, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000
_MINUTE, _HOUR, _DAY = 60_000_000, 3_600_000_000, 86_400_000_000
_MOST_CHOICES = 1 << 62
_SPAN = 1_000
_LOWER = ("greater_than", "greater_than_or_equal_to", "in_range")
_UPPER = ("less_than", "less_than_or_equal_to", "in_range")
_NAMING = {"isin": "allowed_values", "unique_values_eq": "values"}


@dataclass(slots=True)
class Clock:
    """The moment that each row is about, in microseconds since 1970; it goes on as it is read."""

    moments: Integers

    @classmethod
    def starting(cls, rng: np.random.Generator, count: int) -> Clock:
        """Full minutes of two years, or of more when there are very many rows."""
        minutes = max(2 * 366 * 24 * 60, 120 * count)
        return cls(_FIRST_MOMENT + rng.integers(0, minutes, count) * _MINUTE)

    def read(self, rng: np.random.Generator) -> Integers:
        """The moments, which then move on by up to three hours."""
        now = self.moments
        self.moments = now + rng.integers(1, 180, len(now)) * _MINUTE
        return now


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column whose values are wanted: its type, and the rules on it alone."""

    name: str
    data_type: pl.DataType
    rules: Sequence[Rule]
    is_distinct: bool
    rng: np.random.Generator
    clock: Clock
    count: int

    def series(self) -> pl.Series:
        """Values, none of them null."""
        named = _named_values(self.rules)
        if named is not None:
            return self._among(pl.Series(self.name, named, dtype=self.data_type, strict=False))
        values = self._values()
        if isinstance(values, pl.Series):
            return values
        return pl.Series(self.name, values, dtype=self.data_type, strict=False)

    def _among(self, values: pl.Series) -> pl.Series:
        known = values.drop_nulls()
        if known.is_empty():
            return pl.Series(self.name, [None] * self.count, dtype=self.data_type)
        return known.gather(self._whole(0, known.len() - 1))

    def _values(self) -> Any:
        kind = self.data_type
        if kind == pl.String:
            moments = self.clock.moments
            return TextColumn(self.name, self.rules, self.is_distinct, self.rng, moments).values()
        if isinstance(kind, pl.List):
            return self._lists(kind)
        if isinstance(kind, pl.Struct):
            return self._structs(kind)
        if kind == pl.Boolean:
            return self.rng.integers(0, 2, self.count).astype(bool)
        if kind == pl.Binary:
            raw = self.rng.bytes(8 * self.count)
            return [raw[8 * row : 8 * row + 8] for row in range(self.count)]
        if kind.is_float():
            return self._floats()
        return self._ordered(kind)

    def _ordered(self, kind: pl.DataType) -> Any:
        """Whole numbers, decimals, dates, times and durations: all are whole numbers of a unit."""
        scale = _unit(kind)
        low, high = self._bounds(scale)
        if isinstance(kind, pl.Date | pl.Datetime):
            numbers = self._moments(low, high, 1 if isinstance(kind, pl.Datetime) else _DAY)
            return (
                pl.Series(self.name, numbers)
                .cast(pl.Int32 if isinstance(kind, pl.Date) else pl.Int64)
                .cast(kind)
            )
        step = _step(self.rules, scale)
        span = self._span
        if isinstance(kind, pl.Duration):
            step = _MINUTE if high is None or low is None or high - low > _MINUTE else 1
        numbers = self._stepped(*_widened(low, high, kind, span, step), step)
        if isinstance(kind, pl.Decimal):
            return [Decimal(int(number)).scaleb(-(kind.scale or 0)) for number in numbers]
        return pl.Series(self.name, numbers, dtype=pl.Int64).cast(kind, strict=False)

    def _moments(self, low: int | None, high: int | None, unit: int) -> Integers:
        numbers = self.clock.read(self.rng) // unit
        if low is None and high is None:
            return numbers
        span = max(365 * _DAY // unit, 2 * self.count)
        first = low if low is not None else (high or 0) - span
        last = high if high is not None else first + span
        is_outside = (numbers < first) | (numbers > last)
        return np.where(is_outside, self._whole(first, last), numbers)

    def _stepped(self, low: int, high: int, step: int) -> Integers:
        first, last = -(-low // step), high // step
        return self._whole(first, max(first, last)) * step

    def _whole(self, low: int, high: int) -> Integers:
        """Numbers from low to high; where there are as few as wanted, each of them comes up."""
        choices = min(high - low + 1, _MOST_CHOICES)
        if choices <= self.count:
            every = np.arange(self.count, dtype=np.int64) % choices
            return low + self.rng.permutation(every)
        return low + self.rng.integers(0, choices, self.count)

    def _floats(self) -> Any:
        low, high = _float_bounds(self.rules, self._span)
        divisor = next((r.arguments["divisor"] for r in self.rules if r.check == "multiple_of"), 0)
        if divisor:
            first, last = math.ceil(low / divisor), math.floor(high / divisor)
            return self._whole(first, max(first, last)) * float(divisor)
        drawn = low + self.rng.random(self.count) * (high - low)
        places = 1 if high - low >= 10 else 3 if high - low >= 1 / 10 else None  # noqa: PLR2004
        return drawn if places is None else np.clip(drawn.round(places), low, high)

    @property
    def _span(self) -> int:
        """How far values lie apart where nothing is said: as far as they need to be different."""
        return max(_SPAN, 10 * self.count) if self.is_distinct else _SPAN

    def _bounds(self, scale: int) -> tuple[int | None, int | None]:
        lows = [_at_least(rule, scale) for rule in self.rules if rule.check in _LOWER]
        highs = [_at_most(rule, scale) for rule in self.rules if rule.check in _UPPER]
        return max(lows, default=None), min(highs, default=None)

    def _lists(self, kind: pl.List) -> list[list[Any]]:
        told = next((r.arguments for r in self.rules if r.check == "item_count"), {})
        least = told.get("at_least")
        most = told.get("at_most")
        least = min(1, most if most is not None else 1) if least is None else least
        most = max(3, least) if most is None else min(most, least + 3)
        sizes = self.rng.integers(least, most + 1, self.count)
        inner = self._inner(self.name, kind.inner, int(sizes.sum())).to_list()
        ends = np.cumsum(sizes)
        made = [inner[end - size : end] for end, size in zip(ends, sizes, strict=True)]
        if any(rule.check == "unique_items" for rule in self.rules):
            return [[v for i, v in enumerate(items) if v not in items[:i]] for items in made]
        return made

    def _structs(self, kind: pl.Struct) -> list[dict[str, Any]]:
        fields = {
            item.name: self._inner(item.name, item.dtype, self.count).to_list()
            for item in kind.fields
        }
        told = next((r.arguments for r in self.rules if r.check == "field_count"), {})
        most = told.get("at_most")
        needed = [r.arguments["fields"] for r in self.rules if r.check == "required_fields"]
        first = {name.split(".")[0] for names in needed for name in names}
        ordered = sorted(fields, key=lambda name: name not in first)
        kept = ordered if most is None else ordered[:most]
        return [
            {name: values[row] if name in kept else None for name, values in fields.items()}
            for row in range(self.count)
        ]

    def _inner(self, name: str, kind: Any, count: int) -> pl.Series:
        inner = kind() if isinstance(kind, type) else kind
        clock = Clock.starting(self.rng, count)
        distinct = any(rule.check == "unique_items" for rule in self.rules)
        return Wanted(name, inner, (), distinct, self.rng, clock, count).series()


def _named_values(rules: Sequence[Rule]) -> list[Any] | None:
    """The values that rules allow; None when none names them."""
    for rule in rules:
        if rule.check == "equal_to":
            return [rule.arguments["value"]]
        if rule.check in _NAMING:
            return sorted(rule.arguments[_NAMING[rule.check]], key=repr)
    return None


def _unit(kind: pl.DataType) -> int:
    return int(10 ** (kind.scale or 0)) if isinstance(kind, pl.Decimal) else 1


def _number(value: Any, scale: int) -> Fraction | float:
    """A bound as a number of units: days, microseconds, or the last place of a decimal."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return Fraction((aware - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, date):
        return Fraction((value - EPOCH.date()).days)
    if isinstance(value, timedelta):
        return Fraction(value // timedelta(microseconds=1))
    if isinstance(value, float) and not math.isfinite(value):
        return value
    return Fraction(value) * scale


def _at_least(rule: Rule, scale: int) -> int:
    bound = _number(rule.arguments["min_value"], scale)
    if not isinstance(bound, Fraction):
        return -_MOST_CHOICES if bound < 0 else _MOST_CHOICES
    is_open = rule.check == "greater_than" or rule.arguments.get("include_min") is False
    return math.floor(bound) + 1 if is_open else math.ceil(bound)


def _at_most(rule: Rule, scale: int) -> int:
    bound = _number(rule.arguments["max_value"], scale)
    if not isinstance(bound, Fraction):
        return -_MOST_CHOICES if bound < 0 else _MOST_CHOICES
    is_open = rule.check == "less_than" or rule.arguments.get("include_max") is False
    return math.ceil(bound) - 1 if is_open else math.floor(bound)


def _step(rules: Sequence[Rule], scale: int) -> int:
    for rule in rules:
        if rule.check == "multiple_of":
            return (Fraction(str(rule.arguments["divisor"])) * scale).numerator
    return 1


def _widened(
    low: int | None, high: int | None, kind: pl.DataType, span: int, step: int
) -> tuple[int, int]:
    """Bounds where there are none: room for different values, within the type."""
    least, most = _limits(kind)
    span *= max(step, _unit(kind))
    if low is None:
        low = 0 if high is None or high > 0 else high - span
    if high is None:
        high = low + span
    return max(low, least), min(high, most)


def _limits(kind: pl.DataType) -> tuple[int, int]:
    if isinstance(kind, pl.Decimal):
        most = min(10 ** (kind.precision or 38) - 1, _MOST_CHOICES)
        return -most, most
    bits = {pl.Int8(): 8, pl.Int16(): 16, pl.Int32(): 32}.get(kind, 63)  # type: ignore[call-overload]
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def _float_bounds(rules: Sequence[Rule], span: float) -> tuple[float, float]:
    lows = [float(r.arguments["min_value"]) for r in rules if r.check in _LOWER]
    highs = [float(r.arguments["max_value"]) for r in rules if r.check in _UPPER]
    low, high = max(lows, default=-math.inf), min(highs, default=math.inf)
    if math.isinf(low):
        low = 0.0 if math.isinf(high) or high > 0 else high - span
    if math.isinf(high):
        high = low + span
    return low, max(low, high)
