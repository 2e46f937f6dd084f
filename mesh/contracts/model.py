"""The contract: one frozen model, from which every other form is projected.

Owns columns, rules and their words. Knows no library's schema: `contracts.pandera`, `contracts.dbt`
and others load into it and are made from it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from mesh.contracts.stored_values import restored
from mesh.errors import UnknownColumnError

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Severity(StrEnum):
    """What breaking a rule means: `error` keeps the row or the publication out."""

    ERROR = "error"
    WARNING = "warning"


class Scope(StrEnum):
    """What a rule is decided on: each `row` by itself, or the whole `set` at the end."""

    ROW = "row"
    SET = "set"


class Classification(StrEnum):
    """How carefully a column's values are to be handled."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    PERSONAL = "personal"


GUARDED = frozenset({Classification.CONFIDENTIAL, Classification.PERSONAL})
"""Classes of values that are not for everyone."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version of a contract; its major is the product's major."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `1.2.3`. Raises ValueError."""
        match = _VERSION.fullmatch(text)
        if match is None:
            message = f"{text!r} is not a version such as 1.0.0"
            raise ValueError(message)
        return cls(*(int(part) for part in match.groups()))

    def __str__(self) -> str:
        """`1.2.3`."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise that data can break.

    `check` is Pandera's name of a built-in check (`in_range`, `isin`, …), or one of Mesh's own:
    on rows those of `contracts.value_checks`, on the set `unique`, `row_count`, `references`,
    `metric` and `sql`; `custom` is a function of the domain's, kept as the Pandera check that holds
    it. `text` is the rule as people read it, and unique in a contract;
    `id` is the same as an identifier. `dimension` is ODCS's word for what it looks at, such as
    `completeness`.
    """

    id: str
    text: str
    check: str
    columns: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity = Severity.ERROR
    scope: Scope = Scope.ROW
    is_null_ignored: bool = True
    description: str = ""
    dimension: str = ""
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    @property
    def is_blocking(self) -> bool:
        """Whether breaking it keeps data out."""
        return self.severity is Severity.ERROR

    @property
    def counts_rows(self) -> bool:
        """Whether it is broken by so many rows, and not by the set as a whole."""
        return self.scope is Scope.ROW or self.check in {"unique", "references"}

    @property
    def is_on_any_column(self) -> bool:
        """Whether it may look at columns that it does not name."""
        return not self.columns or self.check == "sql"

    def as_json(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {
            "id": self.id,
            "text": self.text,
            "check": self.check,
            "columns": list(self.columns),
            "arguments": {name: _plain(value) for name, value in self.arguments.items()},
            "severity": str(self.severity),
            "scope": str(self.scope),
            "is_null_ignored": self.is_null_ignored,
            "description": self.description,
            **({"dimension": self.dimension} if self.dimension else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], types: Mapping[str, str]) -> Rule:
        """Read what `as_json` wrote, of a contract with these types by column."""
        columns = tuple(data["columns"])
        arguments = dict(data["arguments"])
        if len(columns) == 1:
            arguments = restored(data["check"], arguments, types.get(columns[0], ""))
        return cls(
            **{
                **data,
                "columns": columns,
                "arguments": arguments,
                "severity": Severity(data["severity"]),
                "scope": Scope(data["scope"]),
            }
        )


@dataclass(frozen=True, slots=True)
class Column:
    """One promised column. `type` is in the words of `contracts.arrow.type_name`.

    `renamed_from` is the name that it had in the version before, so that who compares the two sees
    a rename, and not a column gone and another added. `is_class_said` where whoever declares it
    wrote the classification down: it is no part of the promise, and not kept with it.
    """

    name: str
    type: str
    is_nullable: bool = False
    key_position: int | None = None
    description: str = ""
    unit: str = ""
    classification: Classification = Classification.INTERNAL
    references: str = ""
    renamed_from: str = ""
    is_class_said: bool = field(default=False, compare=False)

    @property
    def is_classified(self) -> bool:
        """Whether somebody chose its classification, which is otherwise `internal`."""
        return self.is_class_said or self.classification is not Classification.INTERNAL

    @property
    def is_key(self) -> bool:
        """Whether it is part of the key."""
        return self.key_position is not None

    def as_json(self) -> dict[str, Any]:
        """The column as plain values."""
        return {
            "name": self.name,
            "type": self.type,
            "is_nullable": self.is_nullable,
            "key_position": self.key_position,
            "description": self.description,
            "unit": self.unit,
            "classification": str(self.classification),
            "references": self.references,
            **({"renamed_from": self.renamed_from} if self.renamed_from else {}),
        }


@dataclass(frozen=True, slots=True)
class Contract:
    """What a product promises: columns in order, and rules over rows and over the whole.

    `document` is the whole ODCS contract that it was read from, as plain values, and `table` the
    name of the schema object in it; both are empty for a contract that was written otherwise. What
    the other fields say goes before what the document says.
    """

    name: str
    version: Version
    description: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    is_strict: bool = True
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    table: str = ""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the contract's order."""
        return tuple(column.name for column in self.columns)

    @property
    def key(self) -> tuple[str, ...]:
        """The key's columns, in the key's order; empty when there is none."""
        keyed = [column for column in self.columns if column.is_key]
        return tuple(c.name for c in sorted(keyed, key=lambda column: column.key_position or 0))

    @property
    def guarded_columns(self) -> frozenset[str]:
        """Columns whose values are not for everyone: confidential and personal ones."""
        return frozenset(c.name for c in self.columns if c.classification in GUARDED)

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        """Rules decided on each row."""
        return tuple(rule for rule in self.rules if rule.scope is Scope.ROW)

    @property
    def set_rules(self) -> tuple[Rule, ...]:
        """Rules decided on the whole, at the end."""
        return tuple(rule for rule in self.rules if rule.scope is Scope.SET)

    def column(self, name: str) -> Column:
        """The column of that name. Raises UnknownColumnError with near names."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownColumnError(name, self.column_names, where=self.name)

    def rules_of(self, column: str) -> tuple[Rule, ...]:
        """The rules that name a column."""
        return tuple(rule for rule in self.rules if column in rule.columns)

    def as_json(self) -> dict[str, Any]:
        """The contract as plain values, for the catalog and for `digest`."""
        return {
            "name": self.name,
            "version": str(self.version),
            "description": self.description,
            "is_strict": self.is_strict,
            "columns": [column.as_json() for column in self.columns],
            "rules": [rule.as_json() for rule in self.rules],
            **({"document": dict(self.document), "table": self.table} if self.document else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Contract:
        """Read what `as_json` wrote. Custom rules come back without their function."""
        columns = tuple(
            Column(**{**c, "classification": Classification(c["classification"])})
            for c in data["columns"]
        )
        types = {column.name: column.type for column in columns}
        return cls(
            name=data["name"],
            version=Version.parse(data["version"]),
            description=data["description"],
            is_strict=data["is_strict"],
            document=data.get("document", {}),
            table=data.get("table", ""),
            columns=columns,
            rules=tuple(Rule.from_json(rule, types) for rule in data["rules"]),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the contract's content: equal contracts have equal digests."""
        text = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def distinct_rules(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules with ids and texts made unique by a number, in order."""
    result: list[Rule] = []
    ids: set[str] = set()
    texts: set[str] = set()
    for rule in rules:
        chosen, number = rule, 1
        while chosen.id in ids or chosen.text in texts:
            number += 1
            chosen = replace(rule, id=f"{rule.id}_{number}", text=f"{rule.text} ({number})")
        ids.add(chosen.id)
        texts.add(chosen.text)
        result.append(chosen)
    return tuple(result)


def _plain(value: object) -> Any:
    """A rule's argument as JSON can hold it; times and decimals as their text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    return str(value)
