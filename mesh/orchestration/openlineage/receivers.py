"""Receivers: where an event goes, over HTTP or into a file.

Owns how one event is handed over, and what a receiver's answer means. What is raised names neither
tokens nor bodies. Waits no longer than a receiver's timeout allows.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh.orchestration.openlineage.facets import PRODUCER
from mesh.settings import ReceiverSettings, Settings

if TYPE_CHECKING:
    import httpx2

Event = Mapping[str, Any]
Send = Callable[[Event], None]

_FILE = "file:"
_ANSWER_BYTES = 65_536
_TAIL_BYTES = 65_536
_OK, _MULTIPLE, _BAD, _SERVER = 200, 300, 400, 500
_TRY_AGAIN = frozenset({408, 429})


class NotTakenError(Exception):
    """A receiver did not take an event. `is_refusal` when the same event will not do again."""

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.is_refusal = is_refusal


@dataclass(frozen=True, slots=True)
class HttpReceiver:
    """A receiver that takes one event in a POST."""

    settings: ReceiverSettings

    @property
    def label(self) -> str:
        """What its queue is called."""
        return self.settings.label

    @property
    def patience(self) -> float:
        """Seconds in which one event is handed over, or not."""
        return 4 * self.settings.timeout

    @contextmanager
    def opened(self) -> Iterator[Send]:
        """A connection, which may be used for many events."""
        import httpx2

        said = self.settings
        headers = {"Content-Type": "application/json", "User-Agent": PRODUCER.strip(":")}
        if said.token:
            headers["Authorization"] = f"Bearer {said.token}"
        if said.compression:
            headers["Content-Encoding"] = said.compression
        with httpx2.Client(headers={**headers, **said.headers}, timeout=said.timeout) as client:
            yield lambda event: self._post(client, event)

    def _post(self, client: httpx2.Client, event: Event) -> None:
        import httpx2

        body = json.dumps(event, separators=(",", ":")).encode()
        if self.settings.compression:
            body = gzip.compress(body, compresslevel=5, mtime=0)
        try:
            with client.stream("POST", self.settings.url, content=body) as answer:
                _read(answer, time.monotonic() + self.settings.timeout)
                status = answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # Its text may quote the URL, which may hold a key.
            raise NotTakenError(f"it could not be reached: {type(error).__name__}") from None
        if not _OK <= status < _MULTIPLE:
            is_refusal = status < _SERVER and status not in _TRY_AGAIN
            raise NotTakenError(f"it answered HTTP {status}", is_refusal=is_refusal)


@dataclass(frozen=True, slots=True)
class FileReceiver:
    """A file that grows by one line an event; others may append to it at the same time."""

    path: Path
    label: str
    patience: float = 20.0

    @contextmanager
    def opened(self) -> Iterator[Send]:
        """The file, made if need be."""
        yield self._append

    def _append(self, event: Event) -> None:
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file:
                _lock(file.fileno())
                _write(file, line)
        except OSError as error:
            raise NotTakenError(f"it cannot be written: {error.strerror or error}") from None


Receiver = HttpReceiver | FileReceiver


def receivers_of(settings: Settings) -> list[Receiver]:
    """Everyone who is to get events."""
    said = settings.openlineage
    return [
        *(HttpReceiver(receiver) for receiver in said.receivers),
        *(FileReceiver(settings.path(file), f"{_FILE}{file}") for file in said.files),
    ]


def labels(settings: Settings) -> tuple[str, ...]:
    """What their queues are called."""
    said = settings.openlineage
    over_http = (receiver.label for receiver in said.receivers)
    return (*over_http, *(f"{_FILE}{file}" for file in said.files))


def _read(answer: httpx2.Response, deadline: float) -> None:
    """Read an answer that is short, so that the connection may be used again; see that it ends."""
    import httpx2

    size = 0
    for part in answer.iter_raw():
        size += len(part)
        if size > _ANSWER_BYTES:
            return
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("the answer does not end")


def _write(file: FileIO, line: bytes) -> None:
    """Append a line, all of it or nothing: half a line would spoil the next, whoever writes it.

    It is on the disk when this returns, since its event leaves the queue then.
    """
    size = _mended(file)
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), size)
        raise


def _mended(file: FileIO) -> int:
    """The size of a file, after what a writer that died left of a line was removed."""
    size = file.seek(0, os.SEEK_END)
    begin, tail = size, b""
    while begin and b"\n" not in tail:
        step = min(begin, _TAIL_BYTES)
        begin -= step
        file.seek(begin)
        tail = file.read(step) + tail
    rest = tail.rpartition(b"\n")[2]
    if not rest:
        return size
    if _is_whole(rest):  # only its end is missing
        return size + os.write(file.fileno(), b"\n")
    os.ftruncate(file.fileno(), size - len(rest))
    return size - len(rest)


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _lock(file: int) -> None:
    """Wait until no other process appends. The lock goes with the file's closing."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
