"""Errors as the protocol has them: a code and a message.

Owns which status an error gets. Clients try 429 and 5xx again for minutes, so a denial is never one
of these; and of a product that somebody may not even know of, only that there is none is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from mesh.errors import (
    AccessDeniedError,
    CatalogError,
    ChangesUnknownError,
    DamagedTableError,
    InvalidNameError,
    MeshError,
    NotPublishedError,
    PolicyError,
    StorageError,
    Transient,
    UnknownNameError,
    VersionRemovedError,
)
from mesh.serving.problems import ProblemError
from mesh.serving.requests import request_id

_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "METHOD_NOT_ALLOWED",
    416: "INVALID_RANGE",
    429: "RESOURCE_EXHAUSTED",
    503: "TEMPORARILY_UNAVAILABLE",
}
_MALFORMED = frozenset({408, 413, 415, 422})
_SERVERS_OWN = 500
_log = logging.getLogger("mesh.serving")


class RefusedError(Exception):
    """An error of the protocol itself."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def nothing_there(name: str) -> RefusedError:
    """The answer for what is not there, and for what somebody may not know to be."""
    return RefusedError(404, f"there is no {name}")


def install(app: FastAPI) -> None:
    """Let an application answer every error in the protocol's form."""
    app.add_exception_handler(RefusedError, _of_protocol)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(MeshError, _of_mesh)
    app.add_exception_handler(Exception, _of_anything)


def _answer(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    code = _CODES.get(status, "INTERNAL_ERROR" if status >= _SERVERS_OWN else _CODES[400])
    content = {"errorCode": code, "message": message}
    return JSONResponse(content, status, dict(headers or {}))


def _of_protocol(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 -- Starlette hands over what was asked for
    return _answer(error.status, error.message, error.headers)


def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- as above
    hint = f"; {error.hint}" if isinstance(error, ProblemError) and error.hint else ""
    status = 400 if error.status_code in _MALFORMED else error.status_code
    return _answer(status, f"{error.detail}{hint}", error.headers)


def _of_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- as above
    told = [f"{item['loc'][-1]}: {item['msg']}" for item in error.errors()[:3]]
    return _answer(400, "; ".join(told))


def _of_mesh(request: Request, error: Exception) -> Response:
    assert isinstance(error, MeshError)  # noqa: S101 -- as above
    status = _status(error)
    if status >= _SERVERS_OWN:
        _log.error("request %s: %s", request_id(request), error)
        what = f"this cannot be read now; the server's log says more of {request_id(request)}"
        return _answer(status, what, {"retry-after": "1"} if isinstance(error, Transient) else None)
    return _answer(status, f"{error.what}; {error.hint}" if error.hint else error.what)


def _status(error: MeshError) -> int:
    if isinstance(error, AccessDeniedError | PolicyError):
        return 403  # where nothing can be decided, nobody is let in
    if isinstance(error, VersionRemovedError | ChangesUnknownError):
        return 400
    if isinstance(error, UnknownNameError | NotPublishedError | InvalidNameError):
        return 404
    if isinstance(error, CatalogError | Transient):
        return 503
    if isinstance(error, DamagedTableError | StorageError):
        return 500
    return 400


def _of_anything(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", request_id(request), exc_info=error)
    return _answer(500, f"the server failed; its log says more of {request_id(request)}")
