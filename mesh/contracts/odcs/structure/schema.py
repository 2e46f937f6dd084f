"""The structure of schema objects: properties, quality rules and relationships.

Owns the keys of each by version, and which depend on others: what a logical type is made of, what
a quality rule of a type needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.contracts.measures import METRICS, OPERATORS
from mesh.contracts.odcs.structure.options import Options
from mesh.contracts.odcs.structure.servers import V3_0, V3_1, V3_2
from mesh.contracts.odcs.structure.walking import Check, shown
from mesh.contracts.yaml_files import Path_

_TYPES = (
    ("string", "date", "number", "integer", "object", "array", "boolean"),
    ("timestamp", "time"),
    ("map", "vector"),
)
_DIMENSIONS = (
    "accuracy",
    "completeness",
    "conformity",
    "consistency",
    "coverage",
    "timeliness",
    "uniqueness",
)
_PAIRS = ("mustBeBetween", "mustNotBeBetween")
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DASHED = r"[A-Za-z_][A-Za-z0-9_\-]*"
_SHORT = (rf"^{_NAME}\.{_NAME}$", rf"^{_DASHED}(\.{_DASHED})+$")
_FULL = (
    rf"^(?:(?:https?:\/\/)?[A-Za-z0-9._\-\/]+\.ya?ml#)?\/?{_NAME}\/[A-Za-z0-9_-]+"
    rf"(?:\/{_NAME}\/[A-Za-z0-9_-]+)*$"
)


class Schema(Options):
    """Schema objects and everything in them."""

    def logical_types(self) -> tuple[str, ...]:
        """The logical types that the version knows."""
        return tuple(name for added in _TYPES[: self.version + 1] for name in added)

    @property
    def _element(self) -> dict[str, Check]:
        names = ("name", "physicalType", "description", "businessName", "physicalName")
        keys = {**dict.fromkeys(names, self.text), "tags": self.texts, **self.told, **self.id_}
        added = {"deprecated": self.flag, "synonyms": self.each(self._synonym)}
        return keys | self.since(V3_2, added)

    def schema_object(self, value: Any, path: Path_) -> None:
        """A table, or whatever has properties."""
        keys = {
            **self._element,
            "logicalType": self.one_of(("object",)),
            "dataGranularityDescription": self.text,
            "properties": self.each(self.property_),
            "quality": self.each(self.quality),
        }
        keys |= self.since(V3_1, {"relationships": self.each(self._of_table)})
        keys |= self.since(V3_2, {"context": self.context})
        self.mapping(value, path, keys, required=("name",))

    def property_(self, value: Any, path: Path_) -> None:
        """A property, which has a name."""
        self._property(value, path, required=("name",))

    def item(self, value: Any, path: Path_) -> None:
        """What an array has, or a map: a property that may go without a name."""
        self._property(value, path, is_item=True)

    def _property(
        self, value: Any, path: Path_, *, required: tuple[str, ...] = (), is_item: bool = False
    ) -> None:
        kind = value.get("logicalType") if isinstance(value, Mapping) else None
        is_untyped = isinstance(value, Mapping) and "logicalType" not in value
        keys = {**self._element, **self._of_property()}
        if kind == "object" or is_untyped or (is_item and self.version == V3_0):
            keys["properties"] = self.each(self.property_)
        if kind == "array" or is_untyped:
            keys["items"] = self.item
        if self.version >= V3_2 and (kind == "map" or is_untyped):
            keys["map"] = self._map
            required = (*required, "map") if kind == "map" else required
        keys["logicalTypeOptions"] = self.options(kind, is_untyped=is_untyped)
        self.mapping(value, path, keys, required=required)
        if self.version >= V3_2 and is_untyped and "map" not in value:
            what = "'logicalType' is missing"
            self.say((*path, "logicalType"), what, is_vital=False)

    def _of_property(self) -> dict[str, Check]:
        flags = ("primaryKey", "required", "unique", "partitioned", "criticalDataElement")
        texts = ("classification", "encryptedName", "transformLogic", "transformDescription")
        keys: dict[str, Check] = {
            **dict.fromkeys(flags, self.flag),
            **dict.fromkeys(texts, self.text),
            **dict.fromkeys(("primaryKeyPosition", "partitionKeyPosition"), self.whole),
            "logicalType": self.one_of(self.logical_types(), is_vital=True),
            "transformSourceObjects": self.texts,
            "examples": self.each(self.anything),
            "quality": self.each(self.quality),
        }
        keys |= self.since(V3_1, {"relationships": self.each(self._of_column)})
        added = {
            "semanticType": self.one_of(("column", "measure", "dimension")),
            "enum": lambda v, p: self.listing(v, p, self._enum_value, least=1, is_unique=True),
        }
        return keys | self.since(V3_2, added)

    def _enum_value(self, value: Any, path: Path_) -> None:
        keys = {"value": self.scalar, "label": self.text, "description": self.text}
        keys |= {"tags": self.texts, **self.told, **self.id_}
        self.mapping(value, path, keys, required=("value",))

    def _synonym(self, value: Any, path: Path_) -> None:
        names = ("synonym", "description", "locale", "source", "status")
        keys = {**dict.fromkeys(names, self.text), "customProperties": self.custom, **self.id_}
        self.mapping(value, path, keys, required=("synonym",))

    def _map(self, value: Any, path: Path_) -> None:
        keys = {"key": self.item, "value": self.item}
        self.mapping(value, path, keys, required=("key", "value"))

    def quality(self, value: Any, path: Path_) -> None:
        """A quality rule; what it needs depends on its type."""
        names = ("businessImpact", "description", "method", "name", "schedule", "scheduler")
        keys = {**dict.fromkeys(names, self.text), **self.told, **self.id_}
        keys |= dict.fromkeys(("severity", "unit"), self.text)
        keys |= {"tags": self.texts, "dimension": self.one_of(_DIMENSIONS)}
        keys |= {"type": self.one_of(("text", "library", "sql", "custom"))}
        said = value if isinstance(value, Mapping) else {}
        required: tuple[str, ...] = ()
        if self._is_library(said):
            keys |= self._library(said)
            required = ("rule",) if self.version == V3_0 else ("metric",)
        if said.get("type") == "sql":
            keys |= {"query": self.text, **self._operators(said)}
            required = (*required, "query")
        if said.get("type") == "custom":
            keys |= {"engine": self.text, "implementation": self._implementation}
            required = (*required, "engine", "implementation")
        self.mapping(value, path, keys, required=required, is_open=self.version == V3_0)
        is_measured = self._is_library(said) or said.get("type") == "sql"
        if self.version > V3_0 and is_measured and len(self._operators(said)) != 1:
            named = [name for name in OPERATORS if name in said]
            what = f"it has {len(named)} operators, and needs one"
            hint = "write mustBe: 0, or another operator"
            self.say((*path, "mustBe"), what, hint, is_vital=False)

    def _is_library(self, said: Mapping[str, Any]) -> bool:
        if self.version == V3_0:
            return "type" not in said or said["type"] == "library"
        return said.get("type") == "library" or isinstance(said.get("metric"), str)

    def _library(self, said: Mapping[str, Any]) -> dict[str, Check]:
        if self.version == V3_0:
            return {"rule": self.text, **dict.fromkeys(_PAIRS, self._pair), **self._numbers()}
        keys = {"metric": self.one_of(METRICS), "rule": self.text, "arguments": self._open}
        return {**keys, **self._operators(said)}

    def _numbers(self) -> dict[str, Check]:
        free = {"mustBe": self.anything, "mustNotBe": self.anything}
        rest = [name for name in OPERATORS if name not in (*free, *_PAIRS)]
        return {**free, **dict.fromkeys(rest, self.number)}

    def _operators(self, said: Mapping[str, Any]) -> dict[str, Check]:
        """The operators that a rule has."""
        if self.version == V3_0:
            return {}
        checks = {**self._numbers(), **dict.fromkeys(_PAIRS, self._pair)}
        return {name: check for name, check in checks.items() if name in said}

    def _pair(self, value: Any, path: Path_) -> None:
        self.listing(value, path, self.number, is_unique=True)
        if isinstance(value, list) and len(value) != 2:  # noqa: PLR2004 -- a pair
            self.say(path, f"{shown(value)} are not two numbers")

    def _implementation(self, value: Any, path: Path_) -> None:
        self.seen.add(path)
        if not isinstance(value, str | Mapping):
            self.say(path, f"{shown(value)} is neither a text nor a mapping")

    def _open(self, value: Any, path: Path_) -> None:
        self.mapping(value, path, {}, is_open=True)

    def _of_table(self, value: Any, path: Path_) -> None:
        self._relationship(value, path, required=("from", "to"))
        if isinstance(value, Mapping):
            ends = {type(value[key]) for key in ("from", "to") if key in value}
            if len(ends) > 1:
                hint = "write both as lists"
                self.say((*path, "to"), "one end is a list, the other is not", hint)

    def _of_column(self, value: Any, path: Path_) -> None:
        self._relationship(value, path, required=("to",))

    def _relationship(self, value: Any, path: Path_, *, required: tuple[str, ...]) -> None:
        keys = {"type": self.one_of(("foreignKey",)), "to": self._ends}
        keys |= {"customProperties": self.custom}
        keys |= {"from": self._ends} if "from" in required else {}
        keys |= self.since(V3_2, {"id": self.text})
        self.mapping(value, path, keys, required=required)

    def _ends(self, value: Any, path: Path_) -> None:
        """One reference, or a list of them."""
        self.seen.add(path)
        if isinstance(value, list):
            self.listing(value, path, self._end, least=1)
        else:
            self._end(value, path)

    def _end(self, value: Any, path: Path_) -> None:
        short = _SHORT[1 if self.version >= V3_2 else 0]
        self.matching(f"{short}|{_FULL}", "table.column, nor schema/id/properties/id")(value, path)
