"""The API: which routes there are, who may reach them, and its document.

Owns how the parts are put together. Holds no state but the catalog that it serves.
"""

from __future__ import annotations

from collections.abc import Collection

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from starlette.types import ASGIApp

from mesh.catalog.store import Catalog
from mesh.serving import documents, problems
from mesh.serving.authority import Authority, Limits, is_near, reads
from mesh.serving.deciding import Deciding
from mesh.serving.doorway import Doorway
from mesh.serving.gathering import Gathering
from mesh.serving.identity.signing_in import Identities
from mesh.serving.readers import Readers
from mesh.serving.requests import ID_HEADER
from mesh.serving.routes import (
    browsing,
    columns,
    events,
    finding,
    health,
    others,
    products,
    remote,
    signing_in,
)
from mesh.serving.routes.asking import NOT_CHANGED, READING
from mesh.serving.routes.asking import problems as told
from mesh.serving.rows.routes import PREFIX as ROWS
from mesh.serving.rows.routes import make_rows_app
from mesh.serving.sharing.app import make_sharing_app
from mesh.serving.sharing.names import PREFIX as SHARING
from mesh.serving.sharing.sharing import Sharing
from mesh.serving.views.base import Answer
from mesh.settings import ServingSettings

PREFIX = "/api/v1"


def make_app(
    catalog: Catalog,
    settings: ServingSettings,
    *,
    deciding: Deciding | None = None,
    sharing: Sharing | None = None,
    readers: Readers | None = None,
    identities: Identities | None = None,
) -> ASGIApp:
    """The application that serves a catalog, doorway and all.

    With `sharing` and `readers`, data as well, as far as `deciding` lets each caller see it. With
    `identities`, those whom an identity provider names are known beside the catalog's own tokens.
    """
    app = FastAPI(
        title="Mesh",
        summary="The catalog of a data mesh.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        default_response_class=Answer,
        generate_unique_id_function=_operation_id,
    )
    app.state.catalog = catalog
    app.state.settings = settings
    app.state.limits = Limits.of(settings)
    app.state.calls = remote.Calls(catalog)
    app.state.deciding = deciding
    app.state.identities = identities
    app.state.authority = Authority(catalog, deciding, identities)
    app.state.sharing = sharing
    app.state.readers = readers
    app.state.gathering = Gathering(catalog.events.take_batches)
    problems.install(app)
    # First, since a path is looked for from the first to the last: rows are asked for most often.
    if readers is not None:
        app.mount(ROWS, make_rows_app(app.state))
    if sharing is not None:
        app.mount(SHARING, make_sharing_app(app.state))
    _mount(app, settings)
    if identities is not None:
        app.include_router(signing_in.offers)
        app.include_router(browsing.browsing)
    documents.install(app)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "if-none-match"],
            expose_headers=["etag", "retry-after", ID_HEADER],
        )
    return Doorway(app, _names(settings))


def _mount(app: FastAPI, settings: ServingSettings) -> None:
    app.include_router(health.health, responses=told(405, 421, 422, 500, 503))
    reading = APIRouter(
        prefix=PREFIX,
        dependencies=[reads(settings)],
        responses={**NOT_CHANGED, **told(*READING)},
    )
    for router in (
        health.versions,
        signing_in.people,
        products.router,
        columns.router,
        others.router,
        events.router,
        finding.router,
    ):
        reading.include_router(router)
    app.include_router(reading)
    app.include_router(events.intake, prefix=PREFIX)
    app.include_router(remote.router, prefix=PREFIX)


def _names(settings: ServingSettings) -> Collection[str]:
    """The hosts that are served: a page elsewhere must not reach this machine by another name."""
    if settings.names:
        return frozenset(name.lower() for name in settings.names)
    if not is_near(settings.host):
        return ()
    return frozenset({"localhost", "127.0.0.1", "[::1]"})


def _operation_id(route: APIRoute) -> str:
    return route.name
