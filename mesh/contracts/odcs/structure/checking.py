"""A document held against the standard: what is wrong with it, and what its own version has not.

Owns the versions, and what becomes of a deviation: a problem where no version of the standard could
read it, a note where another one does or where it can be left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.contracts.odcs.model import Findings
from mesh.contracts.odcs.structure.schema import Schema
from mesh.contracts.odcs.structure.servers import V3_0, V3_1, V3_2
from mesh.contracts.odcs.structure.walking import Check, Deviation
from mesh.contracts.yaml_files import Path_

VERSIONS: Mapping[str, int] = {
    "v3.0.0": V3_0,
    "v3.0.1": V3_0,
    "v3.0.2": V3_0,
    "v3.1.0": V3_1,
    "v3.2.0": V3_2,
}
"""Versions of the standard that are read. 3.0.0 and 3.0.1 are read as 3.0.2."""


class _Document(Schema):
    """The keys of a document itself."""

    def document(self, value: Any) -> None:
        names = ("version", "id", "name", "tenant", "status", "dataProduct", "domain")
        keys: dict[str, Check] = {
            **dict.fromkeys((*names, "slaDefaultElement", "contractCreatedTs"), self.text),
            "kind": self.one_of(("DataContract",), is_vital=True),
            "apiVersion": self.one_of(VERSIONS, is_vital=True),
            "tags": self.texts,
            "servers": self.each(self.server),
            "description": self.description,
            "schema": self.each(self.schema_object),
            "support": self.each(self.support),
            "price": self.price,
            "team": self.team,
            "roles": self.each(self.role),
            "slaProperties": self.each(self.level),
            **self.told,
            **self.since(V3_2, {"context": self.context}),
        }
        required = ("version", "apiVersion", "kind", "id")
        status = () if self.version >= V3_2 else ("status",)
        self.mapping(value, (), keys, required=(*required, *status))


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Tell everything about a document that is not as the standard has it."""
    said = document.get("apiVersion")
    own = VERSIONS.get(said, V3_2) if isinstance(said, str) else V3_2
    walks = {version: _Document(version) for version in (V3_0, V3_1, V3_2)}
    for walk in walks.values():
        walk.document(document)
    problems = _problems(walks[own], [*walks.values()])
    for path, deviation in problems.items():
        findings.problem(deviation.what, path, deviation.hint or _hint(path))
    for path, deviation in walks[own].found.items():
        if path not in problems:
            named = said if isinstance(said, str) else "v3.2.0"
            findings.note(f"{deviation.what} ({named})", path, deviation.hint)


def _problems(own: _Document, all_: list[_Document]) -> dict[Path_, Deviation]:
    """Deviations that make no sense in any version that has a word for their place."""
    found = {path: item for path, item in own.found.items() if item.is_vital}
    for walk in all_:
        for path, item in walk.found.items():
            is_unknown = any(path[:n] in own.found for n in range(1, len(path) + 1))
            if item.is_vital and is_unknown:
                found.setdefault(path, item)
    return {path: item for path, item in found.items() if not any(_accepts(w, item) for w in all_)}


def _accepts(walk: _Document, item: Deviation) -> bool:
    """Whether a version has a word for a place, and nothing against what is there."""
    path = item.path[:-1] if item.is_missing else item.path
    places = (item.path[:n] for n in range(1, len(item.path) + 1))
    return path in walk.seen and not any(place in walk.found for place in places)


def _hint(path: Path_) -> str:
    return "apiVersion: v3.1.0" if path == ("apiVersion",) else ""
