"""Columns of datasets, and what they come from, as facets tell them.

Owns the reading of the facets `schema`, `columnLineage` (with its older words) and `lineage`. What
in them is of no known shape is passed over: the facet itself is kept. Source: OpenLineage,
`SchemaDatasetFacet` 1-1-1, `ColumnLineageDatasetFacet` 1-2-0, `LineageFacet` 1-0-0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.catalog.derivation import Derivation
from mesh.naming import DatasetName

_MOST_COLUMN_BYTES = 255
_MOST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class ReportedColumn:
    """A column as a producer tells it."""

    name: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class ReportedOrigin:
    """A column that `column` comes from; an empty one stands for the rows of the dataset."""

    column: str
    dataset: DatasetName
    origin: str
    kind: Derivation
    is_masking: bool = False


def columns_in(schema: Mapping[str, Any]) -> tuple[ReportedColumn, ...]:
    """The columns of a `schema` facet, each name once; fields of structs are left to the facet."""
    found: dict[str, ReportedColumn] = {}
    for item in _list(schema.get("fields")):
        name = column_name(item.get("name"))
        if name:
            kind, told = item.get("type"), item.get("description")
            found.setdefault(name, ReportedColumn(name, clean(kind), clean(told)))
    return tuple(found.values())


def origins_in(facet: Mapping[str, Any]) -> Iterator[ReportedOrigin]:
    """What a `columnLineage` facet, or a dataset's `lineage` facet, says of columns' origins."""
    for item in (*_list(facet.get("dataset")), *_list(facet.get("inputs"))):
        if item.get("field") is not None:
            yield from _origins("", item, {})
    fields = facet.get("fields")
    for name, told in fields.items() if isinstance(fields, Mapping) else ():
        column = column_name(name)
        if not column or not isinstance(told, Mapping):
            continue
        for item in _list(told.get("inputFields", told.get("inputs"))):
            yield from _origins(column, item, told)


def column_name(value: object) -> str:
    """A column's name as it is indexed; empty for what cannot be."""
    name = clean(value)
    return name if len(name.encode()) <= _MOST_COLUMN_BYTES else ""


def clean(value: object) -> str:
    """A text that every database takes: no NUL, no half of a character, no more than 10,000."""
    if value is None:
        return ""
    text = str(value)[:_MOST_TEXT].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


def _origins(
    column: str, item: Mapping[str, Any], field: Mapping[str, Any]
) -> Iterator[ReportedOrigin]:
    namespace, name = item.get("namespace"), item.get("name")
    origin = column_name(item.get("field"))
    if not (isinstance(namespace, str) and isinstance(name, str) and origin):
        return
    dataset = DatasetName(clean(namespace), clean(name)).normal()
    told = list(_list(item.get("transformations"))) or [_older(field, column)]
    for transformation in told:
        kind = _kind(transformation)
        yield ReportedOrigin(
            column, dataset, origin, kind, is_masking=transformation.get("masking") is True
        )


def _older(field: Mapping[str, Any], column: str) -> Mapping[str, Any]:
    """The words of the facet before 1-1-0, which were of the field as a whole."""
    if not column:
        return {"type": "INDIRECT"}
    said = str(field.get("transformationType", "")).upper()
    return {"type": "DIRECT", "subtype": said, "masking": said == "MASKED"}


def _kind(transformation: Mapping[str, Any]) -> Derivation:
    said = str(transformation.get("subtype", "")).upper().replace(" ", "_")
    if said in Derivation.__members__:
        return Derivation[said]
    is_direct = str(transformation.get("type", "DIRECT")).upper() != "INDIRECT"
    return Derivation.TRANSFORMATION if is_direct else Derivation.CONDITIONAL


def _list(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, Mapping))
