"""Relationships of a document as rules on references.

Owns how a reference is read: `table.column`, `schema/id/properties/id`, or
`domain.product_v1.column`. A table of the same document counts where it is a product; what is in
another file, or is no product, is kept. Refuses columns that are not there, and columns that refer
to each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.contracts.model import Rule
from mesh.contracts.odcs.model import Findings, Part, ProductOf
from mesh.contracts.odcs.quality import severity_of
from mesh.contracts.rules import Target, references
from mesh.contracts.yaml_files import Path_
from mesh.errors import DefinitionError, did_you_mean, near_names
from mesh.naming import ProductId, column_name_problems

_SHOWN = 20
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """One end of a relationship: a column of a table, or of a product; `why` it is none of them."""

    table: str = ""
    column: str = ""
    product: str = ""
    why: str = ""


class Tables:
    """The tables of a document, and what of them a reference may name."""

    def __init__(self, document: Part) -> None:
        self.parts = {part.text("name"): part for part in document.parts("schema")}
        self._names: dict[str, str] = {}
        self._columns: dict[str, dict[str, str]] = {}
        for key in ("id", "physicalName", "name"):
            self._names |= {p.text(key): n for n, p in self.parts.items() if p.text(key)}

    def table(self, name: str) -> str:
        """The table of a name, physical name or id; empty when there is none."""
        return self._names.get(name, "")

    def columns(self, table: str) -> dict[str, str]:
        """Names of a table's columns, by name, physical name and id."""
        if table not in self._columns:
            parts = self.parts[table].parts("properties")
            found: dict[str, str] = {}
            for key in ("id", "physicalName", "name"):
                found |= {p.text(key): p.text("name") for p in parts}
            self._columns[table] = {key: name for key, name in found.items() if key and name}
        return self._columns[table]

    def read(self, text: str) -> Reference:
        """What a reference names."""
        file, hash_, path = text.rpartition("#")
        if hash_ and file:
            return Reference(why=f"{file} is another document")
        if "/" in path:
            words = path.strip("/").split("/")
            if len(words) != 4 or words[0] != "schema" or words[2] != "properties":  # noqa: PLR2004
                return Reference(why=f"{text!r} is no property of a schema object")
            return self._known(words[1], words[3], text)
        left, _, column = path.rpartition(".")
        if self.table(left):
            return self._known(left, column, text)
        try:
            return Reference(product=str(ProductId.parse(left)), column=column)
        except DefinitionError:
            return self._known(left, column, text)

    def _known(self, table: str, column: str, text: str) -> Reference:
        found = self.table(table)
        if not found:
            why = f"{table!r} is no table of this document, and no product" if table else text
            return Reference(why=why)
        return Reference(table=found, column=self.columns(found).get(column, column))

    def problem(self, reference: Reference) -> tuple[str, str]:
        """What is wrong with a reference to a table of the document, and a hint."""
        known = self.columns(reference.table).values() if reference.table else ()
        if reference.table and reference.column not in known:
            names = [*dict.fromkeys(known)]
            # Of very many names only those that begin alike: a hint must not cost minutes.
            start = reference.column[:3] if len(names) > _MOST_NAMES else ""
            alike = [name for name in names if name.startswith(start)][:_MOST_NAMES]
            hint = did_you_mean(near_names(reference.column, alike))
            what = f"{reference.table} has no column {reference.column!r}"
            return what, hint or f"columns are {', '.join(names[:_SHOWN])}"
        if reference.product and column_name_problems(reference.column):
            return f"{reference.column!r} is no column's name", "write domain.product_v1.column"
        return "", ""


