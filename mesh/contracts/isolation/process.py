"""A statement in a process of its own, which has its rows and nothing else.

Owns the process: started clean, sent the rows of the statement's sources as often as it scans them,
held to its memory, its time and its rows, and killed when it is done or takes more. What limits
inside a database cannot hold (one call that makes a gigabyte of text, or never ends) ends with the
process. What it sends is read as text and as Arrow, and believed in nothing else.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

import pyarrow as pa

from mesh.contracts.isolation import frames
from mesh.contracts.isolation.frames import Kind
from mesh.contracts.locked import Limits
from mesh.errors import StatementError

BATCH_ROWS = 65_536
_MOST_SCANS = 64
"""Scans of one statement at a time."""
_START_SECONDS = 60.0
_LEAVING_SECONDS = 5.0
Rows = Callable[[], pa.RecordBatchReader]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a statement may scan: `rows` gives them from the first, again for every scan."""

    schema: pa.Schema
    rows: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be run: a text, its parameters, the tables by name, its limits.

    `most_rows` is how many rows it may answer; None for any number.
    """

    text: str
    tables: Mapping[str, Table]
    limits: Limits
    parameters: Sequence[Any] = ()
    most_rows: int | None = None


class Isolated:
    """A process that waits for its one task, so that no statement waits for it to start."""

    def __init__(self) -> None:
        answers, their_answers = socket.socketpair()
        asking, their_asking = socket.socketpair()
        with their_answers, their_asking:
            given = (their_answers.fileno(), their_asking.fileno())
            self._process = subprocess.Popen(  # noqa: S603 -- this interpreter, our own module
                [sys.executable, "-I", "-m", "mesh.contracts.isolation.worker", *map(str, given)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=given,
            )
        self._answers = Connection(answers.detach())
        self._asking = asking
        self._why_stopped = ""
        self._feeding = ThreadPoolExecutor(_MOST_SCANS, "mesh-sql")
        self._feeds: list[Future[None]] = []

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._answers.close()
        with suppress(OSError):
            self._asking.shutdown(socket.SHUT_RDWR)
        self._asking.close()
        self._feeding.shutdown(wait=False, cancel_futures=True)

    @contextmanager
    def answering(self, task: Task) -> Iterator[pa.RecordBatchReader]:
        """The answer of a task, as it comes. The process is gone afterwards.

        Raises StatementError, also while the answer is read; and what reading a source raises.
        """
        with ExitStack() as leaving:
            leaving.callback(self.close)
            feeding = threading.Thread(target=self._feed, args=(task,), daemon=True)
            feeding.start()
            self._tell(task)
            with self._within(_START_SECONDS, "its process did not start in time"):
                self._next(task)  # it says that it begins: its time does not begin before
            late = f"it took longer than {task.limits.seconds:g} s"
            leaving.enter_context(self._within(task.limits.seconds, late))
            kind, content = self._next(task)
            if kind is not Kind.SCHEMA:
                raise StatementError("its process answered nonsense", where="statement")
            schema = frames.schema_of(content)
            yield pa.RecordBatchReader.from_batches(schema, self._batches(task))

    def _tell(self, task: Task) -> None:
        words = {
            "text": task.text,
            "tables": list(task.tables),
            "limits": asdict(task.limits),
            "batch_rows": BATCH_ROWS,
        }
        with suppress(BrokenPipeError):  # why it is gone is told when it is to answer
            frames.send_words(self._answers, words)
            frames.send_values(self._answers, task.parameters)
            for table in task.tables.values():
                frames.send_schema(self._answers, table.schema)

    def _batches(self, task: Task) -> Iterator[pa.RecordBatch]:
        rows = 0
        while True:
            kind, content = self._next(task)
            if kind is Kind.END:
                return
            for batch in frames.batches_of(content):
                rows += batch.num_rows
                if task.most_rows is not None and rows > task.most_rows:
                    raise StatementError(
                        f"it answers more than {task.most_rows:,} rows",
                        where="statement",
                        hint="ask for fewer, with LIMIT or by a condition",
                    )
                yield batch

    def _next(self, task: Task) -> tuple[Kind, memoryview]:
        try:
            kind, content = frames.receive(self._answers)
        except (EOFError, OSError):
            kind, content = Kind.FAILED, memoryview(self._why_gone(task).encode())
        if kind is not Kind.FAILED:
            return kind, content
        if (lost := self._lost()) is not None:
            raise lost
        raise StatementError(bytes(content).decode(), where="statement")

    def _why_gone(self, task: Task) -> str:
        if self._why_stopped:
            return self._why_stopped
        # It dies without a word where nothing is left to say one with.
        return f"it needs more than {task.limits.memory_bytes:,} bytes of memory"

    @contextmanager
    def _within(self, seconds: float, why: str) -> Iterator[None]:
        """End the process, and say why, when this takes longer."""
        timer = threading.Timer(seconds, self._stop, [why])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _stop(self, why: str) -> None:
        self._why_stopped = why
        self._process.kill()

    def _feed(self, task: Task) -> None:
        """Send rows as often as they are asked for, until the process is gone."""
        sources = list(task.tables.values())
        with suppress(OSError):
            while True:
                number, places, _, _ = socket.recv_fds(self._asking, 4, 1)
                if not number:
                    return
                rows = sources[int.from_bytes(number, "big")].rows
                self._feeds += [self._feeding.submit(_send, rows, Connection(p)) for p in places]

    def _lost(self) -> BaseException | None:
        """Why a source could not be read, if one could not."""
        wait(self._feeds, timeout=_LEAVING_SECONDS)  # they see that the process is gone
        return next((f.exception() for f in self._feeds if f.done() and f.exception()), None)


def _send(rows: Rows, place: Connection) -> None:
    """Send a source's rows once. The process may have enough of them before the end."""
    with place, suppress(BrokenPipeError, ConnectionResetError):
        frames.send_rows(place, rows())


@contextmanager
def answering(task: Task) -> Iterator[pa.RecordBatchReader]:
    """The answer of a task, in a process that is started for it."""
    with Isolated().answering(task) as rows:
        yield rows
