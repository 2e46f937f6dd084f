"""What a property says about its values: `logicalTypeOptions` and `enum` as rules.

Owns how bounds, lengths, patterns, formats, counts and listed values become rules on a column of a
type. Dates and times are read as ISO 8601 writes them. Refuses bounds that cross each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mesh.contracts import value_rules
from mesh.contracts.formats import ANNOTATIONS, format_of
from mesh.contracts.model import Rule
from mesh.contracts.odcs.model import Findings, Part
from mesh.contracts.odcs.types import NUMBER_FORMATS
from mesh.contracts.patterns import rust_pattern
from mesh.contracts.rules import builtin, fused_ranges
from mesh.contracts.yaml_files import Path_

_LOWER = {"minimum": "greater_than_or_equal_to", "exclusiveMinimum": "greater_than"}
_UPPER = {"maximum": "less_than_or_equal_to", "exclusiveMaximum": "less_than"}
_EXCLUSIVE = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
_TIMES = frozenset({"date", "timestamp", "local_timestamp"})
_OF_MODELS = ("distanceMetric", "embeddingModel", "embeddingModelVersion", "normalized")
_NUMBERS = ("int", "float", "decimal")
_COUNTS = {
    "item_count": ("minItems", "maxItems"),
    "field_count": ("minProperties", "maxProperties"),
}


def rules_of_options(column: Part, kind: str, findings: Findings) -> Iterator[Rule]:
    """The rules of a property of a type, in an order of their own."""
    reader = _Options(column, kind, findings)
    yield from reader.enum()
    yield from reader.bounds()
    yield from reader.texts()
    yield from reader.counts()


class _Options:
    def __init__(self, column: Part, kind: str, findings: Findings) -> None:
        self.column = column
        self.name = column.text("name")
        self.kind = kind
        self.options = column.part("logicalTypeOptions")
        self.findings = findings

    def enum(self) -> Iterator[Rule]:
        items = [i for i in self.column.parts("enum") if i.data.get("value") is not None]
        if items and not self.kind.startswith((*_NUMBERS, *_TIMES, "string", "boolean")):
            self.findings.keep(f"values of a {self.kind} are not listed", self.column.at("enum"))
            return
        values = [self._value(item.data["value"], item.at("value")) for item in items]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            yield builtin("isin", {"allowed_values": known}, self.name)

    def bounds(self) -> Iterator[Rule]:
        found = [*self._side(_LOWER, "min_value"), *self._side(_UPPER, "max_value")]
        form = NUMBER_FORMATS.get(self.options.text("format"), ("", None, None))
        stated = {rule.check for rule in found}
        if form[1] is not None and not stated & {*_LOWER.values()}:
            found.append(builtin(_LOWER["minimum"], {"min_value": self._own(form[1])}, self.name))
        if form[2] is not None and not stated & {*_UPPER.values()}:
            found.append(builtin(_UPPER["maximum"], {"max_value": self._own(form[2])}, self.name))
        self._refuse_crossed(found)
        yield from fused_ranges(found, self.name)
        divisor = self.options.number("multipleOf")
        if divisor is not None and divisor > 0:
            yield value_rules.multiple_of(self.name, divisor)

    def _side(self, words: Mapping[str, str], argument: str) -> Iterator[Rule]:
        """The bounds below, or above. In 3.0, `exclusive…` says of the other whether it counts."""
        for key, check in words.items():
            said = self.options.data.get(key)
            if said is None or isinstance(said, bool):
                continue
            if why := self._not_compared():
                self.findings.keep(why, self.options.at(key))
                continue
            is_exclusive = self.options.flag(_EXCLUSIVE.get(key, ""))
            value = self._value(said, self.options.at(key))
            if value is not None:
                chosen = words[_EXCLUSIVE[key]] if is_exclusive else check
                yield builtin(chosen, {argument: value}, self.name)

    def _not_compared(self) -> str:
        """Why bounds mean nothing here; empty where they do."""
        if self.kind.startswith((*_NUMBERS, *_TIMES)):
            return ""
        if self.column.text("logicalType") != "time":
            return f"a {self.kind} has no bounds"
        # A time is a text: only one that begins with the hour of the day is in order.
        is_ordered = self.options.text("format").startswith("HH") or not self.options.text("format")
        return "" if is_ordered else "only times such as HH:mm are in an order"

    def _refuse_crossed(self, rules: list[Rule]) -> None:
        lower = [rule for rule in rules if rule.check in _LOWER.values()]
        upper = [rule for rule in rules if rule.check in _UPPER.values()]
        for low in lower:
            for high in upper:
                least, most = low.arguments["min_value"], high.arguments["max_value"]
                is_strict = low.check == "greater_than" or high.check == "less_than"
                if least > most or (is_strict and least == most):
                    what = f"no value keeps `{low.text}` and `{high.text}`"
                    self.findings.problem(what, self.options.path, "minimum ≤ maximum")

    def texts(self) -> Iterator[Rule]:
        if self.kind != "string":
            self._keep_format()
            for key in {"minLength", "maxLength", "pattern"} & set(self.options.data):
                self.findings.keep(f"a {self.kind} has no length or pattern", self.options.at(key))
            return
        low, high = self._pair("minLength", "maxLength")
        if low is not None or high is not None:
            arguments = {"min_value": low, "max_value": high, "exact_value": None}
            yield builtin("str_length", arguments, self.name)
        if regex := self.options.text("pattern"):
            try:
                rust_pattern(regex)
            except ValueError as error:
                tell = self.findings.keep if _is_pattern(regex) else self.findings.problem
                tell(str(error), self.options.at("pattern"))
            else:
                yield value_rules.pattern(self.name, regex)
        yield from self._format()

    def _format(self) -> Iterator[Rule]:
        name = self.options.text("format")
        if not name:
            return
        if name in ANNOTATIONS:
            what = f"{name!r} says how a text is to be treated, not what is in it"
            self.findings.keep(what, self.options.at("format"))
            return
        try:
            format_of(name)
        except ValueError as error:
            self.findings.keep(str(error), self.options.at("format"))
        else:
            yield value_rules.text_format(self.name, name)

    def _keep_format(self) -> None:
        if self.options.text("format") and self.kind in _TIMES:
            what = f"a {self.kind} is stored as such, and has no format of its own"
            self.findings.keep(what, self.options.at("format"))

    def counts(self) -> Iterator[Rule]:
        if self.kind.startswith("list<"):
            low, high = self._pair(*_COUNTS["item_count"])
            if (size := self.options.whole("dimensions")) is not None:
                low, high = size, size
            if low is not None or high is not None:
                yield value_rules.item_count(self.name, at_least=low, at_most=high)
            if self.options.flag("uniqueItems"):
                yield value_rules.unique_items(self.name)
        for key in _OF_MODELS:
            if key in self.options.data:
                self.findings.keep("documentation", self.options.at(key))
        yield from self._of_fields()

    def _of_fields(self) -> Iterator[Rule]:
        is_struct = self.kind.startswith("struct<")
        if not is_struct:
            for key in {"required", *_COUNTS["field_count"]} & set(self.options.data):
                what = "it is not held as an object with properties"
                self.findings.keep(what, self.options.at(key))
        wanted = [*self.options.texts("required")] if is_struct else []
        wanted += [path for path in _required(self.column) if path not in wanted]
        if wanted:
            yield value_rules.required_fields(self.name, wanted)
        if is_struct:
            low, high = self._pair(*_COUNTS["field_count"])
            if low is not None or high is not None:
                yield value_rules.field_count(self.name, at_least=low, at_most=high)

    def _pair(self, least: str, most: str) -> tuple[int | None, int | None]:
        low, high = self.options.whole(least), self.options.whole(most)
        if low is not None and high is not None and low > high:
            what = f"{least} {low} is above {most} {high}"
            self.findings.problem(what, self.options.at(least), f"{least} ≤ {most}")
        return low, high

    def _own(self, value: Any) -> Any:
        return Decimal(value) if self.kind.startswith("decimal") else value

    def _value(self, said: Any, path: Path_) -> Any:
        """A bound or a listed value as the column's own type; None where it is none, and told."""
        try:
            return value_of(said, self.kind, self.options.text("defaultTimezone"))
        except (ValueError, InvalidOperation, OverflowError):
            form = self.options.text("format")
            if form and self.kind in _TIMES:
                what = f"{said!r} is not written as ISO 8601 has it, so it is compared with nothing"
                self.findings.keep(what, path)
            else:
                self.findings.problem(
                    f"{said!r} is no {self.kind}", path, _EXAMPLES.get(self.kind, "")
                )
            return None


