"""One file's bytes as an answer: whole, a range of them, or only what is said of them.

Owns HEAD and Range, and what passes the doorway unheld. Bytes pass through in pieces, whatever the
size of the file; one range is served, and of several asked for together the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mesh.errors import StorageError
from mesh.lake.store import Store
from mesh.serving.requests import is_head
from mesh.serving.sharing.refusing import RefusedError
from mesh.serving.streamed import Streamed, marked

_PIECE = 2**20
_RANGE = re.compile(r"bytes=(?P<first>\d{0,19})-(?P<last>\d{0,19})", re.ASCII)
_MEDIA_TYPE = "application/vnd.apache.parquet"


class Whole(Response):
    """An answer of many megabytes that is there already. Links are in it: nobody keeps it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        self.headers["cache-control"] = "no-store"
        await super().__call__(scope, receive, marked(send))


def delivered(request: Request, store: Store, path: str, *, size: int, identity: str) -> Response:
    """A file of a store, as it is asked for. Raises RefusedError: 416, or 404 for a file gone."""
    tag = f'"{identity}"'
    found = _range(request, size, tag)
    first, last = found or (0, size - 1)
    headers = {
        "accept-ranges": "bytes",
        "content-length": str(last - first + 1),
        "etag": tag,
        "cache-control": "private, no-store",
    }
    if found:
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    status = 206 if found else 200
    if is_head(request):
        return Streamed(iter(()), status, headers, _MEDIA_TYPE)
    pieces = _pieces(store, path, size, first, last - first + 1)
    try:
        begun = next(pieces, b"")
    except (StorageError, OSError) as error:
        raise RefusedError(404, "this file is there no more: query the table again") from error
    return Streamed(chain([begun], pieces), status, headers, _MEDIA_TYPE)


def _range(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """First and last byte that are asked for; None for all of them."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or request.headers.get("if-range", tag) != tag:
        return None
    first, last = match["first"], match["last"]
    if not first and not last:
        return None
    begin = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end or (not first and not int(last)):
        headers = {"content-range": f"bytes */{size}"}
        raise RefusedError(416, f"the file has {size:,} bytes", headers)
    return begin, end


def _pieces(store: Store, path: str, size: int, first: int, length: int) -> Iterator[bytes]:
    opened: Any = store.open_input(path, size)
    with closing(opened):
        opened.seek(first)
        while length > 0:
            piece = opened.read(min(_PIECE, length))
            if not piece:
                raise StorageError("the file ended early", where=path)
            length -= len(piece)
            yield piece
