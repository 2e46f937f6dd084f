"""Writing an ODCS document: of a contract that never was one, or the one that it was read from.

Owns the shape of a new document, and the promise that reading it gives an equal contract: each rule
is said in the standard's words where they mean the same when they are read again, and otherwise
written whole. A contract that came from a document gives that document back.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from mesh.contracts.model import Column, Contract, Rule
from mesh.contracts.odcs.columns import version_of
from mesh.contracts.odcs.converting import converted
from mesh.contracts.odcs.reading import read
from mesh.contracts.odcs.saying import Words, at_column, at_table, merged, own, whole
from mesh.errors import ContractDefinitionError

VERSIONS = ("3.0.2", "3.1.0", "3.2.0")
"""The versions of the standard that are written."""
DEFAULT = "3.1.0"
_WITH_TIMESTAMP = "3.1.0"
_LOGICAL: Mapping[str, str] = {
    "int": "integer",
    "float": "number",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
    "local_timestamp": "timestamp",
    "struct": "object",
    "list": "array",
}
"""The logical type of types that begin so; any other is a string."""


def document(
    contract: Contract, *, version: str = DEFAULT, facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An ODCS document of a contract, in plain values, of one of `VERSIONS`.

    `facts` are keys that the contract does not know: id, domain, team, servers, service levels. A
    contract that was read from a document gives that back, with what its own version says; `facts`
    fill only what the document leaves out. What the asked version of the standard has no key for is
    moved to custom properties, never dropped: see `converting`.
    """
    if contract.document:
        found = copy.deepcopy(dict(contract.document))
        if version_of(str(found.get("version", ""))) != contract.version:
            found["version"] = str(contract.version)
        found = {**found, **{k: v for k, v in (facts or {}).items() if k not in found}}
        return converted(found, version)
    return _new(contract, version, facts or {})


def _new(contract: Contract, version: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A new document; rules that the standard's words would change are written whole."""
    not_said: set[str] = set()
    while True:
        made = _made(contract, version, facts, not_said)
        differing = _differing(contract, made) - not_said
        if not differing:
            return made
        not_said |= differing


def _made(
    contract: Contract, version: str, facts: Mapping[str, Any], not_said: Collection[str]
) -> dict[str, Any]:
    head = {
        "apiVersion": f"v{version}",
        "kind": "DataContract",
        "id": facts.get("id", contract.name),
        "name": contract.name,
        "version": str(contract.version),
        "status": "active",
    }
    table = _Table(contract, version, not_said).words()
    return {**head, **{k: v for k, v in facts.items() if k not in head}, "schema": [table]}


def _differing(contract: Contract, made: Mapping[str, Any]) -> set[str]:
    """The ids of rules that are not the same when the document is read again."""
    try:
        again = read(made)
    except ContractDefinitionError:
        return {rule.id for rule in contract.rules}
    wanted = {rule.id: rule.as_json() for rule in contract.rules if rule.check != "custom"}
    found = {rule.id: rule.as_json() for rule in again.contract.rules}
    changed = {name for name in wanted if found.get(name) != wanted[name]}
    if changed:
        return changed
    added = {
        name for rule in again.contract.rules if rule.id not in wanted for name in rule.columns
    }
    return {rule.id for rule in contract.rules if added.intersection(rule.columns)}


class _Table:
    """The schema object of a contract."""

    def __init__(self, contract: Contract, version: str, not_said: Collection[str]) -> None:
        self.contract = contract
        self.version = version
        self.not_said = not_said

    def words(self) -> Words:
        contract = self.contract
        columns = [self._column(column) for column in contract.columns]
        table: Words = {"name": contract.name, "logicalType": "object"}
        if contract.description:
            table["description"] = contract.description
        table["properties"] = columns
        for rule in contract.rules:
            if not self._is_implied(rule) and not self._is_at_column(rule):
                said = None if rule.id in self.not_said else at_table(rule, self.version)
                merged(table, said or whole(rule))
        if not contract.is_strict:
            merged(table, own("mesh.isStrict", contract.is_strict))
        merged(table, own("mesh.ruleOrder", [rule.id for rule in contract.rules]))
        return table

    def _column(self, column: Column) -> Words:
        words: Words = {
            "name": column.name,
            "logicalType": _logical(column.type, self.version),
            "physicalType": _physical(column.type),
            "required": not column.is_nullable,
        }
        if column.key_position is not None:
            words |= {
                "primaryKey": True,
                "primaryKeyPosition": self.contract.key.index(column.name) + 1,
            }
        if any(self._is_own_unique(rule, column.name) for rule in self.contract.rules):
            words["unique"] = True
        if column.description:
            words["description"] = column.description
        words["classification"] = str(column.classification)
        if column.type.startswith("list<"):
            words["items"] = _items(column.type, self.version)
        for name, value in self._without_a_word(column).items():
            merged(words, own(name, value))
        for rule in self.contract.rules:
            if rule.columns == (column.name,) and self._is_at_column(rule):
                merged(words, at_column(rule, self.version) or {})
        return words

    def _without_a_word(self, column: Column) -> dict[str, object]:
        """What ODCS has no word for."""
        found: dict[str, object] = {}
        if column.unit:
            found["mesh.unit"] = column.unit
        if column.renamed_from:
            found["mesh.renamedFrom"] = column.renamed_from
        if column.is_key and column.key_position != self.contract.key.index(column.name):
            found["mesh.keyPosition"] = column.key_position
        return found

    def _is_at_column(self, rule: Rule) -> bool:
        """Whether a property says it."""
        if len(rule.columns) != 1 or rule.id in self.not_said or self._is_implied(rule):
            return False
        return at_column(rule, self.version) is not None

    def _is_implied(self, rule: Rule) -> bool:
        """Whether `required`, `unique` or the key says it."""
        if rule.check == "not_null" and len(rule.columns) == 1:
            return not self.contract.column(rule.columns[0]).is_nullable
        if rule.check != "unique":
            return False
        return rule.columns == self.contract.key or len(rule.columns) == 1

    def _is_own_unique(self, rule: Rule, name: str) -> bool:
        return rule.check == "unique" and rule.columns == (name,) and self.contract.key != (name,)


def _logical(kind: str, version: str) -> str:
    found = next((said for name, said in _LOGICAL.items() if kind.startswith(name)), "string")
    return "date" if found == "timestamp" and version < _WITH_TIMESTAMP else found


def _physical(kind: str) -> str:
    """A type as databases call it where reading that gives the type again, else Mesh's own name.

    Other tools stop at a physical type that they do not know.
    """
    return {"float64": "double", "local_timestamp": "timestamp_ntz"}.get(kind, kind)


def _items(kind: str, version: str) -> Words:
    inner = kind.removeprefix("list<").removesuffix(">")
    words: Words = {"logicalType": _logical(inner, version), "physicalType": _physical(inner)}
    return {**words, "items": _items(inner, version)} if inner.startswith("list<") else words