def _is_pattern(regex: str) -> bool:
    """Whether it is a pattern for others, such as one that looks ahead."""
    try:
        re.compile(regex)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


_EXAMPLES = {
    "date": 'write "2020-01-31"',
    "timestamp": 'write "2020-01-31T09:30:00Z"',
    "local_timestamp": 'write "2020-01-31T09:30:00"',
}


def value_of(said: Any, kind: str, zone: str = "") -> Any:
    """What a document says as a value that a column of this type may have. Raises ValueError."""
    if kind == "string":
        return _checked(said, str)
    if kind == "boolean":
        return _checked(said, bool)
    if kind == "date":
        return date.fromisoformat(_checked(said, str))
    if kind in _TIMES:
        return _moment(_checked(said, str), kind, zone)
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise ValueError(said)  # noqa: TRY004 -- a document's value, as below
    if kind.startswith("decimal"):
        return Decimal(str(said))
    if not kind.startswith(("int", "float")):
        raise ValueError(said)
    return int(said) if isinstance(said, float) and said.is_integer() else said


def _checked(said: Any, kind: type) -> Any:
    if not isinstance(said, kind):
        raise ValueError(said)  # noqa: TRY004 -- a document's value, not a caller's mistake
    return said


def _moment(text: str, kind: str, zone: str) -> datetime:
    found = datetime.fromisoformat(text)
    if kind == "local_timestamp":
        return found.replace(tzinfo=None)
    if found.tzinfo is None:
        try:
            found = found.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(text) from error
    return found.astimezone(UTC)


def _required(column: Part) -> Iterator[str]:
    """The fields inside of a property that have to be there: `city`, `address.city`."""
    inner = column.part("items") if "items" in column.data else column
    if "items" in inner.data:
        return
    for field in inner.parts("properties"):
        name = field.text("name")
        if field.flag("required"):
            yield name
        for path in _required(field):
            yield f"{name}.{path}"
