"""Who asks for rows, and what for.

Owns what is believed of a request. Everybody shows a token, also where the catalog may be read
without: an answer is always somebody's.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from mesh.reading.reader import Reader
from mesh.serving import authority
from mesh.serving.readers import Readers

PURPOSE = "mesh-purpose"
"""The header in which a client says what it reads for, percent-encoded."""
_LONGEST = 200


def reader_of(request: Request, way: str = "rest") -> Reader:
    """Whoever asks, as a reader; rows leave in this way, as the log tells it. Raises ProblemError.

    Blocks: a route that waits for nothing else calls it in the thread that it has anyway.
    """
    _, who = authority.identify_here(request)
    readers: Readers = request.app.state.readers
    purpose = unquote(request.headers.get(PURPOSE, ""))[:_LONGEST]
    return readers.of(who, way=way, purpose=purpose)


async def _reading_in_sql(request: Request) -> Reader:
    return await run_in_threadpool(reader_of, request, "sql")


AskingInSql = Annotated[Reader, Depends(_reading_in_sql)]
