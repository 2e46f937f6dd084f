"""Bodies are taken in only as far as they may be, however they are sent."""

import gzip
import json
import socket
import time
from contextlib import suppress

import pytest

from mesh.serving import running
from tests.catalog.events import run_event
from tests.serving.live import served

CALL = "/api/v1/catalog/products"
JSON = {"content-type": "application/json"}
WHOLE = json.dumps({"arguments": {}}).encode()


@pytest.fixture
def server(sqlite_url):
    with served(sqlite_url, body_bytes=10_000, request_seconds=1) as running_server:
        yield running_server


def sent(server, *parts: bytes, wait: float = 10) -> bytes:
    """Everything that the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


def head(*headers: str) -> bytes:
    lines = [f"POST {CALL} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_compressed_body_is_read(client):
    headers = {**JSON, "content-encoding": "gzip"}
    assert client.post(CALL, content=gzip.compress(WHOLE), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"", JSON, 400),
        (b"{", JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"[" * 300 + b"]" * 300, JSON, 400),
        (WHOLE, {"content-type": "text/plain"}, 415),
        (WHOLE, {}, 415),
        (WHOLE, {**JSON, "content-encoding": "br"}, 415),
        (WHOLE, {**JSON, "content-encoding": "gzip"}, 400),
        (gzip.compress(WHOLE, mtime=0)[:-9], {**JSON, "content-encoding": "gzip"}, 400),
    ],
)
def test_what_is_no_json_is_refused(client, content, headers, status):
    answer = client.post(CALL, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_says_it_is_too_large_is_not_waited_for(server):
    answer = sent(server, head("Content-Length: 99999999"))
    assert b" 413 " in answer.partition(b"\r\n")[0]


def test_a_body_that_turns_out_too_large_is_cut_off(server):
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = sent(server, head("Transfer-Encoding: chunked"), chunk * 4)
    assert b" 413 " in answer.partition(b"\r\n")[0]


def test_a_small_body_that_unpacks_to_a_huge_one_is_cut_off(server):
    bomb = gzip.compress(b" " * 9_000_000)
    assert len(bomb) < 10_000
    answer = sent(server, head(f"Content-Length: {len(bomb)}", "Content-Encoding: gzip"), bomb)
    assert b" 413 " in answer.partition(b"\r\n")[0]


def test_a_body_that_does_not_come_is_not_waited_for(server):
    answer = sent(server, head("Content-Length: 100"), b"{")
    assert b" 408 " in answer.partition(b"\r\n")[0]


def test_a_head_that_does_not_come_is_not_waited_for(sqlite_url, monkeypatch):
    monkeypatch.setattr(running, "HEADER_SECONDS", 0.3)
    with served(sqlite_url) as server:
        assert sent(server) == b""
        assert sent(server, b"GET / HTTP/1.1\r\nHost: loc") == b""


def test_a_head_without_end_is_refused(server):
    answer = sent(server, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
    assert b" 400 " in answer.partition(b"\r\n")[0]


def test_a_head_that_comes_in_pieces_without_end_is_refused(server):
    pieces = [b"GET / HTTP/1.1\r\n", *(b"X-%d: %s\r\n" % (n, b"x" * 3_000) for n in range(8))]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for piece in pieces:
            with suppress(OSError):  # it is closed before all of them are sent
                connection.sendall(piece)
                time.sleep(0.01)
        with suppress(ConnectionResetError):
            assert connection.recv(1_000).startswith(b"HTTP/1.1 400 ")


def test_what_comes_after_a_body_is_no_header(server):
    token = f"Authorization: Bearer {server.token}"
    event = json.dumps(run_event("COMPLETE", 1, outputs=["out"])).encode()
    chunk = f"{len(event):x}\r\n".encode() + event + b"\r\n0\r\n"
    asked = head("Transfer-Encoding: chunked", "Connection: close").replace(
        CALL.encode(), b"/api/v1/lineage"
    )
    late = sent(server, asked + chunk + f"{token}\r\n\r\n".encode())
    in_time = sent(server, asked[:-2] + f"{token}\r\n\r\n".encode() + chunk + b"\r\n")
    assert [b" 401 " in late, b" 201 " in in_time] == [True, True]


def test_a_request_that_takes_its_time_is_answered_after_its_head(sqlite_url, monkeypatch):
    monkeypatch.setattr(running, "HEADER_SECONDS", 0.2)
    with served(sqlite_url) as server:
        body = f"Content-Length: {len(WHOLE)}"
        whole = head(body, "Connection: close")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(whole)
            server.behind.domains()
            connection.settimeout(0.5)
            with pytest.raises(TimeoutError):
                connection.recv(10)
            connection.settimeout(10)
            connection.sendall(WHOLE)
            assert b" 200 " in connection.recv(200).partition(b"\r\n")[0]
