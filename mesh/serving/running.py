"""A server that listens: where, how patiently, and how it ends.

Owns the socket, the limits that are the connection's own (headers, idle time), and the graceful
end: requests that have begun are answered, for a while. Knows no resource.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from mesh.catalog.store import Catalog
from mesh.errors import MeshError
from mesh.serving.app import make_app
from mesh.serving.authority import Authority, Limits
from mesh.serving.deciding import Deciding
from mesh.serving.identity.signing_in import Identities
from mesh.serving.readers import Readers
from mesh.serving.sharing.sharing import Sharing
from mesh.settings import Settings

HEADER_SECONDS = 10.0
"""How long the head of a request may take; uvicorn itself would wait without end, and read on."""
_HEADER_BYTES = 16 * 1024
_IDLE_SECONDS = 5
_ENDING_SECONDS = 10
_CONNECTIONS = 1_000


class _Impatient(HttpToolsProtocol):
    """HTTP/1.1 whose connection is closed when the head of a request does not come to an end.

    Whether by its time or by its size. Fields after a body are no headers, whoever sends them.
    """

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if not self._is_in_body:
            end = data.find(b"\r\n\r\n")
            self._head_bytes += len(data) if end < 0 else end
            if self._head_bytes > _HEADER_BYTES:
                self._rest()
                self.send_400_response("The head of the request is too long.")
                return
        super().data_received(data)
        last: RequestResponseCycle | None = self.cycle
        if not self._is_in_body and (last is None or last.response_complete):
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._rest()
        self._head_bytes, self._is_in_body = 0, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@dataclass(frozen=True, slots=True)
class Listening:
    """A server with its socket open. `url` is where it is reached.

    `flight` is where Arrow Flight SQL is; empty where it is not served.
    """

    server: uvicorn.Server
    listener: socket.socket
    url: str
    flight: str = ""

    def run(self) -> None:
        """Serve until told to end."""
        self.server.run(sockets=[self.listener])

    def stop(self) -> None:
        """Tell a server that another thread runs to end."""
        self.server.should_exit = True


@contextmanager
def listening(
    catalog: Catalog, settings: Settings, deciding: Deciding | None = None
) -> Iterator[Listening]:
    """A server of a catalog, and of data as far as `deciding` lets it be seen; None serves none.

    Raises MeshError when its address cannot be had.
    """
    wanted = settings.serving
    identities = Identities.of(settings)
    sharing = Sharing.of(catalog, settings, deciding, identities) if deciding else None
    readers = Readers(catalog, deciding, settings) if deciding else None
    authority = Authority(catalog, deciding, identities)
    with (
        catalog.held(),
        closing(_listener(wanted.host, wanted.port)) as listener,
        nullcontext() if readers is None else closing(readers),
        _flight(settings, readers, authority) as flight,
    ):
        config = uvicorn.Config(
            make_app(
                catalog,
                wanted,
                deciding=deciding,
                sharing=sharing,
                readers=readers,
                identities=identities,
            ),
            http=_Impatient,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(wanted.proxies),
            forwarded_allow_ips=wanted.proxies,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_ENDING_SECONDS,
            ssl_certfile=settings.path(wanted.certificate) if wanted.certificate else None,
            ssl_keyfile=settings.path(wanted.key) if wanted.key else None,
        )
        scheme = "https" if wanted.certificate else "http"
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        url = f"{scheme}://{host}:{listener.getsockname()[1]}"
        yield Listening(uvicorn.Server(config), listener, url, flight)


@contextmanager
def _flight(settings: Settings, readers: Readers | None, authority: Authority) -> Iterator[str]:
    """Arrow Flight SQL, where data is served: its URL. Raises MeshError."""
    wanted = settings.serving
    if readers is None or not wanted.flight:
        yield ""
        return
    from mesh.serving.flight.desk import CatalogDesk
    from mesh.serving.flight.server import FlightServer, Place

    after = wanted.port + 1 if wanted.port else 0
    place = Place(
        wanted.host,
        after if wanted.flight_port is None else wanted.flight_port,
        _pem(settings, wanted.certificate),
        _pem(settings, wanted.key),
    )
    desk = CatalogDesk(readers, authority)
    server = FlightServer.at(place, desk, Limits.of(wanted), readers.processes)
    try:
        yield replace(place, port=server.port).url
    finally:
        server.shutdown()


def _pem(settings: Settings, file: Path | None) -> bytes:
    return settings.path(file).read_bytes() if file else b""


@contextmanager
def ending_quietly() -> Iterator[None]:
    """Let a signal that ended the server end no more than that: uvicorn sends it on."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise MeshError(
            f"nothing can listen there: {error.strerror or error}",
            where=f"{host}:{port}",
            hint="choose another with --host and --port",
        ) from error
