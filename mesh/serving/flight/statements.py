"""Statements that a client is about to fetch the answer of, and those that it prepared.

Owns handles: random, good for whoever got them and nobody else, and not for long. An answer that is
not fetched holds a process, so there are few at a time, and each ends by itself.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from mesh.contracts.isolation.ahead import Processes
from mesh.errors import StatementError
from mesh.reading.answering import Answer, Question, begun, described
from mesh.reading.reader import Reader

ANSWER_SECONDS = 60.0
"""How long an answer waits to be fetched."""
PREPARED_SECONDS = 3600.0
MOST_PREPARED = 1_000
MOST_ANSWERS = 32
"""Answers that wait at a time, of everybody."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that a client prepared, and the parameters that it bound last."""

    question: Question
    parameters: Sequence[Sequence[Any]] = ()


@dataclass(slots=True)
class _Kept:
    owner: str
    until: float
    value: Any


class Handles:
    """Values by handle, each for its owner, each for a while."""

    def __init__(self, *, seconds: float, most: int, end: Callable[[Any], None]) -> None:
        self._seconds, self._most, self._end = seconds, most, end
        self._kept: dict[bytes, _Kept] = {}
        self._lock = threading.Lock()

    def keep(self, owner: str, value: Any, handle: bytes = b"") -> bytes:
        """A handle for a value. Raises StatementError when too many are kept."""
        self._expire()
        with self._lock:
            if handle not in self._kept and len(self._kept) >= self._most:
                raise StatementError(
                    f"{self._most:,} statements are open", hint="try again in a minute"
                )
            made = handle or secrets.token_bytes(16)
            self._kept[made] = _Kept(owner, time.monotonic() + self._seconds, value)
            return made

    def get(self, owner: str, handle: bytes) -> Any:
        """The value of its owner's handle. Raises StatementError."""
        with self._lock:
            return self._found(owner, handle).value

    def take(self, owner: str, handle: bytes) -> Any:
        """The value of a handle, which is good no more."""
        with self._lock:
            found = self._found(owner, handle)
            del self._kept[handle]
            return found.value

    def close(self) -> None:
        """End everything that is kept."""
        with self._lock:
            kept, self._kept = list(self._kept.values()), {}
        for item in kept:
            self._end(item.value)

    def _found(self, owner: str, handle: bytes) -> _Kept:
        found = self._kept.get(handle)
        if found is None or found.owner != owner or found.until < time.monotonic():
            raise StatementError("there is no such statement any more", hint="ask it again")
        return found

    def _expire(self) -> None:
        now = time.monotonic()
        with self._lock:
            late = [handle for handle, kept in self._kept.items() if kept.until < now]
            ended = [self._kept.pop(handle) for handle in late]
        for item in ended:
            self._end(item.value)


@dataclass(slots=True)
class Statements:
    """Runs statements for clients. `close` ends all of them."""

    processes: Processes
    answers: Handles = field(
        default_factory=lambda: Handles(
            seconds=ANSWER_SECONDS, most=MOST_ANSWERS, end=lambda answer: answer.close()
        )
    )
    prepared: Handles = field(
        default_factory=lambda: Handles(
            seconds=PREPARED_SECONDS, most=MOST_PREPARED, end=lambda _: None
        )
    )

    def run(self, question: Question, reader: Reader, parameters: Sequence[Any] = ()) -> Answer:
        """Begin a statement. Raises StatementError, AccessDeniedError and what reading raises."""
        return begun(replace(question, parameters=parameters), reader, self.processes)

    def described(
        self, question: Question, reader: Reader, parameters: Sequence[Any] = ()
    ) -> pa.Schema:
        """The schema of a statement's answer, without reading a row. Raises as `run`."""
        return described(replace(question, parameters=parameters), reader, self.processes)

    def waiting(self, owner: str, answer: Answer) -> bytes:
        """A handle for an answer that waits to be fetched.

        Raises StatementError when too many wait: then it is ended.
        """
        try:
            return self.answers.keep(owner, answer)
        except StatementError:
            answer.close()
            raise

    def close(self) -> None:
        """End everything."""
        self.answers.close()
