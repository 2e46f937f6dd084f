"""Events that come in at once, written together.

Owns the waiting: who finds the way free writes everything that waits by then, its own and that of
others. A transaction costs milliseconds, an event in it a fraction of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mesh.catalog.reported.records import Taken

_MOST = 500
"""Batches that are written together: who came first does not wait for all who come later."""


@dataclass(slots=True)
class _Waiting:
    events: Sequence[object]
    taken: Taken | None = None
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return self.taken is not None or self.error is not None


@dataclass(slots=True)
class Gathering:
    """One way in for many. `take_batches` is the catalog's."""

    take_batches: Callable[[Sequence[Sequence[object]]], list[Taken]]
    _queue: list[_Waiting] = field(default_factory=list)
    _door: threading.Lock = field(default_factory=threading.Lock)
    _way: threading.Lock = field(default_factory=threading.Lock)

    def take(self, events: Sequence[object]) -> Taken:
        """Take a batch in; returns once it is written. Raises what writing raises."""
        own = _Waiting(events)
        with self._door:
            self._queue.append(own)
        while not own.is_done:
            with self._way:
                if not own.is_done:
                    self._write_waiting()
        if own.error is not None:
            raise own.error
        assert own.taken is not None  # noqa: S101 -- done, and without an error
        return own.taken

    def _write_waiting(self) -> None:
        with self._door:
            waiting, self._queue = self._queue[:_MOST], self._queue[_MOST:]
        try:
            found = self.take_batches([item.events for item in waiting])
        except BaseException as error:
            for item in waiting:
                item.error = error
            raise
        for item, taken in zip(waiting, found, strict=True):
            item.taken = taken
