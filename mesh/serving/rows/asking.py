"""Who asks for rows, and what for.

Owns what is believed of a request. Everybody shows a token, also where the catalog may be read
without: an answer is always somebody's.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Request

from mesh.reading.reader import Reader
from mesh.serving import authority
from mesh.serving.readers import Readers

PURPOSE = "mesh-purpose"
"""The header in which a client says what it reads for, percent-encoded."""
_LONGEST = 200


def _reading(way: str) -> Any:
    """What a route depends on by which rows leave in a way, as the log tells it."""

    async def reader(request: Request) -> Reader:
        _, who = await authority.identify(request)
        readers: Readers = request.app.state.readers
        purpose = unquote(request.headers.get(PURPOSE, ""))[:_LONGEST]
        return readers.of(who, way=way, purpose=purpose)

    return Depends(reader)


Asking = Annotated[Reader, _reading("rest")]
AskingInSql = Annotated[Reader, _reading("sql")]
AskingForFiles = Annotated[Reader, _reading("credentials")]
