"""Which column of a new contract is which of the old.

Owns how a rename is declared: `mesh.Field(renamed_from="…")`, the ODCS custom property
`renamedFrom`, or the same stable `id` of an ODCS property under another name. Guesses nothing: a
column that only looks like another is one that is gone and one that is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mesh.contracts.model import Contract, Rule


@dataclass(frozen=True, slots=True)
class Pairing:
    """The new name of each old column that is still there."""

    kept: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, before: Contract, after: Contract) -> Pairing:
        """Pair two contracts' columns: by name, then by declared rename, then by stable id."""
        old, new = set(before.column_names), set(after.column_names)
        kept = {name: name for name in before.column_names if name in new}
        gone, added = old - new, new - old
        for name, source in renames(after).items():
            if name in added and source in gone and source not in kept:
                kept[source] = name
        ids = {found: name for name, found in _ids(after).items() if name in added}
        for name, found in _ids(before).items():
            other = ids.get(found)
            if other and name in gone and name not in kept and other not in kept.values():
                kept[name] = other
        return cls(kept)

    def renamed(self, name: str) -> str:
        """The new name of an old column; its old one when it is gone."""
        return self.kept.get(name, name)

    def rule(self, rule: Rule) -> Rule:
        """A rule of the old contract, under the new names."""
        columns = tuple(self.renamed(name) for name in rule.columns)
        return rule if columns == rule.columns else replace(rule, columns=columns)


def renames(contract: Contract) -> dict[str, str]:
    """Where columns say that they had another name before: new name to old."""
    declared = {c.name: c.renamed_from for c in contract.columns if c.renamed_from}
    for name, column in properties(contract).items():
        custom = column.get("customProperties")
        for item in custom if isinstance(custom, list) else []:
            if isinstance(item, Mapping) and item.get("property") == "renamedFrom":
                declared.setdefault(name, str(item.get("value", "")))
    return declared


def _ids(contract: Contract) -> dict[str, str]:
    found = {name: column.get("id") for name, column in properties(contract).items()}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def properties(contract: Contract) -> dict[str, Mapping[str, Any]]:
    """The ODCS properties of a contract's own table, by name; empty without a document."""
    for schema in _mappings(contract.document.get("schema")):
        if schema.get("name") == contract.table:
            found = _mappings(schema.get("properties"))
            named = {str(item["physicalName"]): item for item in found if item.get("physicalName")}
            return {**named, **{str(item.get("name")): item for item in found}}
    return {}


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []
