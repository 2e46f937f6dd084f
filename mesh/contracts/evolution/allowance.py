"""What a rule allows, as sets that can be compared: ranges, values, and texts that nobody can read.

Owns the meaning of arguments: that `ge=0, lt=254` is less than `ge=0, le=300`, whichever checks say
so. A rule whose arguments have no order (a pattern, a query, a function) is opaque: it is the same,
or it is another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from mesh.contracts.model import Rule


class Relation(StrEnum):
    """How what is allowed now stands to what was allowed before."""

    SAME = "same"
    TIGHTER = "tighter"
    LOOSER = "looser"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Interval:
    """Values between two ends, or, when `is_outside`, the others; an end of None is open."""

    low: Any = None
    high: Any = None
    includes_low: bool = True
    includes_high: bool = True
    is_outside: bool = False

    def is_within(self, other: Interval) -> bool:
        """Whether everything that this allows is allowed by the other. Raises TypeError."""
        if not other.is_outside:
            is_all = other.low is None and other.high is None
            return is_all if self.is_outside else self._is_inside(other)
        return other._is_inside(self) if self.is_outside else self._is_apart_from(other)

    def _is_inside(self, other: Interval) -> bool:
        return _at_least(self, other) and _at_most(self, other)

    def _is_apart_from(self, other: Interval) -> bool:
        is_below = (
            self.high is not None
            and other.low is not None
            and (
                self.high < other.low
                or (self.high == other.low and not (self.includes_high and other.includes_low))
            )
        )
        is_above = (
            self.low is not None
            and other.high is not None
            and (
                self.low > other.high
                or (self.low == other.high and not (self.includes_low and other.includes_high))
            )
        )
        return is_below or is_above


def _at_least(inner: Interval, outer: Interval) -> bool:
    if outer.low is None:
        return True
    if inner.low is None:
        return False
    is_end_in = outer.includes_low or not inner.includes_low
    return bool(inner.low > outer.low or (inner.low == outer.low and is_end_in))


def _at_most(inner: Interval, outer: Interval) -> bool:
    if outer.high is None:
        return True
    if inner.high is None:
        return False
    is_end_in = outer.includes_high or not inner.includes_high
    return bool(inner.high < outer.high or (inner.high == outer.high and is_end_in))


@dataclass(frozen=True, slots=True)
class Values:
    """These values only."""

    values: frozenset[Any]

    def is_within(self, other: Values) -> bool:
        """Whether everything that this allows is allowed by the other."""
        return self.values <= other.values


@dataclass(frozen=True, slots=True)
class Others:
    """Every value but these."""

    values: frozenset[Any]

    def is_within(self, other: Others) -> bool:
        """Whether everything that this allows is allowed by the other."""
        return self.values >= other.values


@dataclass(frozen=True, slots=True)
class Affix:
    """Texts that begin, or end, in a text."""

    text: str
    is_suffix: bool = False

    def is_within(self, other: Affix) -> bool:
        """Whether everything that this allows is allowed by the other."""
        if self.is_suffix:
            return self.text.endswith(other.text)
        return self.text.startswith(other.text)


@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be compared but for being the same."""

    text: str

    def is_within(self, other: Opaque) -> bool:
        """Whether it is the same."""
        return self.text == other.text


@dataclass(frozen=True, slots=True)
class Measure:
    """A bound on what was measured in one way: another way is another rule."""

    how: str
    bound: Interval

    def is_within(self, other: Measure) -> bool:
        """Whether everything that this allows is allowed by the other."""
        return self.how == other.how and self.bound.is_within(other.bound)


Allowance = Interval | Values | Others | Affix | Measure | Opaque


def relation(before: Allowance, after: Allowance) -> Relation:
    """How what is allowed now stands to what was allowed before."""
    if type(before) is not type(after):
        return Relation.OTHER
    try:
        is_tighter = after.is_within(before)  # type: ignore[arg-type]
        is_looser = before.is_within(after)  # type: ignore[arg-type]
    except TypeError:  # ends of different types have no order
        return Relation.OTHER
    if is_tighter and is_looser:
        return Relation.SAME
    if is_tighter or is_looser:
        return Relation.TIGHTER if is_tighter else Relation.LOOSER
    return Relation.OTHER


def subject(rule: Rule) -> tuple[str, ...]:
    """What a rule is about: rules of one subject are compared with each other."""
    arguments = rule.arguments
    if rule.check == "metric":
        return ("metric", str(arguments.get("metric")), str(arguments.get("unit")), *rule.columns)
    if rule.check == "custom":
        return ("custom", str(arguments.get("function")), *rule.columns)
    if rule.check == "sql":
        return ("sql", *rule.columns)
    return (_FAMILIES.get(rule.check, rule.check), *rule.columns)


