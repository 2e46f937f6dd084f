"""What reading an ODCS document gives: a contract, and what of the document is kept only.

Owns the words of Mesh's own that a document may hold. Reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.contracts.model import Contract
from mesh.contracts.yaml_files import Path_
from mesh.errors import Problem

Where = Callable[[Path_], str]
"""Tells where in its file a path of a document stands."""
ProductOf = Callable[[str], str]
"""The product, `domain.product_v1`, that a table of the same document is; empty for none."""
ENGINE = "mesh"
"""The `engine` of a quality rule of type `custom` that Mesh enforces itself."""
OWN_OF_TABLE = ("mesh.name", "mesh.isStrict", "mesh.ruleOrder")
"""Custom properties of a schema object that say what ODCS has no word for."""
OWN_OF_COLUMN = (
    "mesh.keyPosition",
    "mesh.unit",
    "mesh.classification",
    "mesh.references",
    "mesh.renamedFrom",
)
"""Custom properties of a property that say what ODCS has no word for."""


FOR_PEOPLE = "a text for people: nothing can measure it"
"""Why a quality rule of type `text` is not enforced."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Something that a document says, and Mesh keeps without enforcing it: its path, and why."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Levels:
    """How old the last publication may be (`4d`), and how long rows or versions are kept (`3y`)."""

    freshness: str = ""
    retention: str = ""
    retention_column: str = ""


@dataclass(frozen=True, slots=True)
class OdcsContract:
    """One schema object of a document.

    `contract.document` is the whole document as plain values, `contract.table` the object's name.
    `partition_by` are the columns that it is partitioned by, in order, `levels` the service levels
    that a product may take over. `notes` say where the
    standard's own schema of the document's version would refuse what Mesh reads all the same.
    """

    contract: Contract
    kept: tuple[Kept, ...] = ()
    partition_by: tuple[str, ...] = ()
    levels: Levels = Levels()
    notes: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Findings:
    """What is collected while a document is read."""

    where: Where
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def problem(self, what: str, path: Path_, hint: str = "") -> None:
        """Something that is wrong."""
        self.problems.append(Problem(what, self.where(path), hint))

    def note(self, what: str, path: Path_, hint: str = "") -> None:
        """Something that is not as the standard's version has it, and can be read."""
        self.notes.append(Problem(what, self.where(path), hint))

    def keep(self, what: str, path: Path_) -> None:
        """Something that is not enforced, and why."""
        self.kept.append(Kept(".".join(path), what))


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping in a document, and its path.

    What has another type than is asked for counts as not there: `odcs.structure` has told of it.
    """

    data: Mapping[str, Any]
    path: Path_ = ()

    def at(self, *keys: str | int) -> Path_:
        """The path of something below."""
        return (*self.path, *map(str, keys))

    def text(self, key: str) -> str:
        """A text; empty when there is none."""
        found = self.data.get(key)
        return found if isinstance(found, str) else ""

    def flag(self, key: str) -> bool:
        """Whether something is said to be true."""
        return self.data.get(key) is True

    def number(self, key: str) -> int | float | None:
        """A number, whole where it can be."""
        found = self.data.get(key)
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        return int(found) if isinstance(found, float) and found.is_integer() else found

    def whole(self, key: str) -> int | None:
        """A whole number."""
        found = self.number(key)
        return found if isinstance(found, int) else None

    def part(self, key: str) -> Part:
        """A mapping; an empty one when there is none."""
        found = self.data.get(key)
        return Part(found if isinstance(found, Mapping) else {}, self.at(key))

    def parts(self, key: str) -> tuple[Part, ...]:
        """The mappings of a list."""
        return tuple(
            Part(item, self.at(key, index))
            for index, item in enumerate(self.values(key))
            if isinstance(item, Mapping)
        )

    def values(self, key: str) -> list[Any]:
        """A list; an empty one when there is none."""
        found = self.data.get(key)
        return found if isinstance(found, list) else []

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(item for item in self.values(key) if isinstance(item, str))

    def custom(self, name: str) -> Any:
        """The value of a custom property; None when there is none."""
        for item in self.parts("customProperties"):
            if item.text("property") == name:
                return item.data.get("value")
        return None

    def custom_path(self, name: str) -> Path_:
        """The path of a custom property's value."""
        for item in self.parts("customProperties"):
            if item.text("property") == name:
                return item.at("value")
        return self.at("customProperties")


def texts_for_people(document: Mapping[str, Any], table: str) -> list[str]:
    """What a document's quality rules of type `text` say of a table and of its columns."""
    found: list[str] = []
    for part in Part(document).parts("schema"):
        if part.text("name") == table:
            found += _texts(part)
            for column in part.parts("properties"):
                found += [f"{column.text('name')}: {text}" for text in _texts(column)]
    return found


def _texts(part: Part) -> list[str]:
    return [
        item.text("description").strip()
        for item in part.parts("quality")
        if item.text("type") == "text" and item.text("description").strip()
    ]
