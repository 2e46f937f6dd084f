"""What differs between two contents of a contract, in a few words, and the version that asks for.

Owns a short account for a message: columns and rules by name. What a change means to whom is not
decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mesh.contracts.arrow import arrow_type, why_not
from mesh.contracts.model import Column, Contract, Version

Bump = Literal["major", "minor", "patch"]

_WEIGHT = {"patch": 0, "minor": 1, "major": 2}
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Differing:
    """The changes in words, and the least part of the version that has to move for them."""

    changes: tuple[str, ...]
    bump: Bump

    def __str__(self) -> str:
        """The first changes, and how many more there are."""
        rest = len(self.changes) - _SHOWN
        shown = "; ".join(self.changes[:_SHOWN])
        return f"{shown}; and {rest} more" if rest > 0 else shown

    def following(self, version: Version) -> Version:
        """The version to write after `version`."""
        if self.bump == "major":
            return Version(version.major + 1, 0, 0)
        if self.bump == "minor":
            return Version(version.major, version.minor + 1, 0)
        return Version(version.major, version.minor, version.patch + 1)


def differing(before: Contract, after: Contract) -> Differing:
    """What differs between two contracts, apart from their versions."""
    found = [*_of_columns(before, after), *_of_rules(before, after), *_of_rest(before, after)]
    if not found and before.document.get("schema") != after.document.get("schema"):
        found = [("the schema of its document differs, of another table or in words", "patch")]
    bump: Bump = max((weight for _, weight in found), key=_WEIGHT.__getitem__, default="patch")
    return Differing(tuple(text for text, _ in found), bump)


def _of_columns(before: Contract, after: Contract) -> Iterator[tuple[str, Bump]]:
    old = {column.name: column for column in before.columns}
    new = {column.name: column for column in after.columns}
    for name in old.keys() - new.keys():
        yield f"column {name} is gone", "major"
    for name in new.keys() - old.keys():
        yield f"column {name} is new", "minor"
    for name in sorted(old.keys() & new.keys()):
        yield from _of_column(old[name], new[name])


def _of_column(old: Column, new: Column) -> Iterator[tuple[str, Bump]]:
    if old.type != new.type:
        is_wider = not why_not(arrow_type(old.type), arrow_type(new.type))
        yield (
            f"column {new.name} was {old.type} and is {new.type}",
            "minor" if is_wider else "major",
        )
    if old.is_nullable != new.is_nullable:
        yield (
            (f"column {new.name} may be null", "major")
            if new.is_nullable
            else (f"column {new.name} may not be null any more", "minor")
        )
    if old.key_position != new.key_position:
        yield f"the key changed at {new.name}", "major"
    if old.unit != new.unit:
        yield f"the unit of {new.name} was {old.unit or 'none'}, is {new.unit or 'none'}", "major"
    if old.classification != new.classification:
        yield f"{new.name} was {old.classification} and is {new.classification}", "minor"
    if old.references != new.references:
        yield f"{new.name} refers to {new.references or 'nothing'}", "minor"
    if old.description != new.description:
        yield f"{new.name} is described otherwise", "patch"


def _of_rules(before: Contract, after: Contract) -> Iterator[tuple[str, Bump]]:
    old = {rule.text: rule.as_json() for rule in before.rules if rule.check != "not_null"}
    new = {rule.text: rule.as_json() for rule in after.rules if rule.check != "not_null"}
    for text in old.keys() - new.keys():
        yield f"rule `{text}` is gone", "minor"
    for text in new.keys() - old.keys():
        yield f"rule `{text}` is new", "minor"
    for text in sorted(old.keys() & new.keys()):
        if _without(old[text], "id", "description") != _without(new[text], "id", "description"):
            yield f"rule `{text}` is decided otherwise", "minor"
        elif old[text]["description"] != new[text]["description"]:
            yield f"rule `{text}` is described otherwise", "patch"


def _of_rest(before: Contract, after: Contract) -> Iterator[tuple[str, Bump]]:
    if set(before.column_names) == set(after.column_names) and (
        before.column_names != after.column_names
    ):
        yield "columns are in another order", "patch"
    if before.is_strict != after.is_strict:
        yield f"it is {'' if after.is_strict else 'not '}strict", "minor"
    if before.name != after.name:
        yield f"it was called {before.name} and is {after.name}", "patch"
    if before.description != after.description:
        yield "it is described otherwise", "patch"
    if dict(before.document) != dict(after.document):
        parts = before.document.keys() | after.document.keys()
        moved = (p for p in parts if before.document.get(p) != after.document.get(p))
        named = sorted(name for name in moved if name not in {"version", "schema"})
        if named:
            yield f"its document differs in {', '.join(named)}", "patch"


def _without(rule: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name not in names}
