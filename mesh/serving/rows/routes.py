"""`/v1/products/{domain}/{product}/…`: what is asked of a product's rows over HTTP.

Owns paths, headers and statuses. Everybody shows a token, also where the catalog may be read
without: an answer is always somebody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import unquote, urlencode

from fastapi import APIRouter, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import State
from starlette.responses import Response

from mesh.errors import DefinitionError, Problem
from mesh.lake import Lake
from mesh.reading.governed import GovernedRead
from mesh.reading.reader import Reader
from mesh.serving import problems
from mesh.serving.problems import ProblemError
from mesh.serving.requests import request_id
from mesh.serving.rows import credentials, document, forms, service, statements, sums
from mesh.serving.rows.asking import reader_of
from mesh.serving.rows.service import Cursor
from mesh.serving.rows.wanted import TABLE_WORDS, Wanted
from mesh.serving.streamed import streamed_rows
from mesh.serving.views.base import Answer

PREFIX = "/v1"
router = APIRouter(prefix="/products/{domain}/{product}")
_LONGEST = 200
_AT_ONCE, _AT_ONCE_AFAR = 4, 40
"""Rows that are looked up side by side: on a local disk more threads only wait for each other."""


def make_rows_app(state: State) -> FastAPI:
    """The rows' application, which shares the state of the server's own."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state = state
    is_local = Lake.of(state.readers.settings).is_local
    app.state.lookups = asyncio.Semaphore(_AT_ONCE if is_local else _AT_ONCE_AFAR)
    problems.install(app)
    app.add_exception_handler(DefinitionError, _of_request)
    app.include_router(router)
    app.include_router(credentials.router)
    app.include_router(statements.router)
    return app


@router.get("/rows")
def rows(request: Request, domain: str, product: str) -> Response:
    """A page of rows, by conditions, in an order, of one version."""
    reader = reader_of(request)
    query = request.query_params.multi_items()
    form = forms.chosen(request.headers.get("accept", ""))
    cursor = Cursor.parse(text) if (text := request.query_params.get("cursor")) else None
    read = _opened(request, reader, f"{domain}.{product}", cursor)
    tag = service.tag(read, query, form)
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={**_told(read), "etag": tag})
    found = service.page(read, Wanted.of(query, read.types), cursor)
    headers = {**_told(read), "etag": tag}
    if found.following:
        others = [(name, value) for name, value in query if name != "cursor"]
        following = urlencode([*others, ("cursor", found.following)])
        headers["link"] = f'<{request.url.replace(query=following)}>; rel="next"'
    body = (
        forms.page_json(found.rows, found.following)
        if form == forms.JSON
        else forms.written(found.rows, form)
    )
    return Response(body, headers=headers, media_type=form)


@router.get("/table")
def table(request: Request, domain: str, product: str) -> Response:
    """All rows of one version as one Arrow stream: columns and conditions as for a page."""
    reader = reader_of(request)
    read = _opened(request, reader, f"{domain}.{product}")
    query = request.query_params.multi_items()
    found = service.table(read, Wanted.of(query, read.types, TABLE_WORDS))
    return streamed_rows(found, _told(read))


async def row(request: Request) -> Response:
    """The row of a key."""
    async with request.app.state.lookups:
        return await run_in_threadpool(_row, request)


def _row(request: Request) -> Response:
    domain, product, key = (request.path_params[name] for name in ("domain", "product", "key"))
    reader = reader_of(request)
    form = forms.chosen(request.headers.get("accept", ""))
    read = _opened(request, reader, f"{domain}.{product}")
    found = service.row(read, _parts(request, key))
    if not found.height:
        raise ProblemError(404, f"no row that you may see has the key {key[:_LONGEST]!r}")
    written = forms.written(found, form)
    body = written.strip().removeprefix(b"[").removesuffix(b"]").strip()
    return Response(body if form == forms.JSON else written, headers=_told(read), media_type=form)


# Without what FastAPI does for a route: nothing is to be checked, and it takes as long as the rest.
router.add_route(f"{router.prefix}/rows/{{key:path}}", row, methods=["GET"])


@router.get("/aggregates")
def aggregates(request: Request, domain: str, product: str) -> Response:
    """Measures, by the columns that tell groups apart."""
    reader = reader_of(request)
    form = forms.chosen(request.headers.get("accept", ""))
    read = _opened(request, reader, f"{domain}.{product}")
    found = sums.sums(read, request.query_params.multi_items())
    body = forms.page_json(found, "") if form == forms.JSON else forms.written(found, form)
    return Response(body, headers=_told(read), media_type=form)


@router.get("/openapi.json")
def openapi(request: Request, domain: str, product: str) -> Response:
    """The description of all this for one product, as its reader sees it."""
    reader = reader_of(request)
    read = _opened(request, reader, f"{domain}.{product}")
    base = str(request.base_url).rstrip("/").removesuffix(PREFIX)
    return Answer(document.document(read, base), headers=_told(read))


def _opened(
    request: Request, reader: Reader, name: str, cursor: Cursor | None = None
) -> GovernedRead:
    """The product at the version, or the moment, that is asked for. Raises ProblemError."""
    version, moment = request.query_params.get("version"), request.query_params.get("as_of")
    if version is not None and not version.isdecimal():
        raise DefinitionError.of(f"{version[:80]!r} is no version of a table", where="version")
    chosen = cursor.version if cursor else int(version) if version else None
    return reader.read(name, version=chosen, as_of=service.moment_of(moment))


def _parts(request: Request, key: str) -> Sequence[str]:
    """The parts of a key: commas between, and `%2C` for a comma in one."""
    raw: bytes = request.scope.get("raw_path") or b""
    text = raw.decode("ascii", errors="replace").partition("/rows/")[2] or key
    return [unquote(part) for part in text.split(",")]


def _told(read: GovernedRead) -> dict[str, str]:
    """What is known of the rows: whose promise, which version, how fresh, how good."""
    facts, agreement = read.facts, read.view.agreement
    told = {
        "mesh-contract-version": facts.contract_version,
        "mesh-table-version": str(facts.table_version),
        "mesh-published-at": facts.published_at.isoformat() if facts.published_at else "",
        "mesh-verdict": facts.verdict,
        "mesh-agreement": agreement.id if agreement else "",
        "mesh-agreement-until": (
            agreement.until.isoformat() if agreement and agreement.until else ""
        ),
        "cache-control": "private, no-cache",
        "vary": "authorization, accept",
    }
    return {name: value for name, value in told.items() if value}


def _of_request(request: Request, error: Exception) -> Response:
    """Every problem of a query at once."""
    assert isinstance(error, DefinitionError)  # noqa: S101 -- Starlette hands over what was asked for
    found: Sequence[Problem] = error.problems
    told = [{"where": p.where, "what": p.what, "hint": p.hint} for p in found]
    what = "; ".join(f"{problem.where}: {problem.what}" for problem in found[:3])
    return problems.response(problems.problem(400, what, identity=request_id(request), errors=told))
