"""The process that a statement runs in: it has the statement, and the rows that it is sent.

Owns the other end of `process`. It holds no credentials and no settings, writes no file, and
takes no more memory than it was told. It answers one statement and ends. Run with `python -I -m`,
and the numbers of two sockets that it is given: for its answers, and to ask for rows.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection

import pyarrow as pa

from mesh.contracts.isolation import frames
from mesh.contracts.isolation.frames import Kind
from mesh.contracts.locked import Limits, locked, told

_ROOM = 512 * 1024 * 1024
"""Address space beside the statement's memory: buffers of Arrow, stacks, what DuckDB maps."""
_OPEN_FILES = 256


class RowsGoneError(RuntimeError):
    """Rows stopped coming: the reader knows why."""


class SentTable:
    """A table whose rows are sent anew for every scan, once the first of them is wanted.

    They are asked for by its number. A database looks at the schema of a table more often.
    """

    def __init__(self, asking: socket.socket, number: int, schema: pa.Schema) -> None:
        self._asking, self._number, self._schema = asking, number, schema

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A stream of all rows, from the first."""
        rows = pa.RecordBatchReader.from_batches(self._schema, self._batches())
        return rows.__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        own, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._asking, [self._number.to_bytes(4, "big")], [theirs.fileno()])
        with Connection(own.detach()) as connection:
            while True:
                kind, content = frames.receive(connection)
                if kind is Kind.BATCH:
                    yield from frames.batches_of(content)
                elif kind is Kind.END:
                    return
                elif kind is not Kind.SCHEMA:
                    raise RowsGoneError


def main(answers: Connection, asking: socket.socket) -> None:
    """Answer the one statement that is told."""
    import duckdb

    _, content = frames.receive(answers)
    wanted = frames.words(content)
    parameters = frames.values(frames.receive(answers)[1])
    tables = {
        name: SentTable(asking, number, frames.schema_of(frames.receive(answers)[1]))
        for number, name in enumerate(wanted["tables"])
    }
    limits = Limits(**wanted["limits"])
    _confine(limits)
    frames.send_words(answers, {"begins": True})
    try:
        with locked(tables, limits) as connection:
            found = connection.execute(wanted["text"], parameters)
            frames.send_rows(answers, found.to_arrow_reader(wanted["batch_rows"]))
    except (MemoryError, pa.ArrowMemoryError):
        frames.send(answers, Kind.FAILED, _too_much(limits))
    except (duckdb.Error, pa.ArrowException, OSError, EOFError, RuntimeError) as error:
        frames.send(answers, Kind.FAILED, told(error, limits).encode())


def _too_much(limits: Limits) -> bytes:
    return f"it needs more than {limits.memory_bytes:,} bytes of memory".encode()


def _confine(limits: Limits) -> None:
    """Let this process have no more than it needs, where the system knows how."""
    import resource

    soft = {
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
    }
    if (used := _address_space()) is not None:
        soft[resource.RLIMIT_AS] = used + limits.memory_bytes + _ROOM
    for which, most in soft.items():
        _, hard = resource.getrlimit(which)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (bound, bound))


def _address_space() -> int | None:
    """Bytes that this process has mapped; None where that cannot be told."""
    import resource

    with suppress(OSError), open("/proc/self/statm", encoding="ascii") as status:  # noqa: PTH123
        return int(status.read().split()[0]) * resource.getpagesize()
    return None


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), socket.socket(fileno=int(sys.argv[2])))
