"""The protocol's application: lists, and how it is put below the server's own.

Owns paths and parameters of lists. What is asked is decided for each request anew.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query
from starlette.datastructures import State
from starlette.responses import JSONResponse

from mesh.serving.sharing import refusing, tables
from mesh.serving.sharing.asking import Asker, Shared
from mesh.serving.sharing.names import SHARE, Page, schema_json, share_json, sort_key, table_json
from mesh.serving.sharing.refusing import nothing_there

lists = APIRouter()
_SCHEMA = "/shares/{share}/schemas/{schema}"


def _page(
    most: Annotated[int | None, Query(alias="maxResults", ge=0, le=2**31 - 1)] = None,
    token: Annotated[str | None, Query(alias="pageToken", max_length=1_000)] = None,
) -> Page:
    return Page.of(most, token)


Asked = Annotated[Page, Depends(_page)]


def make_sharing_app(state: State) -> FastAPI:
    """The protocol's application, which shares the state of the server's own."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state = state
    refusing.install(app)
    app.include_router(lists)
    app.include_router(tables.router)
    return app


@lists.get("/shares")
def shares(asker: Asker, sharing: Shared, page: Asked) -> JSONResponse:
    """The one share, for everybody who sees anything in it."""
    found = [SHARE for _ in islice(sharing.governing.seen_by(asker.who), 1)]
    return JSONResponse(page.of_names(found, str).as_json(lambda _: share_json()))


@lists.get("/shares/{share}")
def share(asker: Asker, sharing: Shared, share: str) -> JSONResponse:
    """One share."""
    _require_share(asker, sharing, share)
    return JSONResponse({"share": share_json()})


@lists.get("/shares/{share}/schemas")
def schemas(asker: Asker, sharing: Shared, page: Asked, share: str) -> JSONResponse:
    """The domains of which somebody sees a product."""
    _require_share(asker, sharing, share)
    domains = sharing.governing.domains_seen_by(asker.who)
    return JSONResponse(page.of_names(domains, str).as_json(schema_json))


@lists.get(f"{_SCHEMA}/tables")
def tables_of(asker: Asker, sharing: Shared, page: Asked, share: str, schema: str) -> JSONResponse:
    """The products of a domain of which somebody sees anything."""
    _require_share(asker, sharing, share)
    if not any(sharing.governing.seen_by(asker.who, domain=schema)):
        raise nothing_there(f"schema {SHARE}.{schema[:80]}")
    found = sharing.governing.seen_by(asker.who, domain=schema, after=page.after)
    return JSONResponse(page.of_names(found, sort_key).as_json(table_json))


@lists.get("/shares/{share}/all-tables")
def all_tables(asker: Asker, sharing: Shared, page: Asked, share: str) -> JSONResponse:
    """Every product of which somebody sees anything."""
    _require_share(asker, sharing, share)
    found = sharing.governing.seen_by(asker.who, after=page.after)
    return JSONResponse(page.of_names(found, sort_key).as_json(table_json))


def _require_share(asker: Asker, sharing: Shared, share: str) -> None:
    if share != SHARE or not any(sharing.governing.seen_by(asker.who)):
        raise nothing_there(f"share {share[:80]}")
