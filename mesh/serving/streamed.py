"""Answers that are sent as they come: files, and tables that no memory would hold.

Owns the mark by which the doorway lets them pass. An answer that fails half way is cut off, so that
nobody takes it for whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from mesh.serving.requests import STREAMED

ARROW = "application/vnd.apache.arrow.stream"


def marked(send: Send) -> Send:
    """Let an answer pass the doorway as it comes."""

    async def sending(message: Message) -> None:
        is_start = message["type"] == "http.response.start"
        await send({**message, STREAMED: True} if is_start else message)

    return sending


class Streamed(StreamingResponse):
    """An answer in pieces, which passes the doorway as it comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await super().__call__(scope, receive, marked(send))


def streamed_rows(rows: pa.RecordBatchReader, headers: Mapping[str, str] | None = None) -> Streamed:
    """A reader's rows as an answer. What fails before the first batch is raised, not cut off."""
    pieces = arrow_pieces(rows)
    first = next(pieces)
    return Streamed(chain([first], pieces), headers=headers, media_type=ARROW)


def arrow_pieces(rows: pa.RecordBatchReader) -> Iterator[bytes]:
    """A reader's rows as the pieces of an Arrow stream."""
    sink = _Sink()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        for batch in rows:
            stream.write_batch(batch)
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file that is emptied as it is written to."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: Any) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """What was written since."""
        found, self._pieces = b"".join(self._pieces), []
        return found

    def flush(self) -> None:
        """Nothing waits."""

    def writable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing is open."""
