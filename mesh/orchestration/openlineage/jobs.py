"""A product as an OpenLineage job: what runs, who owns it, and where its code is.

Owns the job's name and facets, and those of a run that are known before it ends.
"""

from __future__ import annotations

import inspect
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mesh.orchestration.openlineage.facets import facet, moment
from mesh.products.declaration import DataProduct, SqlModel
from mesh.products.domain import DomainManifest
from mesh.products.ports import DailyPartitions, MonthlyPartitions
from mesh.settings import Settings

Facets = dict[str, Any]
_DECEMBER = 12


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The run that a product's run is part of: its UUID, and the name of its job."""

    run_id: str
    job: str


def job_of(
    product: DataProduct, manifest: DomainManifest | None, settings: Settings
) -> dict[str, Any]:
    """The job that publishes a product."""
    facets: Facets = {
        "jobType": facet(
            "JobTypeJobFacet",
            processingType="BATCH",
            integration="MESH",
            jobType="DATA_PRODUCT",
        ),
        **_code(product, settings),
    }
    if product.description:
        facets["documentation"] = facet("DocumentationJobFacet", description=product.description)
    if manifest is not None:
        facets["ownership"] = facet("OwnershipJobFacet", owners=owners(manifest))
    if product.tags:
        facets["tags"] = facet("TagsJobFacet", tags=tags(product))
    return {
        "namespace": settings.openlineage.namespace,
        "name": str(product.id),
        "facets": facets,
    }


def owners(manifest: DomainManifest) -> list[dict[str, str]]:
    """Who answers for a domain: its team, and the people in named roles."""
    named = [(role, person) for role, person in manifest.team.people if role != "member"]
    return [
        {"name": f"team:{manifest.team.name}", "type": "TEAM"},
        *(
            {"name": f"user:{person.email}", "type": role.replace(" ", "_").upper()}
            for role, person in named
        ),
    ]


def tags(product: DataProduct) -> list[dict[str, str]]:
    """The product's own tags."""
    return [{"key": name, "value": value, "source": "MESH"} for name, value in product.tags.items()]


def engine_of(product: DataProduct) -> Facets:
    """What a product's transform runs on."""
    if isinstance(product.transform, SqlModel):
        name, number = "duckdb", _version("duckdb")
    else:
        name, number = "python", platform.python_version()
    return facet(
        "ProcessingEngineRunFacet",
        name=name,
        version=number,
        openlineageAdapterVersion=_version("mesh-data"),
    )


def parent_of(parent: ParentRun, settings: Settings) -> Facets:
    """The run that a run is part of."""
    job = {"namespace": settings.openlineage.namespace, "name": parent.job}
    run = {"runId": parent.run_id}
    return facet("ParentRunFacet", run=run, job=job, root={"run": run, "job": job})


def nominal_time_of(product: DataProduct, partition: str) -> Facets | None:
    """The time that a partition is about; None for one that is no time."""
    if isinstance(product.partitions, DailyPartitions) and partition:
        first = date.fromisoformat(partition)
        end = first + timedelta(days=1)
    elif isinstance(product.partitions, MonthlyPartitions) and partition:
        first = date.fromisoformat(f"{partition}-01")
        is_last = first.month == _DECEMBER
        end = date(first.year + is_last, 1 if is_last else first.month + 1, 1)
    else:
        return None
    return facet(
        "NominalTimeRunFacet", nominalStartTime=_midnight(first), nominalEndTime=_midnight(end)
    )


def _midnight(day: date) -> str:
    return moment(datetime(day.year, day.month, day.day, tzinfo=UTC))


def _code(product: DataProduct, settings: Settings) -> Facets:
    found: Facets = {}
    if isinstance(product.transform, SqlModel):
        query = _text(product.transform.path)
        if query:
            found["sql"] = facet("SQLJobFacet", query=query, dialect="duckdb")
    elif source := _source(product):
        found["sourceCode"] = facet("SourceCodeJobFacet", language="PYTHON", sourceCode=source)
    if product.source:
        found["sourceCodeLocation"] = _location(product, settings)
    return found


def _location(product: DataProduct, settings: Settings) -> Facets:
    base = settings.openlineage.repository.rstrip("/")
    url = f"{base}/{quote(product.source)}" if base else _file(settings.path(Path(product.source)))
    return facet(
        "SourceCodeLocationJobFacet",
        type="git" if base else "file",
        url=url,
        path=product.source,
        **({"version": product.code_version} if product.code_version else {}),
    )


def _file(path: Path) -> str:
    return path.resolve().as_uri()


def _source(product: DataProduct) -> str:
    if isinstance(product.transform, SqlModel):
        return ""
    try:
        return inspect.getsource(inspect.unwrap(product.transform))
    except (OSError, TypeError):  # made by code, or its file is gone
        return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


@cache
def _version(package: str) -> str:
    return version(package)


def named_values(values: Mapping[str, Any]) -> Facets:
    """The values that there are: facets that have nothing to say are left out."""
    return {name: value for name, value in values.items() if value is not None}
