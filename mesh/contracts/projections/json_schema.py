"""A contract as JSON Schema (draft 2020-12) of one row.

Owns what a row looks like in JSON, which is what `mesh read --format json` writes: moments and days
are texts, decimals are numbers' texts, bytes are base64. Rules that JSON Schema has no words for,
and warnings, which keep nothing out, are listed under `x-mesh-rules`.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mesh.contracts.arrow import arrow_type
from mesh.contracts.model import Column, Contract, Rule, Scope
from mesh.contracts.projections.json_keywords import keywords

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DAY = r"^\d{4}-\d{2}-\d{2}$"
_LOCAL = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?$"


def document(contract: Contract) -> dict[str, Any]:
    """The schema of one row, with its draft."""
    return {"$schema": DRAFT, **row(contract)}


def row(contract: Contract) -> dict[str, Any]:
    """The schema of one row."""
    said = {rule.id for rule in contract.rules if _keywords(rule, contract) is not None}
    unsaid = [rule for rule in contract.rules if rule.id not in said and rule.check != "not_null"]
    return {
        "title": contract.name,
        **({"description": contract.description} if contract.description else {}),
        "type": "object",
        "properties": {column.name: _property(column, contract) for column in contract.columns},
        "required": list(contract.column_names),
        "additionalProperties": not contract.is_strict,
        "x-mesh-version": str(contract.version),
        **({"x-mesh-key": list(contract.key)} if contract.key else {}),
        **({"x-mesh-rules": [_told(rule) for rule in unsaid]} if unsaid else {}),
    }


def _property(column: Column, contract: Contract) -> dict[str, Any]:
    schema = _type(arrow_type(column.type))
    if column.is_nullable:
        schema["type"] = [schema["type"], "null"]
    if column.description:
        schema["description"] = column.description
    extra: list[dict[str, Any]] = []
    for rule in contract.rules_of(column.name):
        for words in _keywords(rule, contract) or ():
            said = words if column.is_nullable else _without_null(words)
            if said.keys() & schema.keys():
                extra.append(said)
            else:
                schema |= said
    facts = {
        "x-mesh-type": column.type,
        "x-mesh-unit": column.unit,
        "x-mesh-classification": str(column.classification),
        "x-mesh-references": column.references,
    }
    return {
        **schema,
        **({"allOf": extra} if extra else {}),
        **{name: value for name, value in facts.items() if value},
    }


def _without_null(words: dict[str, Any]) -> dict[str, Any]:
    if "enum" not in words:
        return words
    return {"enum": [value for value in words["enum"] if value is not None]}


def _keywords(rule: Rule, contract: Contract) -> list[dict[str, Any]] | None:
    """What JSON Schema says for a rule; None where it has no words that mean the same."""
    if rule.scope is Scope.SET or not rule.is_blocking or len(rule.columns) != 1:
        return None
    found = keywords(rule, contract.column(rule.columns[0]).type)
    if found is None or rule.is_null_ignored:
        return found
    return [*found, {"not": {"type": "null"}}]


def _told(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "text": rule.text, "severity": str(rule.severity)}


def _type(data_type: pa.DataType) -> dict[str, Any]:
    """What values of a type look like in JSON."""
    if pa.types.is_integer(data_type):
        most = 2 ** (data_type.bit_width - 1)
        return {"type": "integer", "minimum": -most, "maximum": most - 1}
    if pa.types.is_list(data_type):
        return {"type": "array", "items": _nullable(data_type.value_type)}
    if pa.types.is_struct(data_type):
        return {
            "type": "object",
            "properties": {field.name: _nullable(field.type) for field in data_type},
        }
    return dict(_plain(data_type))


def _nullable(data_type: pa.DataType) -> dict[str, Any]:
    schema = _type(data_type)
    return {**schema, "type": [schema["type"], "null"]}


def _plain(data_type: pa.DataType) -> dict[str, Any]:
    if pa.types.is_decimal(data_type):
        whole = data_type.precision - data_type.scale
        places = rf"(?:\.\d{{1,{data_type.scale}}})?" if data_type.scale else ""
        return {"type": "string", "pattern": rf"^-?\d{{1,{max(whole, 1)}}}{places}$"}
    if pa.types.is_timestamp(data_type):
        return (
            {"type": "string", "format": "date-time"}
            if data_type.tz
            else {"type": "string", "pattern": _LOCAL}
        )
    for is_kind, schema in _KINDS:
        if is_kind(data_type):
            return schema
    message = f"{data_type} has no form in JSON"
    raise ValueError(message)


_KINDS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (pa.types.is_boolean, {"type": "boolean"}),
    (pa.types.is_floating, {"type": "number"}),
    (pa.types.is_string, {"type": "string"}),
    (pa.types.is_binary, {"type": "string", "contentEncoding": "base64"}),
    (pa.types.is_date, {"type": "string", "format": "date", "pattern": _DAY}),
    (pa.types.is_duration, {"type": "string", "format": "duration"}),
)
