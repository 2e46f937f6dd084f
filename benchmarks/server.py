"""`mesh serve`'s own server in a process of its own, and clients that cost little beside it.

Owns the sockets: each client sends its next request as soon as it has the answer to the last.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from mesh.access.auditing import ReadAudit
from mesh.catalog.store import Catalog
from mesh.serving.deciding import Deciding
from mesh.serving.running import listening
from mesh.settings import Settings

_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class Client:
    """One connection, what it is still to send, and when its last request was sent."""

    connection: socket.socket
    requests: Iterator[bytes]
    sent_at: float = 0.0
    got: bytearray = field(default_factory=bytearray)

    def ask(self) -> bool:
        """Send the next request; False when there is none."""
        request = next(self.requests, None)
        if request is None:
            return False
        self.got.clear()
        self.sent_at = time.perf_counter()
        self.connection.sendall(request)
        return True

    def is_answered(self) -> bool:
        """Take what came; says whether it is the whole answer. Raises SystemExit for an error."""
        self.got += self.connection.recv(65_536)
        head, end, body = bytes(self.got).partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 20"):
            raise SystemExit(self.got.decode(errors="replace"))
        _, _, length = head.lower().partition(b"content-length: ")
        return len(body) >= int(length.split(b"\r\n")[0])


def answered(port: int, clients: Sequence[Iterator[bytes]], seconds: float) -> list[float]:
    """Milliseconds of each answer, in the order in which they came, for so long at most."""
    waiting, found = selectors.DefaultSelector(), list[float]()
    for requests in clients:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(connection, requests)
        waiting.register(connection, selectors.EVENT_READ, client)
        client.ask()
    ending, open_ = time.perf_counter() + seconds, len(clients)
    while open_:
        for event, _ in waiting.select(60):
            client = event.data
            if not client.is_answered():
                continue
            now = time.perf_counter()
            found.append((now - client.sent_at) * 1_000)
            if now >= ending or not client.ask():
                open_ -= 1
                waiting.unregister(client.connection)
                client.connection.close()
    return found


def serve(url: str, settings: Settings, telling: Connection) -> None:
    """Serve until told to end; runs in a process of its own."""
    with (
        Catalog.open(url) as catalog,
        closing(ReadAudit(catalog)) as audit,
        listening(catalog, settings, Deciding.of(catalog, settings, audit)) as server,
    ):
        thread = threading.Thread(target=server.run)
        thread.start()
        telling.send(server.listener.getsockname()[1])
        telling.recv()
        server.stop()
        thread.join()


@contextmanager
def serving(url: str, settings: Settings) -> Iterator[tuple[int, int]]:
    """A server in a process of its own: its port and the process."""
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=serve, args=(url, settings, theirs))
    process.start()
    try:
        yield ours.recv(), process.pid or 0
    finally:
        ours.send(None)
        process.join()
