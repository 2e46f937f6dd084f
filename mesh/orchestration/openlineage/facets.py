"""Facets: the parts of an OpenLineage event, each with the name of its schema.

Owns the producer's name, and the version of the standard that events are written in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

PRODUCER = "urn:mesh-data:"
"""How Mesh's own events begin to name who made them."""

_SPEC = "https://openlineage.io/spec"
EVENT_SCHEMA = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_OWN = "MeshContractRunFacet"
_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityAssertionsDatasetFacet": "1-1-0",
    "DataQualityMetricsDatasetFacet": "1-0-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DatasourceDatasetFacet": "1-0-1",
    "DocumentationDatasetFacet": "1-1-0",
    "DocumentationJobFacet": "1-1-0",
    "ErrorMessageRunFacet": "1-0-1",
    "InputStatisticsInputDatasetFacet": "1-0-0",
    "JobTypeJobFacet": "2-0-4",
    "LifecycleStateChangeDatasetFacet": "1-0-1",
    "NominalTimeRunFacet": "1-0-1",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "OwnershipDatasetFacet": "1-0-1",
    "OwnershipJobFacet": "1-0-1",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SQLJobFacet": "1-1-0",
    "SchemaDatasetFacet": "1-2-0",
    "SourceCodeJobFacet": "1-0-1",
    "SourceCodeLocationJobFacet": "1-1-0",
    "StorageDatasetFacet": "1-0-1",
    "SymlinksDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "TagsJobFacet": "1-0-0",
}


def facet(kind: str, **content: Any) -> dict[str, Any]:
    """A facet of the kind that the standard, or Mesh, has a schema for."""
    if kind == _OWN:
        schema = f"{PRODUCER}openlineage:1-0-0:{_OWN}.json#/$defs/{_OWN}"
    else:
        schema = f"{_SPEC}/facets/{_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": producer(), "_schemaURL": schema, **content}


@cache
def producer() -> str:
    """Who makes the events: this version of Mesh."""
    from mesh.publishing.publish import mesh_version

    return f"{PRODUCER}{mesh_version()}"


def moment(at: datetime) -> str:
    """A time as the standard has it, in UTC."""
    return at.astimezone(UTC).isoformat()
