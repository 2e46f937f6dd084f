"""A document of one version of the standard as one of another.

Owns what happens to keys that the other version does not have: they move into custom properties of
what they stood at, under `mesh.moved.` and their name, and come back when a version with them is
asked for. Nothing is dropped.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.contracts.odcs import structure
from mesh.contracts.odcs.model import Findings, Part
from mesh.contracts.yaml_files import Path_
from mesh.errors import ContractDefinitionError, MeshError

MOVED = "mesh.moved."
"""How the names of custom properties begin that hold what a version has no key for."""
_MOST_ROUNDS = 200


def converted(document: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A document as one of a version, such as `3.1.0`; one that is of it already stays as it is.

    Raises ContractDefinitionError for a document that no version could hold.
    """
    made: dict[str, Any] = copy.deepcopy(dict(document))
    said = str(made.get("apiVersion", "")).removeprefix("v")
    if said == version:
        return made
    made["apiVersion"] = f"v{version}"
    made.setdefault("status", "active")
    _brought_back(made)
    for _ in range(_MOST_ROUNDS):
        refused = _refused(made)
        if not refused:
            return made
        for path in refused:
            _move(made, path)
    raise MeshError(f"it cannot be written as ODCS {version}", hint="export another version")


def moved(document: Mapping[str, Any]) -> list[str]:
    """The paths of keys that were moved, for people."""
    return sorted(_moved(document, ()))


def _moved(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in Part(value).parts("customProperties"):
            if item.text("property").startswith(MOVED):
                yield ".".join((*path, item.text("property").removeprefix(MOVED)))
        for key, inner in value.items():
            yield from _moved(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _moved(inner, (*path, str(index)))


def _refused(document: Mapping[str, Any]) -> list[Path_]:
    """The paths that the document's version has no key for."""
    places: dict[str, Path_] = {}

    def where(path: Path_) -> str:
        name = str(len(places))
        places[name] = path
        return name

    findings = Findings(where)
    structure.check(document, findings)
    if findings.problems:
        told = [
            type(p)(p.what, ".".join(places.get(p.where, ())), p.hint) for p in findings.problems
        ]
        raise ContractDefinitionError(told)
    return list(dict.fromkeys(places[note.where] for note in findings.notes))


def _move(document: dict[str, Any], path: Path_) -> None:
    """Move one key into the custom properties of the nearest thing that has them."""
    found = _owner(document, path)
    if found is None:  # it was moved with what it stood in
        return
    owner, key, place = found
    value = owner.pop(key)
    holder, below = _holder(document, place)
    name = ".".join((*below, key))
    holder.setdefault("customProperties", []).append({"property": f"{MOVED}{name}", "value": value})


def _owner(document: dict[str, Any], path: Path_) -> tuple[dict[str, Any], str, Path_] | None:
    """The mapping that a path's last key stands in; lists are moved whole. None for nothing."""
    at: Any = document
    best: tuple[dict[str, Any], str, Path_] | None = None
    for depth, key in enumerate(path):
        if isinstance(at, dict):
            if key not in at:
                break
            best = (at, key, path[:depth])
            at = at[key]
        else:
            at = at[int(key)]
    return best


def _holder(document: dict[str, Any], place: Path_) -> tuple[dict[str, Any], Path_]:
    """The schema object, property or document around a place, and the way from it."""
    at: Any = document
    holder, start = document, 0
    for depth, key in enumerate(place):
        at = at[int(key)] if isinstance(at, list) else at[key]
        is_table = depth == 1 and place[0] == "schema"
        is_column = depth >= 1 and place[depth - 1] == "properties" and "schema" in place[:1]
        if isinstance(at, dict) and (is_table or is_column):
            holder, start = at, depth + 1
    return holder, place[start:]


def _brought_back(value: Any) -> None:
    """Put what was moved for another version where it stood."""
    if isinstance(value, list):
        for inner in value:
            _brought_back(inner)
    elif isinstance(value, dict):
        held = value.get("customProperties")
        if isinstance(held, list):
            value["customProperties"] = [item for item in held if not _is_back(item, value)]
            if not value["customProperties"]:
                del value["customProperties"]
        for inner in value.values():
            _brought_back(inner)


def _is_back(item: Any, holder: dict[str, Any]) -> bool:
    """Whether a custom property held something that was moved, and is where it was again."""
    name = item.get("property") if isinstance(item, dict) else None
    if not isinstance(name, str) or not name.startswith(MOVED):
        return False
    return _put(holder, name.removeprefix(MOVED).split("."), item.get("value"))


def _put(holder: dict[str, Any], way: list[str], value: Any) -> bool:
    at: Any = holder
    for key in way[:-1]:
        try:
            at = at[int(key)] if isinstance(at, list) else at[key]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    if not isinstance(at, dict) or way[-1] in at:
        return False
    at[way[-1]] = value
    return True
