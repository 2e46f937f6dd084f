"""A store that misbehaves: an HTTP proxy before the real one, which does something else at times.

The requests and the answers are real; only what the fault changes is changed.
"""

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from tests.behaviour.certificates import Certificate


@dataclass(slots=True)
class Request:
    """What the client sends, and from where."""

    method: str
    path: str
    headers: dict[str, str]
    peer: str


@dataclass(slots=True)
class Answer:
    """What the client is told; `is_lost` closes the connection instead."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_lost: bool = False


Ask = Callable[[Request], Answer]
Fault = Callable[[Request, Ask], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_) -> None:
        """A client that hangs up is its own business."""


@contextmanager
def proxied(endpoint: str, fault: Fault, certificate: Certificate | None = None) -> Iterator[str]:
    """A proxy before `endpoint`; `fault` may change the request, or answer in the store's place.

    With a certificate, its own side is https.
    """
    target = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))

            def ask(request: Request) -> Answer:
                connection = http.client.HTTPConnection(target)
                connection.request(request.method, request.path, body, request.headers)
                found = connection.getresponse()
                answer = Answer(found.status, found.getheaders(), found.read())
                connection.close()
                return answer

            answer = fault(
                Request(self.command, self.path, dict(self.headers), self.client_address[0]), ask
            )
            if answer.is_lost:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            has_length = any(name.lower() == "content-length" for name, _ in answer.headers)
            for name, value in answer.headers:
                if name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            if not has_length:
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any  # noqa: N815 -- names that http.server calls

        def log_message(self, *_) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def error(status: int, code: str, message: str) -> Answer:
    """An error as S3 writes it."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    return Answer(status, [("content-type", "application/xml")], body)
