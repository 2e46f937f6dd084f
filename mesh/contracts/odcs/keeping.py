"""What of a document is kept only, key by key.

Owns the walk through a document and one of its tables. What stands at many properties is named
once, with `*` for their places; what would be enforced at a column and stands deeper is named each
time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mesh.contracts.odcs.model import ENGINE, OWN_OF_COLUMN, OWN_OF_TABLE, Findings, Kept, Part
from mesh.contracts.odcs.uses import COLUMN, DOCUMENT, QUALITY, RELATIONSHIP, TABLE, KeyUse, Use

_OWN = frozenset({*OWN_OF_TABLE, *OWN_OF_COLUMN, "mesh.severity", "renamedFrom"})
_OF_COLUMNS_ONLY = (
    "unique",
    "primaryKey",
    "enum",
    "quality",
    "relationships",
    "classification",
    "partitioned",
)
_LENGTH = re.compile(r"(?i)^[^<]*(?:char|text|string|binary|clob)[^<]*[\[(]\s*\d")
_NO_LENGTH = "lengths of physical types are not enforced: logicalTypeOptions.maxLength is"
_DEEPER = "inside of a list or an object only types and required fields are enforced"


def keep_rest(document: Part, table: Part, findings: Findings) -> None:
    """Name every key of a document and of a table in it that nothing else reads."""
    found: dict[str, str] = {}
    _name(document, DOCUMENT, "", found)
    if table.data:
        place = ".".join(table.path)
        _name(table, TABLE, f"{place}.", found)
        _inside(table, place, found)
        for part in _columns(table):
            _name(part, COLUMN, f"{place}.properties.*.", found)
            _inside(part, f"{place}.properties.*", found)
    findings.kept += [Kept(path, what) for path, what in found.items()]
    for part in table.parts("properties"):
        for inner in _below(part):
            _keep_deeper(inner, findings)


def _name(part: Part, uses: Mapping[str, KeyUse], prefix: str, found: dict[str, str]) -> None:
    for key, value in part.data.items():
        use, what = uses.get(key, (Use.KEPT, "no key that Mesh knows"))
        is_own = key == "customProperties" and _is_own(part)
        if key == "physicalType" and _LENGTH.search(str(value)):
            found.setdefault(f"{prefix}{key}", _NO_LENGTH)
        if use is Use.KEPT and not is_own and value not in ([], {}, None, ""):
            found.setdefault(f"{prefix}{key}", what)


def _is_own(part: Part) -> bool:
    return all(item.text("property") in _OWN for item in part.parts("customProperties"))


def _inside(part: Part, place: str, found: dict[str, str]) -> None:
    """Keys of the quality rules and relationships of a part."""
    for item in part.parts("quality"):
        if item.text("engine") in {"", ENGINE}:
            _name(item, QUALITY, f"{place}.quality.*.", found)
    for item in part.parts("relationships"):
        _name(item, RELATIONSHIP, f"{place}.relationships.*.", found)


def _columns(table: Part) -> Iterator[Part]:
    for part in table.parts("properties"):
        yield part
        yield from _below(part)


def _below(part: Part) -> Iterator[Part]:
    """The properties inside of a property."""
    inner = [*part.parts("properties")]
    inner += [part.part("items")] if "items" in part.data else []
    inner += [part.part("map").part(key) for key in ("key", "value") if "map" in part.data]
    for item in inner:
        yield item
        yield from _below(item)


def _keep_deeper(part: Part, findings: Findings) -> None:
    for key in _OF_COLUMNS_ONLY:
        if part.data.get(key) not in (None, False, [], ""):
            findings.keep(_DEEPER, part.at(key))
    for key in part.part("logicalTypeOptions").data:
        findings.keep(_DEEPER, part.at("logicalTypeOptions", key))
