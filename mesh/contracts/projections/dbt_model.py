"""A contract as the YAML of a dbt model, which `contracts.dbt` loads back.

Owns where each part stands: types, keys and checks as dbt's own constraints, and what dbt has no
words for under `config.meta.mesh`. Checks in Python have no form in dbt: they are named there, in
`unsaid`, which nothing reads.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from mesh.contracts.arrow import arrow_type
from mesh.contracts.model import Column, Contract, Rule, Severity
from mesh.contracts.projections.dbt_checks import check_constraint
from mesh.contracts.rules import RowCount, not_null, references, row_count, unique

_TYPES = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "float32": "float",
    "float64": "double",
    "string": "varchar",
    "binary": "blob",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
    "local_timestamp": "timestamp",
}


def document(contract: Contract, *, name: str) -> dict[str, Any]:
    """A properties file with one model of that name, as plain values."""
    return {"version": 2, "models": [model(contract, name=name)]}


def model(contract: Contract, *, name: str) -> dict[str, Any]:
    """The entry of the model."""
    made = _Model(contract)
    columns = [made.column(column) for column in contract.columns]
    constraints = made.constraints()
    rest = [rule for rule in contract.rules if rule.id not in made.said]
    counted = next((rule for rule in rest if _is_row_count(rule)), None)
    rest = [rule for rule in rest if rule is not counted]
    stated = [rule.as_json() for rule in rest if rule.check != "custom"]
    unsaid = [rule.text for rule in rest if rule.check == "custom"]
    terms: dict[str, Any] = {"version": str(contract.version)}
    if counted is not None:
        terms["row_count"] = dict(counted.arguments)
    if stated:
        terms["rules"] = stated
    meta = {"mesh": terms, **({"mesh_unsaid": unsaid} if unsaid else {})}
    return {
        "name": name,
        **({"description": contract.description} if contract.description else {}),
        "config": {"contract": {"enforced": True}, "meta": meta},
        **({"constraints": constraints} if constraints else {}),
        "columns": columns,
    }


class _Model:
    """Writes one contract, and knows which of its rules were said."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.columns = {column.name: column for column in contract.columns}
        self.said: set[str] = set()

    def column(self, column: Column) -> dict[str, Any]:
        own = [r for r in self.contract.rules_of(column.name) if r.columns == (column.name,)]
        constraints: list[dict[str, Any]] = []
        for rule in own:
            if constraint := self._constraint(rule):
                constraints.append(constraint)
                self.said.add(rule.id)
        terms = _terms(column) | self._reference(own)
        return {
            "name": column.name,
            "data_type": data_type(arrow_type(column.type)),
            **({"description": column.description} if column.description else {}),
            **({"constraints": constraints} if constraints else {}),
            **({"config": {"meta": {"mesh": terms}}} if terms else {}),
        }

    def constraints(self) -> list[dict[str, Any]]:
        """Constraints on several columns, and the key."""
        found: list[dict[str, Any]] = []
        if key := self.contract.key:
            found.append({"type": "primary_key", "columns": list(key)})
        for rule in self.contract.rules:
            if rule.check == "unique" and _is(rule, unique(rule.columns)):
                if rule.columns != key and len(rule.columns) > 1:
                    found.append({"type": "unique", "columns": list(rule.columns)})
                self.said |= {rule.id} if rule.columns == key or len(rule.columns) > 1 else set()
            elif len(rule.columns) > 1 and (text := check_constraint(rule, self.columns)):
                found.append({"type": "check", "expression": text})
                self.said.add(rule.id)
        return found

    def _constraint(self, rule: Rule) -> dict[str, Any] | None:
        (name,) = rule.columns
        if _is(rule, not_null(name)):
            return {"type": "not_null"}
        if _is(rule, unique(rule.columns)):
            return None if self.contract.key == rule.columns else {"type": "unique"}
        expression = check_constraint(rule, self.columns)
        return {"type": "check", "expression": expression} if expression else None

    def _reference(self, own: list[Rule]) -> dict[str, Any]:
        """The first reference, which is the column's own."""
        for rule in own:
            if rule.check != "references":
                continue
            to, severity = rule.arguments["to"], rule.severity
            if _is(rule, references(rule.columns, to, severity)):
                self.said.add(rule.id)
                is_warning = severity is Severity.WARNING
                return {"references": {"to": to, "severity": "warning"} if is_warning else to}
        return {}


def data_type(kind: pa.DataType) -> str:
    """A type as DuckDB writes it."""
    from mesh.contracts.arrow import type_name

    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_list(kind):
        return f"{data_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        parts = (f'"{field.name}" {data_type(field.type)}' for field in kind)
        return f"struct({', '.join(parts)})"
    name = type_name(kind)
    if name not in _TYPES:
        return "interval"  # what a loader refuses, with what to write instead
    return _TYPES[name]


def _terms(column: Column) -> dict[str, Any]:
    said = {
        "unit": column.unit,
        "classification": str(column.classification) if column.is_classified else "",
        "renamed_from": column.renamed_from,
    }
    return {name: value for name, value in said.items() if value}


def _is(rule: Rule, made: Rule) -> bool:
    return rule.as_json() == made.as_json()


def _is_row_count(rule: Rule) -> bool:
    return rule.check == "row_count" and _is(rule, row_count(RowCount(**rule.arguments)))
