"""Rules in words: how each rule reads to a person, and its name as an identifier."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_MANY = 6
_COMPARISONS = {
    "equal_to": ("=", "value"),
    "not_equal_to": ("≠", "value"),
    "greater_than": (">", "min_value"),
    "greater_than_or_equal_to": ("≥", "min_value"),
    "less_than": ("<", "max_value"),
    "less_than_or_equal_to": ("≤", "max_value"),
    "str_startswith": ("starts with", "string"),
    "str_endswith": ("ends with", "string"),
    "str_contains": ("contains", "pattern"),
    "str_matches": ("matches", "pattern"),
}


def identifier(*parts: str) -> str:
    """An identifier of letters, digits and underscores, as Dagster and SQL take it."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", "_".join(part for part in parts if part)).strip("_")


def builtin(check: str, arguments: Mapping[str, Any], column: str) -> str:
    """A built-in check on a column, as `temperature_f in [-60, 140]`."""
    if check in _COMPARISONS:
        sign, name = _COMPARISONS[check]
        return f"{column} {sign} {_pattern(arguments[name])}"
    if check == "in_range":
        left = "[" if arguments.get("include_min", True) else "("
        right = "]" if arguments.get("include_max", True) else ")"
        return f"{column} in {left}{arguments['min_value']}, {arguments['max_value']}{right}"
    if check == "isin":
        return f"{column} in {_listed(arguments['allowed_values'])}"
    if check == "notin":
        return f"{column} not in {_listed(arguments['forbidden_values'])}"
    if check == "str_length":
        return f"length of {column} {_length(arguments)}"
    if check == "unique_values_eq":
        return f"values of {column} are {_listed(arguments['values'])}"
    if check in _OF_A_VALUE:
        return f"{column} {_OF_A_VALUE[check](arguments)}"
    given = ", ".join(f"{name}={value}" for name, value in arguments.items() if value is not None)
    return f"{column} {check}({given})"


def compared(column: str, operator: str, other: str) -> str:
    """A column beside another, as `started_at ≤ ended_at`."""
    return f"{column} {_COMPARISONS.get(operator, (operator,))[0]} {other}"


def custom(check: Any, column: str | None) -> str:
    """A domain's own check: its title, error or name, and the column it is on."""
    words = check.title or check.error or (check.name or "check").replace("_", " ")
    return f"{column}: {words}" if column else str(words)


def row_count(at_least: int | None, at_most: int | None) -> str:
    """A bound on rows, as `between 1 and 10 rows`."""
    if at_least is not None and at_most is not None:
        return f"between {at_least:,} and {at_most:,} rows"
    if at_most is not None:
        return f"at most {rows(at_most)}"
    return f"at least {rows(at_least or 0)}"


def rows(count: int) -> str:
    """A number of rows: `1 row`, `26,115 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"


def _counted(arguments: Mapping[str, Any], noun: str) -> str:
    low, high = arguments.get("at_least"), arguments.get("at_most")
    if low is not None and low == high:
        return f"has {low} {noun}"
    if low is not None and high is not None:
        return f"has {low} to {high} {noun}"
    return f"has at least {low} {noun}" if low is not None else f"has at most {high} {noun}"


_OF_A_VALUE: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "format": lambda arguments: f"is {arguments['name']}",
    "pattern": lambda arguments: f"matches /{arguments['regex']}/",
    "multiple_of": lambda arguments: f"is a multiple of {arguments['divisor']}",
    "item_count": lambda arguments: _counted(arguments, "items"),
    "unique_items": lambda _: "has no item twice",
    "required_fields": lambda arguments: f"has {', '.join(arguments['fields'])}",
    "field_count": lambda arguments: _counted(arguments, "fields"),
}


def _pattern(value: object) -> str:
    return str(getattr(value, "pattern", value))


def _length(arguments: Mapping[str, Any]) -> str:
    exact = arguments.get("exact_value")
    if exact is not None:
        return f"= {exact}"
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is not None and high is not None:
        return f"in [{low}, {high}]"
    return f"≥ {low}" if low is not None else f"≤ {high}"


def _listed(values: Any) -> str:
    items = sorted((str(value) for value in values), key=lambda text: (len(text), text))
    if len(items) > _MANY:
        return f"{{{', '.join(items[: _MANY - 1])}, … {len(items)} values}}"
    return f"{{{', '.join(items)}}}"
