"""Who asks for rows, and what for.

Owns what is believed of a request. Everybody shows a token, also where the catalog may be read
without: an answer is always somebody's.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request

from mesh.reading.reader import Reader
from mesh.serving import authority
from mesh.serving.readers import Readers

PURPOSE = "mesh-purpose"
"""The header in which a client says what it reads for, percent-encoded."""
_LONGEST = 200


async def _reader(request: Request) -> Reader:
    _, who = await authority.identify(request)
    readers: Readers = request.app.state.readers
    purpose = unquote(request.headers.get(PURPOSE, ""))[:_LONGEST]
    way = "sql" if request.url.path.endswith("/sql") else "rest"
    return readers.of(who, way=way, purpose=purpose)


Asking = Annotated[Reader, Depends(_reader)]
