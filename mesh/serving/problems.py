"""Every error of the API as problem details (RFC 9457).

Owns which status an error gets and what of it is told. Of an error that is the server's own nothing
is told but the request's id, under which the log has the rest.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from mesh.errors import (
    AccessDeniedError,
    CatalogError,
    CatalogUnavailableError,
    InvalidCursorError,
    MeshError,
    NotAllowedError,
    NotPublishedError,
    Transient,
    UnknownNameError,
)
from mesh.serving.requests import request_id

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:mesh:problem:"
_log = logging.getLogger("mesh.serving")


class ProblemError(HTTPException):
    """An error of the API itself, with everything that is told of it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.hint = hint
        self.members = members


def problem(  # one place that lays a problem out
    status: int, detail: str, *, identity: str = "", **members: Any
) -> dict[str, Any]:
    """The content of a problem; members that are empty are left out."""
    title = HTTPStatus(status).phrase
    told = {name: value for name, value in members.items() if value not in ("", None, (), [])}
    return {
        "type": _TYPE + title.lower().replace(" ", "-"),
        "title": title,
        "status": status,
        "detail": detail,
        **({"request_id": identity} if identity else {}),
        **told,
    }


def response(content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Response(body, content["status"], dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let an application answer every error with a problem."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(MeshError, _of_mesh)
    app.add_exception_handler(Exception, _of_anything)


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- Starlette hands over what was asked for
    hint, members = "", {}
    detail = error.detail
    if isinstance(error, ProblemError):
        hint, members = error.hint, error.members
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail, hint = f"there is nothing at {request.url.path[:200]}", "/docs lists what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not for {request.url.path[:200]}"
    content = problem(error.status_code, detail, identity=request_id(request), hint=hint, **members)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (known := _methods_of(request)):
        headers["allow"] = ", ".join(known)
    return response(content, headers)


def _methods_of(request: Request) -> list[str]:
    """What a path may be asked by: several routes may share it, and each knows its own only."""
    documented: Mapping[str, Mapping[str, Any]] = request.app.openapi()["paths"]
    return sorted(
        {
            method.upper()
            for template, methods in documented.items()
            if compile_path(template)[0].match(request.url.path)
            for method in methods
        }
    )


def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- as above
    found = [
        {"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]}
        for item in error.errors()
    ]
    what = "; ".join(f"{item['where']}: {item['what']}" for item in found[:3])
    return response(problem(422, what, identity=request_id(request), errors=found))


def _of_mesh(request: Request, error: Exception) -> Response:
    assert isinstance(error, MeshError)  # noqa: S101 -- as above
    status = _status(error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        _log.error("request %s: %s", request_id(request), error)
        content = problem(
            status,
            "the catalog cannot be used now",
            identity=request_id(request),
            hint="try again; the server's log says more under this request's id",
            error=type(error).__name__
            if isinstance(error, CatalogUnavailableError)
            else CatalogError.__name__,
        )
        return response(content, {"retry-after": "1"})
    near = {"name": error.name, "near": error.near} if isinstance(error, UnknownNameError) else {}
    where = "" if isinstance(error, CatalogError) else error.where
    content = problem(
        status,
        error.what,
        identity=request_id(request),
        hint=error.hint,
        where=where,
        error=type(error).__name__,
        policies=list(error.policies) if isinstance(error, AccessDeniedError) else [],
        **near,
    )
    return response(content)


def _status(error: MeshError) -> int:
    if isinstance(error, UnknownNameError | NotPublishedError | InvalidCursorError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, NotAllowedError | AccessDeniedError):
        return HTTPStatus.FORBIDDEN
    if isinstance(error, CatalogError | Transient):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY


def _of_anything(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", request_id(request), exc_info=error)
    content = problem(
        500,
        "the server failed",
        identity=request_id(request),
        hint="tell whoever runs it this request's id",
    )
    return response(content)