def allowance(rule: Rule, data_type: str = "") -> Allowance:
    """What a rule allows. `data_type` is its column's, in the contract's words."""
    arguments = rule.as_json()["arguments"]
    try:
        found: Allowance = _READERS[rule.check](arguments, lambda v: _value(v, data_type))
    except (KeyError, TypeError, ValueError, InvalidOperation):  # arguments of no shape known here
        return Opaque(json.dumps([rule.check, arguments], sort_keys=True, default=str))
    return found


Read = Callable[[Any], Any]


def _range(arguments: Mapping[str, Any], read: Read) -> Interval:
    return Interval(
        read(arguments["min_value"]),
        read(arguments["max_value"]),
        arguments.get("include_min", True),
        arguments.get("include_max", True),
    )


def _length(arguments: Mapping[str, Any], _read: Read) -> Interval:
    exact = arguments.get("exact_value")
    if exact is not None:
        return Interval(exact, exact)
    return Interval(arguments.get("min_value") or 0, arguments.get("max_value"))


def _measured(arguments: Mapping[str, Any], read: Read) -> Allowance:
    rest = {n: v for n, v in arguments.items() if n not in {"operator", "value"}}
    found = _bound(str(arguments["operator"]), arguments["value"], read)
    if any(rest.get(name) for name in ("query", "arguments")):
        return Measure(json.dumps(rest, sort_keys=True, default=str), found)
    return found


def _bound(operator: str, value: Any, read: Read) -> Interval:
    if operator in {"mustBeBetween", "mustNotBeBetween"}:
        low, high = value
        return Interval(read(low), read(high), is_outside=operator == "mustNotBeBetween")
    found = read(value)
    return {
        "mustBe": Interval(found, found),
        "mustNotBe": Interval(found, found, is_outside=True),
        "mustBeGreaterThan": Interval(low=found, includes_low=False),
        "mustBeGreaterOrEqualTo": Interval(low=found),
        "mustBeLessThan": Interval(high=found, includes_high=False),
        "mustBeLessOrEqualTo": Interval(high=found),
    }[operator]


def _set(arguments: Mapping[str, Any], name: str) -> frozenset[str]:
    return frozenset(json.dumps(value, sort_keys=True) for value in arguments[name])


_FAMILIES = {
    **dict.fromkeys(("greater_than", "greater_than_or_equal_to"), "range"),
    **dict.fromkeys(("less_than", "less_than_or_equal_to", "in_range"), "range"),
    **dict.fromkeys(("isin", "equal_to"), "values"),
    **dict.fromkeys(("notin", "not_equal_to"), "others"),
}
_READERS: Mapping[str, Callable[[Mapping[str, Any], Read], Any]] = {
    "in_range": _range,
    "greater_than": lambda a, read: Interval(low=read(a["min_value"]), includes_low=False),
    "greater_than_or_equal_to": lambda a, read: Interval(low=read(a["min_value"])),
    "less_than": lambda a, read: Interval(high=read(a["max_value"]), includes_high=False),
    "less_than_or_equal_to": lambda a, read: Interval(high=read(a["max_value"])),
    "isin": lambda a, _: Values(_set(a, "allowed_values")),
    "equal_to": lambda a, _: Values(frozenset([json.dumps(a["value"], sort_keys=True)])),
    "notin": lambda a, _: Others(_set(a, "forbidden_values")),
    "not_equal_to": lambda a, _: Others(frozenset([json.dumps(a["value"], sort_keys=True)])),
    "str_length": _length,
    "str_startswith": lambda a, _: Affix(str(a["string"])),
    "str_endswith": lambda a, _: Affix(str(a["string"]), is_suffix=True),
    "row_count": lambda a, _: Interval(a["at_least"] or 0, a["at_most"]),
    "metric": _measured,
    "sql": _measured,
}


def _value(value: Any, data_type: str) -> Any:
    """A rule's argument as its column's type orders it: JSON keeps days and decimals as text."""
    if not isinstance(value, str):
        return value
    if data_type == "date":
        return date.fromisoformat(value[:10])
    if data_type in {"timestamp", "local_timestamp"}:
        return datetime.fromisoformat(value)
    if data_type == "time":
        return time.fromisoformat(value)
    if data_type.startswith(("decimal", "int", "float")):
        return Decimal(value)
    return value
