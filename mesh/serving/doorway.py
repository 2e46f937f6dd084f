"""What every request passes on its way in, and every answer on its way out.

Owns request ids, the check of `Host`, headers that keep browsers from guessing, entity tags, and
HEAD. Stands outside the application, so that errors pass here too. Knows no resource.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mesh.catalog.watching import one_moment
from mesh.serving.problems import MEDIA_TYPE, problem
from mesh.serving.requests import ID_HEADER, STREAMED, as_get, named, remember

_Headers = list[tuple[bytes, bytes]]

SECURITY: _Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
            b"base-uri 'none'; form-action 'self'"
        ),
    ),
]
_CACHED = (b"cache-control", b"private, no-cache")
_VARIES = (b"vary", b"authorization, cookie")


@dataclass(frozen=True, slots=True)
class Doorway:
    """An application with the doorway before it. `names` are hosts that are served; empty: any."""

    app: ASGIApp
    names: Collection[str] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = named(scope["headers"])
        remember(scope, identity)
        leaving = _Leaving(send, scope, identity)
        if self.names and _host(scope["headers"]) not in self.names:
            await _misdirected(leaving, identity)
            return
        if scope["method"] == "HEAD":
            scope = as_get(scope)
        with one_moment():
            await self.app(scope, receive, leaving)


class _Leaving:
    """An answer on its way out. A GET's is held until it is whole, for its tag is of all of it.

    One that says that it is streamed is let pass as it comes.
    """

    def __init__(self, send: Send, scope: MutableMapping[str, Any], identity: str) -> None:
        self._send = send
        self._is_head = scope["method"] == "HEAD"
        self._is_tagged = scope["method"] in {"GET", "HEAD"}
        self._known = _header(scope["headers"], b"if-none-match")
        self._identity = identity
        self._start: Message = {}
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if message.get(STREAMED):
                headers = [*message["headers"], *self._every()]
                await self._send({**message, "headers": headers})
            return
        if self._start.get(STREAMED):
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._leave()

    def _every(self) -> _Headers:
        """What every answer has."""
        return [*SECURITY, (ID_HEADER.encode(), self._identity.encode())]

    async def _leave(self) -> None:
        status, body = self._start["status"], bytes(self._body)
        headers = [*self._start["headers"], *self._every()]
        if any(name.lower() == b"etag" for name, _ in headers):
            pass  # whoever answers knows better what it is an answer of
        elif self._is_tagged and status == 200:  # noqa: PLR2004 -- only what is there has a tag
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers += [(b"etag", tag.encode()), _CACHED, _VARIES]
            if _is_known(tag, self._known):
                kept = [h for h in headers if h[0] not in {b"content-length", b"content-type"}]
                status, headers, body = 304, kept, b""
        else:
            headers.append((b"cache-control", b"no-store"))
        await self._send({**self._start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": b"" if self._is_head else body})


def _is_known(tag: str, known: str) -> bool:
    tags = {item.strip().removeprefix("W/") for item in known.split(",")}
    return tag in tags or "*" in tags


def _header(headers: _Headers, wanted: bytes) -> str:
    return next((v.decode("latin-1") for n, v in headers if n.lower() == wanted), "")


def _host(headers: _Headers) -> str:
    """The host that is asked for, without its port."""
    host = _header(headers, b"host").lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


async def _misdirected(leaving: _Leaving, identity: str) -> None:
    content = problem(
        421,
        "this server does not serve that host",
        identity=identity,
        hint="serving.names lists the names that it is asked for by",
    )
    body = json.dumps(content).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await leaving({"type": "http.response.start", "status": 421, "headers": headers})
    await leaving({"type": "http.response.body", "body": body})
