"""A lazy frame's rows, batch by batch.

Owns the one way in which Mesh streams a lazy frame. Polars' own `collect_batches` ends without an
error when a thread of its engine panics, as it does at a Parquet file that was cut off: rows would
be missing without a sign (seen in Polars 2.1.0). Its `sink_batches` raises.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from threading import Thread

import polars as pl

_AHEAD = 1
"""Batches that wait for whoever takes them: a slow taker holds the engine up, and memory stays."""
_PATIENCE_SECONDS = 0.1


def batches_of_frame(
    frame: pl.LazyFrame, *, chunk_size: int | None = None
) -> Iterator[pl.DataFrame]:
    """The rows in their order. Raises whatever the engine met, at the latest at the end."""
    stream = _Stream(frame, chunk_size)
    # A daemon: a reader that nobody empties must not keep the process from ending.
    Thread(target=stream.run, name="mesh-stream", daemon=True).start()
    try:
        while (batch := stream.waiting.get()) is not None:
            yield batch
    finally:
        stream.is_over = True
    if stream.error is not None:
        raise stream.error


class _Stream(AbstractContextManager[None]):
    """One execution of a frame, in a thread of its own."""

    def __init__(self, frame: pl.LazyFrame, chunk_size: int | None) -> None:
        self.waiting: queue.Queue[pl.DataFrame | None] = queue.Queue(maxsize=_AHEAD)
        self.is_over = False
        self.error: BaseException | None = None
        self._frame = frame
        self._chunk_size = chunk_size

    def run(self) -> None:
        with self:
            self._frame.sink_batches(self._offer, chunk_size=self._chunk_size, maintain_order=True)

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> bool:
        """Keep an error for where the rows are taken: that is another thread."""
        self.error = error
        self._offer(None)
        return True

    def _offer(self, batch: pl.DataFrame | None) -> bool:
        """Hand a batch over; says whether to stop, because nobody takes them any more."""
        while not self.is_over:
            with suppress(queue.Full):
                self.waiting.put(batch, timeout=_PATIENCE_SECONDS)
                return False
        return True
