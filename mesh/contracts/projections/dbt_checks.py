"""Rules as SQL check constraints of a dbt model.

Owns which rules have one: a constraint is written only if reading it gives exactly this rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlglot import exp

from mesh.contracts.model import Column, Rule
from mesh.contracts.rules import fused_ranges
from mesh.contracts.sql_checks import rules_of_check
from mesh.errors import DefinitionError

_SIGNS = {
    "equal_to": ("=", "value"),
    "not_equal_to": ("<>", "value"),
    "greater_than": (">", "min_value"),
    "greater_than_or_equal_to": (">=", "min_value"),
    "less_than": ("<", "max_value"),
    "less_than_or_equal_to": ("<=", "max_value"),
}
_WHOLE = re.compile(r"\^\(\?:(.*)\)\$", re.DOTALL)


def check_constraint(rule: Rule, columns: Mapping[str, Column]) -> str:
    """The expression of a rule; empty where SQL's checks have none that means exactly the same."""
    write = _WRITING.get(rule.check)
    if write is None or not rule.columns:
        return ""
    try:
        expression = write(rule)
        read = [*fused_ranges(rules_of_check(expression, columns), rule.columns[0])]
    except (ValueError, DefinitionError):
        return ""
    is_same = len(read) == 1 and read[0].as_json() == rule.as_json()
    return expression if is_same else ""


def _compared(rule: Rule) -> str:
    sign, argument = _SIGNS[rule.check]
    return f"{_name(rule)} {sign} {_value(rule.arguments[argument])}"


def _beside(rule: Rule) -> str:
    sign, _ = _SIGNS[rule.arguments["operator"]]
    return f"{_name(rule)} {sign} {_name(rule, 1)}"


def _range(rule: Rule) -> str:
    said, name = rule.arguments, _name(rule)
    low, high = _value(said["min_value"]), _value(said["max_value"])
    if said["include_min"] and said["include_max"]:
        return f"{name} between {low} and {high}"
    lower, upper = (">=" if said["include_min"] else ">"), ("<=" if said["include_max"] else "<")
    return f"{name} {lower} {low} and {name} {upper} {high}"


def _among(argument: str, words: str) -> Callable[[Rule], str]:
    def write(rule: Rule) -> str:
        values = ", ".join(_value(value) for value in rule.arguments[argument])
        return f"{_name(rule)} {words} ({values})"

    return write


def _length(rule: Rule) -> str:
    said, subject = rule.arguments, f"length({_name(rule)})"
    low, high, exact = said["min_value"], said["max_value"], said["exact_value"]
    if exact is not None:
        return f"{subject} = {exact}"
    if low is not None and high is not None:
        return f"{subject} between {low} and {high}"
    return f"{subject} >= {low}" if low is not None else f"{subject} <= {high}"


def _matched(rule: Rule) -> str:
    match = _WHOLE.fullmatch(rule.arguments["pattern"])
    if match is None:
        message = "only a pattern of the whole text has a word in SQL"
        raise ValueError(message)
    return f"regexp_full_match({_name(rule)}, {_value(match[1])})"


def _name(rule: Rule, position: int = 0) -> str:
    """A column's name in double quotes where SQL needs them."""
    name = rule.columns[position]
    plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name)
    return name if plain and name not in _WORDS else exp.to_identifier(name, quoted=True).sql()


_SQL = """all and any as asc between by case cast check column default desc distinct else end
except exists false for foreign from full group having in inner intersect into is join left like
limit not null offset on or order outer primary references right select table then to true union
unique using when where window with"""
_WORDS = frozenset(_SQL.split())
"""Words that are SQL's own."""


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else repr(value)
        case datetime():
            kind = "timestamp" if value.tzinfo is None else "timestamptz"
            return f"cast('{value.isoformat(sep=' ')}' as {kind})"
        case date():
            return f"cast('{value.isoformat()}' as date)"
        case str():
            quoted = value.replace("'", "''")
            return f"'{quoted}'"
    message = f"{value!r} has no literal in SQL"
    raise ValueError(message)


_WRITING: Mapping[str, Callable[[Rule], str]] = {
    **dict.fromkeys(_SIGNS, _compared),
    "compare": _beside,
    "in_range": _range,
    "isin": _among("allowed_values", "in"),
    "notin": _among("forbidden_values", "not in"),
    "str_length": _length,
    "str_matches": _matched,
    "str_startswith": lambda rule: f"{_name(rule)} like {_value(rule.arguments['string'] + '%')}",
    "str_endswith": lambda rule: f"{_name(rule)} like {_value('%' + rule.arguments['string'])}",
}
