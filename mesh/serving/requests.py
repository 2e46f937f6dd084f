"""What is known of a request before anybody looks at it: its id, and who calls from where.

Owns the names under which these travel. An id that a caller sends is kept when it is harmless.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection

ID_HEADER = "x-request-id"
STREAMED = "mesh.streamed"
"""Key in the beginning of an answer that the doorway lets pass as it comes: a large file's."""
_ID_KEY = "mesh_request_id"
_HEAD_KEY = "mesh_is_head"
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


def named(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id of a request: its caller's, or a new one."""
    for name, value in headers:
        if name.lower() == ID_HEADER.encode():
            text = value.decode("latin-1")
            if _HARMLESS.fullmatch(text):
                return text
    return secrets.token_hex(8)


def remember(scope: MutableMapping[str, Any], identity: str) -> None:
    """Keep an id for whoever answers."""
    scope[_ID_KEY] = identity


def request_id(request: HTTPConnection) -> str:
    """The id of a request that came through the doorway."""
    return str(request.scope.get(_ID_KEY, ""))


def as_get(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A HEAD request as the GET whose headers it asks for."""
    return {**scope, "method": "GET", _HEAD_KEY: True}


def is_head(request: HTTPConnection) -> bool:
    """Whether a request that came through the doorway asks for headers alone."""
    return bool(request.scope.get(_HEAD_KEY))


def address_of(request: HTTPConnection) -> str:
    """Where a request comes from; behind a proxy that is believed, what the proxy says."""
    return request.client.host if request.client else ""
