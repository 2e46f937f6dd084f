"""Rules on values in JSON Schema's keywords, where these mean the same.

Owns which rules have such words. Regular expressions of Polars are taken over where ECMA-262 reads
them alike; order between texts (days, moments, decimals) cannot be said in JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mesh.contracts.formats import ANNOTATIONS, NAMES, format_of
from mesh.contracts.model import Rule

Words = list[dict[str, Any]]
_ALIKE = re.compile(r"(?:[^\\()\[\].{}]|\\[dsw^$.|?*+()\[\]{}/\\-]|\((?!\?)|\(\?:|[)\[\].{}])*")
"""Patterns that ECMA-262 and Rust's regex read alike, but for what counts as a digit or a space."""


def keywords(rule: Rule, kind: str) -> Words | None:
    """What is said of a value of a column of this type; None where nothing means the same."""
    say = _SAYING.get(rule.check)
    return None if say is None else say(rule.arguments, kind)


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "float"))


def _bound(keyword: str, argument: str) -> Callable[[Mapping[str, Any], str], Words | None]:
    def say(arguments: Mapping[str, Any], kind: str) -> Words | None:
        return [{keyword: arguments[argument]}] if _is_number(kind) else None

    return say


def _range(arguments: Mapping[str, Any], kind: str) -> Words | None:
    if not _is_number(kind):
        return None
    low = "minimum" if arguments.get("include_min", True) else "exclusiveMinimum"
    high = "maximum" if arguments.get("include_max", True) else "exclusiveMaximum"
    return [{low: arguments["min_value"]}, {high: arguments["max_value"]}]


def _among(argument: str, *, is_allowed: bool) -> Callable[[Mapping[str, Any], str], Words | None]:
    """A list of values, or one: null is neither allowed nor forbidden by them."""

    def say(arguments: Mapping[str, Any], kind: str) -> Words | None:
        if not (_is_number(kind) or kind in {"string", "boolean"}):
            return None
        named = arguments[argument]
        values = [named] if argument == "value" else sorted(named, key=str)
        if any(value != value for value in values):  # noqa: PLR0124 -- JSON has no NaN
            return None
        return [{"enum": [*values, None]}] if is_allowed else [{"not": {"enum": values}}]

    return say


def _length(arguments: Mapping[str, Any], kind: str) -> Words | None:
    exact = arguments.get("exact_value")
    low = arguments.get("min_value") if exact is None else exact
    high = arguments.get("max_value") if exact is None else exact
    return _sized("Length", low, high) if kind == "string" else None


def _sized(what: str, low: int | None, high: int | None) -> Words:
    found = {f"min{what}": low, f"max{what}": high}
    return [{name: value} for name, value in found.items() if value is not None]


def _matches(arguments: Mapping[str, Any], _: str) -> Words | None:
    pattern = _alike(arguments["pattern"])
    if pattern is None:
        return None
    return [{"pattern": pattern if pattern.startswith("^") else f"^(?:{pattern})"}]


def _contains(arguments: Mapping[str, Any], _: str) -> Words | None:
    pattern = _alike(arguments["pattern"])
    return None if pattern is None else [{"pattern": pattern}]


def _alike(pattern: Any) -> str | None:
    text = str(getattr(pattern, "pattern", pattern))
    return text if _ALIKE.fullmatch(text) and "$" not in text.rstrip("$") else None


def _format(arguments: Mapping[str, Any], _: str) -> Words | None:
    name = arguments["name"]
    found = format_of(name)
    if found.has_date and name not in {"date", "date-time"}:
        return None  # a pattern knows no calendar
    regex = re.sub(r"\(\?<\w+>", "(?:", found.regex).replace("(?s:.*)", r"[\s\S]*")
    words: Words = [{"pattern": f"^(?:{regex})$"}]
    if name in NAMES and name != "byte" and name not in ANNOTATIONS:
        words.append({"format": name})
    return words


def _required(arguments: Mapping[str, Any], kind: str) -> Words | None:
    if not kind.startswith("struct<") or any("." in name for name in arguments["fields"]):
        return None
    fields = list(arguments["fields"])
    there = {name: {"not": {"type": "null"}} for name in fields}
    return [{"allOf": [{"required": fields, "properties": there}]}]


_SAYING: Mapping[str, Callable[[Mapping[str, Any], str], Words | None]] = {
    "greater_than": _bound("exclusiveMinimum", "min_value"),
    "greater_than_or_equal_to": _bound("minimum", "min_value"),
    "less_than": _bound("exclusiveMaximum", "max_value"),
    "less_than_or_equal_to": _bound("maximum", "max_value"),
    "in_range": _range,
    "equal_to": _among("value", is_allowed=True),
    "not_equal_to": _among("value", is_allowed=False),
    "isin": _among("allowed_values", is_allowed=True),
    "notin": _among("forbidden_values", is_allowed=False),
    "str_length": _length,
    "str_matches": _matches,
    "str_contains": _contains,
    "str_startswith": lambda said, _: [{"pattern": f"^{re.escape(said['string'])}"}],
    "str_endswith": lambda said, _: [{"pattern": f"{re.escape(said['string'])}$"}],
    "format": _format,
    "pattern": lambda said, _: [{"pattern": said["regex"]}],
    "multiple_of": lambda said, kind: (
        [{"multipleOf": said["divisor"]}] if kind.startswith("int") else None
    ),
    "item_count": lambda said, _: _sized("Items", said.get("at_least"), said.get("at_most")),
    "unique_items": lambda _, __: [{"uniqueItems": True}],
    "required_fields": _required,
}
