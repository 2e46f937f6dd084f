"""What goes between a statement's process and its reader: bytes in frames, and never objects.

Owns the frames: a kind, and what is of it. Batches are Arrow IPC streams of their own. Nothing is
unpickled on either side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa


class Kind(Enum):
    """What a frame holds."""

    WORDS = b"W"
    """Plain values as JSON."""
    SCHEMA = b"S"
    BATCH = b"B"
    END = b"E"
    """No batch follows."""
    FAILED = b"F"
    """Why not, as text."""


def send(connection: Connection, kind: Kind, content: bytes | memoryview = b"") -> None:
    """Send one frame."""
    connection.send_bytes(kind.value + bytes(content))


def send_words(connection: Connection, words: Mapping[str, Any]) -> None:
    """Send plain values."""
    send(connection, Kind.WORDS, json.dumps(words).encode())


def receive(connection: Connection) -> tuple[Kind, memoryview]:
    """The next frame. Raises EOFError when the other side is gone."""
    frame = memoryview(connection.recv_bytes())
    return Kind(bytes(frame[:1])), frame[1:]


def words(content: memoryview) -> dict[str, Any]:
    """Plain values that were sent."""
    found: dict[str, Any] = json.loads(bytes(content))
    return found


def send_values(connection: Connection, values: Sequence[Any]) -> None:
    """Send values of any type that Arrow has."""
    row = pa.record_batch([pa.array([v]) for v in values], [str(n) for n in range(len(values))])
    send(connection, Kind.BATCH, _stream(row.schema, (row,)))


def values(content: memoryview) -> list[Any]:
    """Values that were sent."""
    (row,) = batches_of(content)
    return [column[0].as_py() for column in row.columns]


def send_schema(connection: Connection, schema: pa.Schema) -> None:
    """Send a schema."""
    send(connection, Kind.SCHEMA, _stream(schema, ()))


def send_rows(connection: Connection, rows: pa.RecordBatchReader) -> None:
    """Send all of a reader: its schema, its batches, and that no more come."""
    send_schema(connection, rows.schema)
    for batch in rows:
        send(connection, Kind.BATCH, _stream(rows.schema, (batch,)))
    send(connection, Kind.END)


def schema_of(content: memoryview) -> pa.Schema:
    """A schema that was sent."""
    with pa.ipc.open_stream(pa.py_buffer(content)) as stream:
        return stream.schema


def batches_of(content: memoryview) -> Iterator[pa.RecordBatch]:
    """The batches of one frame."""
    with pa.ipc.open_stream(pa.py_buffer(content)) as stream:
        yield from stream


def _stream(schema: pa.Schema, batches: tuple[pa.RecordBatch, ...]) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return memoryview(sink.getvalue())
