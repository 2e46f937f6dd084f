"""What the routes have in common: the catalog that they ask, names in paths, and problems.

Owns how a parameter that names something looks, and which problems every route may answer.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Path, Request

from mesh.catalog.store import Catalog
from mesh.serving.problems import MEDIA_TYPE

NO_CONTROL = r"^[^\x00-\x1f]*$"
"""What databases take as a text."""


def _catalog(request: Request) -> Catalog:
    return cast("Catalog", request.app.state.catalog)


Asked = Annotated[Catalog, Depends(_catalog)]

Name = Annotated[
    str,
    Path(
        max_length=200,
        pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$",
        description="A product's name. The major may be left out: then its highest is meant.",
        examples=["weather.observations_v1"],
    ),
]

_PROBLEM = {
    MEDIA_TYPE: {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {
            "type": "urn:mesh:problem:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no product 'weather.observation_v1'",
            "hint": "did you mean weather.observations_v1?",
            "request_id": "4f1c2ab89e0d7731",
        },
    }
}
_WORDS = {
    400: "The request cannot be understood.",
    401: "A token is missing or refused.",
    403: "The token is not good for that.",
    404: "There is no such thing.",
    405: "That method is not for this resource.",
    408: "The body took too long.",
    413: "The body is too large.",
    415: "The body is no JSON.",
    421: "The server does not serve that host.",
    422: "A parameter or the body is not as it should be.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "The server failed.",
    503: "The catalog cannot be used now; `Retry-After` says when to come again.",
}
READING = (401, 403, 404, 405, 421, 422, 429, 500, 503)
WRITING = (400, 401, 403, 405, 408, 413, 415, 421, 422, 429, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer, for its documentation."""
    return {status: {"description": _WORDS[status], "content": _PROBLEM} for status in statuses}


NOT_CHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the caller knows (`If-None-Match`) is what there is."}
}
