"""OpenLineage events in, and what they tell of.

Owns `POST /api/v1/lineage`, where the stock clients of any producer send to. What comes in at once
from many clients is written together.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mesh.catalog.reported.records import ReportedData, ReportedJob, StoredEvent, Taken
from mesh.catalog.tokens import Scope
from mesh.serving.authority import needs
from mesh.serving.bodies import read_json
from mesh.serving.gathering import Gathering
from mesh.serving.paging import Cursor, Limit, Page, Pager
from mesh.serving.problems import ProblemError
from mesh.serving.routes.asking import NO_CONTROL, WRITING, Asked, problems
from mesh.serving.views.lineage import (
    EventView,
    ReportedDataView,
    ReportedJobView,
    ReportedRunView,
    TakenView,
)

router = APIRouter(tags=["events"])
intake = APIRouter(tags=["events"])

Key = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        pattern=NO_CONTROL,
        description="`namespace#name`.",
        examples=["s3://bucket#warehouse/orders"],
    ),
]
_datasets: Pager[ReportedData, str] = Pager(str, lambda row: row.key)
_jobs: Pager[ReportedJob, str] = Pager(str, lambda row: row.key)
_events: Pager[StoredEvent, str] = Pager(str, lambda row: row.id)

_EXAMPLE = {
    "eventType": "COMPLETE",
    "eventTime": "2026-01-31T12:00:00Z",
    "run": {"runId": "019127de-fd25-7707-bfa4-3ec02693a531"},
    "job": {"namespace": "spark", "name": "copy_orders"},
    "inputs": [{"namespace": "s3://bucket", "name": "orders"}],
    "outputs": [{"namespace": "warehouse", "name": "sales.orders"}],
    "producer": "https://example.com/producer",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "An event (RunEvent, JobEvent or DatasetEvent of 1-x or 2-x), or a list.",
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]
                },
                "example": _EXAMPLE,
            }
        },
    }
}


@intake.post(
    "/lineage",
    status_code=201,
    dependencies=[needs(Scope.EVENTS)],
    responses={
        **problems(*WRITING),
        207: {"model": TakenView, "description": "Some events were refused; the others are in."},
    },
    openapi_extra=_BODY,
)
async def take_events(
    request: Request, body: Annotated[Any, Depends(read_json)], response: Response
) -> TakenView:
    """Take OpenLineage events in, one or many; known ones change nothing."""
    gathering: Gathering = request.app.state.gathering
    events = body if isinstance(body, list) else [body]
    taken: Taken = await run_in_threadpool(gathering.take, events)
    if taken.refused and len(taken.refused) == len(events):
        told = [
            {"where": f"[{item.index}].{p.where}" if len(events) > 1 else p.where, "what": p.what}
            for item in taken.refused
            for p in item.problems
        ]
        what = "; ".join(f"{item['where'] or 'event'}: {item['what']}" for item in told[:3])
        raise ProblemError(422, what, hint="see https://openlineage.io/spec", errors=told[:100])
    response.status_code = 207 if taken.refused else 201
    return TakenView.of(taken)


@router.get("/events")
def events(catalog: Asked, limit: Limit = 50, cursor: Cursor = None) -> Page[EventView]:
    """Events as they came, the latest first."""
    rows = catalog.events.events(limit + 1, _events.after(cursor) or "")
    return _events.page(rows, limit, EventView.of)


@router.get("/datasets")
def datasets(catalog: Asked, limit: Limit = 50, cursor: Cursor = None) -> Page[ReportedDataView]:
    """Datasets that other producers reported and that are no products, by key."""
    rows = catalog.events.datasets(limit + 1, _datasets.after(cursor) or "")
    return _datasets.page(rows, limit, ReportedDataView.of)


@router.get("/dataset")
def dataset(catalog: Asked, key: Key) -> ReportedDataView:
    """A dataset that was reported, by its key, or by its name where only one has it."""
    return ReportedDataView.of(catalog.events.dataset(key))


@router.get("/jobs")
def jobs(catalog: Asked, limit: Limit = 50, cursor: Cursor = None) -> Page[ReportedJobView]:
    """Jobs of other producers, by key."""
    rows = catalog.events.jobs(limit + 1, _jobs.after(cursor) or "")
    return _jobs.page(rows, limit, ReportedJobView.of)


@router.get("/runs")
def runs(catalog: Asked, job: Key, limit: Limit = 50) -> list[ReportedRunView]:
    """The runs of a job, the latest first."""
    return [ReportedRunView.of(run) for run in catalog.events.runs(job, limit)]
