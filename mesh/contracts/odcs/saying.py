"""Rules of a contract in the words of ODCS.

Owns which rule has a word of the standard, and where it stands: at a property, or at the table. A
rule without one is written whole, as a `custom` rule of the engine `mesh`. Whether a word means the
same when it is read again is held by `odcs.writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from mesh.contracts.model import Rule, Severity
from mesh.contracts.odcs.model import ENGINE
from mesh.contracts.rules import Target

Words = dict[str, Any]
"""Keys of a property or of a table: lists are added to those that are there, mappings merged."""

WITH_ENUM = "3.2.0"
"""The first version with `enum`, and with relationships to columns by more than two names."""

WITH_NUMBERS = "3.1.0"
"""The first version in which `exclusiveMinimum` is a bound: before, it is a switch of `minimum`."""


def at_column(rule: Rule, version: str) -> Words | None:
    """What a property says for a rule on it alone; None where it has no word."""
    if rule.check in {"metric", "sql"}:
        return {"quality": [_measured(rule)]}
    if rule.check == "references":
        return _reference(rule, version)
    if rule.severity is not Severity.ERROR or not rule.is_null_ignored or rule.description:
        return None
    if rule.check == "isin":
        values = [_plain(value) for value in rule.arguments["allowed_values"]]
        if version < WITH_ENUM or len({repr(value) for value in values}) < len(values):
            return None
        return {"enum": [{"value": value} for value in values]}
    said = _OPTIONS.get(rule.check)
    options = said(rule.arguments) if said is not None else None
    if options is None:
        return None
    return {"logicalTypeOptions": options if version >= WITH_NUMBERS else _as_switches(options)}


def at_table(rule: Rule, version: str) -> Words | None:
    """What the table says for a rule on the whole, or on several columns."""
    if rule.check in {"metric", "sql"}:
        return {"quality": [_measured(rule)]}
    if rule.check == "references" and version >= WITH_ENUM:
        target = Target.of(rule)
        to = [f"{target.product}.{column}" for column in target.columns]
        return {"relationships": [_severe(rule, {"from": list(rule.columns), "to": to})]}
    return None


def whole(rule: Rule) -> Words:
    """A rule as it is, for Mesh to read again; what is as usual is left out."""
    said = rule.as_json()
    usual: Words = {"severity": "error", "is_null_ignored": True, "description": ""}
    kept = {key: value for key, value in said.items() if usual.get(key, ...) != value}
    item: Words = {"type": "custom", "engine": ENGINE, "implementation": kept}
    if rule.description:
        item["description"] = rule.description
    if rule.dimension:
        item["dimension"] = rule.dimension
    return {"quality": [{"name": rule.text, **item, "severity": str(rule.severity)}]}


def merged(into: Words, words: Mapping[str, Any]) -> None:
    """Add words to those of a property or table."""
    for key, value in words.items():
        if isinstance(value, list):
            into[key] = [*into.get(key, ()), *value]
        elif isinstance(value, Mapping):
            into[key] = {**into.get(key, {}), **value}
        else:
            into[key] = value


def own(name: str, value: object) -> Words:
    """A word that ODCS does not have, as a custom property."""
    return {"customProperties": [{"property": name, "value": value}]}


def _reference(rule: Rule, version: str) -> Words:
    to = rule.arguments["to"]
    if version >= WITH_ENUM:
        return {"relationships": [_severe(rule, {"to": to})]}
    if rule.severity is Severity.ERROR:
        return own("mesh.references", to)
    return own("mesh.references", {"to": to, "severity": str(rule.severity)})


def _severe(rule: Rule, words: Words) -> Words:
    if rule.severity is not Severity.ERROR:
        words |= own("mesh.severity", str(rule.severity))
    return words


def _measured(rule: Rule) -> Words:
    said = rule.arguments
    words: Words = {said["operator"]: _plain(said["value"]), "severity": str(rule.severity)}
    if rule.description:
        words["description"] = rule.description
    if rule.dimension:
        words["dimension"] = rule.dimension
    if rule.check == "sql":
        name = rule.description or rule.text.rpartition(" ")[0]
        return {"name": name, "type": "sql", "query": said["query"], **words}
    arguments = {key: _plain(value) for key, value in said["arguments"].items()}
    if len(rule.columns) > 1:
        arguments["properties"] = list(rule.columns)
    if arguments:
        words["arguments"] = arguments
    return {"type": "library", "metric": said["metric"], "unit": said["unit"], **words}


def _range(arguments: Mapping[str, Any]) -> Words | None:
    low, high = arguments["min_value"], arguments["max_value"]
    includes_low = arguments.get("include_min", True)
    includes_high = arguments.get("include_max", True)
    return {
        "minimum" if includes_low else "exclusiveMinimum": _plain(low),
        "maximum" if includes_high else "exclusiveMaximum": _plain(high),
    }


def _as_switches(options: Words) -> Words:
    """Bounds as 3.0 has them: a number, and whether it is out of reach itself."""
    said = dict(options)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in said:
            said |= {bound: said[exclusive], exclusive: True}
    return said


def _counts(least: str, most: str) -> Callable[[Mapping[str, Any]], Words]:
    def said(arguments: Mapping[str, Any]) -> Words:
        pairs = ((least, arguments.get("at_least")), (most, arguments.get("at_most")))
        return {key: value for key, value in pairs if value is not None}

    return said


def _length(arguments: Mapping[str, Any]) -> Words | None:
    if arguments.get("exact_value") is not None:
        return None
    pairs = (("minLength", arguments.get("min_value")), ("maxLength", arguments.get("max_value")))
    return {key: value for key, value in pairs if value is not None}


_OPTIONS: Mapping[str, Callable[[Mapping[str, Any]], Words | None]] = {
    "in_range": _range,
    "greater_than_or_equal_to": lambda a: {"minimum": _plain(a["min_value"])},
    "greater_than": lambda a: {"exclusiveMinimum": _plain(a["min_value"])},
    "less_than_or_equal_to": lambda a: {"maximum": _plain(a["max_value"])},
    "less_than": lambda a: {"exclusiveMaximum": _plain(a["max_value"])},
    "multiple_of": lambda a: {"multipleOf": a["divisor"]},
    "str_length": _length,
    "pattern": lambda a: {"pattern": a["regex"]},
    "format": lambda a: {"format": a["name"]},
    "item_count": _counts("minItems", "maxItems"),
    "unique_items": lambda _: {"uniqueItems": True},
    "required_fields": lambda a: {"required": list(a["fields"])},
    "field_count": _counts("minProperties", "maxProperties"),
}


def _plain(value: Any) -> Any:
    """A bound as a document writes it: times as ISO 8601, decimals as numbers."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
