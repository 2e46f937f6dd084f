"""What facets of a dataset say that is looked for: its other names, owners, tags, description.

Owns the way from facets to plain columns. What is of another shape than the specification says is
passed over. Source: OpenLineage 2-0-2, facets `symlinks`, `ownership`, `tags`, `documentation`,
`datasetType`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mesh.catalog.reported.columns import clean
from mesh.catalog.reported.event import Facets, ReportedEvent
from mesh.catalog.reported.merging import facet
from mesh.catalog.reported.rows import Row
from mesh.naming import DatasetName


def names_in(event: ReportedEvent) -> Iterable[DatasetName]:
    """Every name of a dataset that an event has."""
    for item in event.datasets:
        yield item.name
        yield from identifiers_in(item.facets)


def identifiers_in(facets: Facets) -> list[DatasetName]:
    """What a dataset is called elsewhere."""
    told = facets.get("symlinks")
    listed = told.get("identifiers") if isinstance(told, Mapping) else None
    found = [
        DatasetName(clean(item["namespace"]), clean(item["name"])).normal()
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, Mapping)
        and isinstance(item.get("namespace"), str)
        and isinstance(item.get("name"), str)
    ]
    return [name for name in found if name.namespace and name.name]


def told_of(facets: Mapping[str, Any]) -> Row:
    """What a dataset's facets say that is looked for."""
    owners = facet(facets, "ownership").get("owners")
    tags = facet(facets, "tags").get("tags")
    kind = facet(facets, "datasetType").get("datasetType")
    return {
        "kind": clean(kind),
        "description": clean(facet(facets, "documentation").get("description")),
        "owners": [clean(o.get("name")) for o in owners if isinstance(o, Mapping)]
        if isinstance(owners, list)
        else [],
        "tags": [
            {"key": clean(t.get("key")), "value": clean(t.get("value"))}
            for t in tags
            if isinstance(t, Mapping)
        ]
        if isinstance(tags, list)
        else [],
    }