@dataclass(frozen=True, slots=True)
class Relations:
    """The relationships of one table."""

    own: str
    tables: Tables
    product_of: ProductOf
    findings: Findings

    def of_column(self, column: Part) -> Iterator[Rule]:
        """The rules of what stands at a property; the first is the column's own reference."""
        name = column.text("name")
        if (said := column.custom("mesh.references")) is not None:
            yield from self._own(name, said, column.custom_path("mesh.references"))
        for item in column.parts("relationships"):
            yield from self._rule((name,), item)

    def of_table(self, table: Part) -> Iterator[Rule]:
        """The rules of what stands at the schema object."""
        for item in table.parts("relationships"):
            ends = [self.tables.read(text) for text in _texts(item, "from")]
            if not ends:
                continue
            elsewhere = [end for end in ends if end.table != self.own]
            for end in elsewhere:
                what = end.why or f"it is from {end.table or end.product}, not from {self.own}"
                self.findings.keep(what, item.at("from"))
            if not elsewhere and not self._told(ends, item, "from"):
                yield from self._rule(tuple(end.column for end in ends), item)

    def _own(self, name: str, said: object, path: Path_) -> Iterator[Rule]:
        told = said if isinstance(said, Mapping) else {"to": said}
        target, severity = str(told.get("to", "")), severity_of(str(told.get("severity", "")))
        end = self.tables.read(target)
        if not end.product or self.tables.problem(end)[0]:
            hint = "write domain.product_v1.column"
            self.findings.problem(f"{target!r} is no column of a product", path, hint)
            return
        yield references(name, target, severity)

    def _rule(self, columns: tuple[str, ...], item: Part) -> Iterator[Rule]:
        ends = [self.tables.read(text) for text in _texts(item, "to")]
        if not ends or self._told(ends, item, "to"):
            return
        if len(ends) != len(columns):
            what = f"{len(columns)} columns refer to {len(ends)}"
            self.findings.problem(what, item.at("to"), "name as many on both sides")
            return
        if len({(end.table, end.product) for end in ends}) > 1:
            what = "it refers to columns of several tables"
            self.findings.problem(what, item.at("to"), "write a relationship for each")
            return
        target = tuple(end.column for end in ends)
        if ends[0].table == self.own and target == columns:
            hint = "name the column that its values come from"
            self.findings.problem("it refers to itself", item.at("to"), hint)
            return
        product = ends[0].product or self.product_of(ends[0].table)
        if not product:
            what = f"{ends[0].table} is a table of this document: enforced where it is a product"
            self.findings.keep(what, item.path)
            return
        severity = severity_of(str(item.custom("mesh.severity") or ""))
        yield references(columns, str(Target(product, target)), severity)

    def _told(self, ends: list[Reference], item: Part, key: str) -> bool:
        """Whether an end is no column; it is told or kept."""
        is_told = False
        for end in ends:
            what, hint = self.tables.problem(end)
            if what:
                self.findings.problem(what, item.at(key), hint)
            elif end.why:
                self.findings.keep(end.why, item.at(key))
            is_told = is_told or bool(what or end.why)
        return is_told


def circles(tables: Tables, own: str, findings: Findings) -> None:
    """Tell of columns of a table that refer to each other in a circle, through whichever tables."""
    known: dict[End, list[End]] = {}
    places: dict[End, Path_] = {}
    for table, part in tables.parts.items():
        for column in part.parts("properties"):
            for item in column.parts("relationships"):
                end = (table, column.text("name"))
                ends = [tables.read(text) for text in _texts(item, "to")]
                known.setdefault(end, []).extend((e.table, e.column) for e in ends if e.table)
                places.setdefault(end, item.at("to"))
    for start in (end for end in known if end[0] == own):
        found = _circle(start, known)
        if len(found) > 2:  # noqa: PLR2004 -- a column that names itself is told where it is read
            shown = " → ".join(".".join(end) for end in found)
            hint = "remove one: a value has to come from somewhere"
            findings.problem(f"columns refer to each other: {shown}", places[start], hint)


End = tuple[str, str]
"""A table and a column of it."""


def _circle(start: End, known: Mapping[End, list[End]]) -> list[End]:
    """The way from a column back to itself; empty when there is none."""
    waiting, before = [start], dict[End, End]()
    while waiting:
        place = waiting.pop()
        for end in known.get(place, ()):
            if end == start:
                path = [place]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return [*reversed(path), start]
            if end not in before:
                before[end] = place
                waiting.append(end)
    return []


def _texts(item: Part, key: str) -> tuple[str, ...]:
    return (item.text(key),) if item.text(key) else item.texts(key)
