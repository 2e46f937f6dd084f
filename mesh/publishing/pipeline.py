"""The pipeline: batches through the gate and onto the stage, on several threads.

Owns the threads, back-pressure and the end: the first error stops everything, and nothing is left
half. Each worker checks and encodes the same batch, so that it stays in that core's cache.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference
from mesh.publishing.batch import SAMPLE_ROWS, repeating_texts
from mesh.publishing.conformance import Conformance, LossyCastError
from mesh.publishing.gate import Gate
from mesh.publishing.profiling import Profiling
from mesh.publishing.stage import Stage

Numbered = tuple[int, pa.RecordBatch]


@dataclass(slots=True)
class Pipeline:
    """What one publication's batches go through.

    `rejects` takes rejected rows; None lets go of them, because any of them refuses. What is
    accepted is staged all the same: rules on the whole set are decided on it, so that a refusal
    tells everything that is wrong at once. Without a `stage` rows are looked at, and let go of.
    Accepted rows are measured by `profiling`, where there is one.
    """

    gate: Gate
    conformance: Conformance
    workers: int
    stage: Stage | None = None
    rejects: Stage | None = None
    with_provenance: Callable[[pl.DataFrame], pl.DataFrame] = lambda rejected: rejected
    profiling: Profiling | None = None
    _texts: tuple[str, ...] = ()

    def run(self, batches: Iterator[pa.RecordBatch]) -> Difference | None:
        """Take in every batch. Returns what a cast would have lost, if anything."""
        numbered = _numbered(batches)
        first = [item for _, item in zip(range(2), numbered, strict=False)]
        rest = chain(first, numbered)
        try:
            if first:
                sample = first[0][1].slice(0, SAMPLE_ROWS)
                self._texts = repeating_texts(self.conformance.logical(sample, 0).rows)
            if len(first) < 2 or self.workers == 1:  # noqa: PLR2004 -- one batch needs no threads
                self._work("0", rest)
            else:
                self._run_threads(rest)
        except LossyCastError as error:
            return error.difference
        return None

    def _run_threads(self, batches: Iterator[Numbered]) -> None:
        feed = _Feed()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="mesh-gate") as pool:
            feed.workers = [
                pool.submit(self._work, str(number), feed.batches())
                for number in range(self.workers)
            ]
            try:
                feed.fill(batches)
            finally:
                feed.end()
        for worker in feed.workers:
            worker.result()

    def _work(self, worker: str, batches: Iterator[Numbered]) -> None:
        writing = self.stage.writer(worker) if self.stage is not None else None
        rejecting = self.rejects.writer(worker) if self.rejects is not None else None
        measures = self.profiling.measures() if self.profiling is not None else None
        writers = [writer for writer in (writing, rejecting) if writer is not None]
        try:
            for offset, rows in batches:
                batch = self.conformance.logical(rows, offset).with_dictionaries(self._texts)
                checked = self.gate.check(batch)
                if checked.rejected is not None and rejecting is not None:
                    for piece in self.conformance.rejected(self.with_provenance(checked.rejected)):
                        rejecting.write(piece)
                if measures is not None:
                    measures.add(
                        batch.rows,
                        batch.offset,
                        dictionaries=batch.dictionaries,
                        keeps=checked.keeps,
                    )
                if writing is not None:
                    writing.write(self.conformance.stored(batch, checked.keeps))
            for writer in writers:
                writer.close()
        except BaseException:
            for writer in writers:
                writer.abandon()
            raise


class _Feed:
    """Hands batches to workers, one waiting at most, until one of them fails."""

    def __init__(self) -> None:
        self.workers: list[Future[None]] = []
        self._queue: queue.Queue[Numbered | None] = queue.Queue(maxsize=1)

    @property
    def has_failed(self) -> bool:
        """Whether a worker has failed; its error is raised once all have ended."""
        return any(worker.done() and worker.exception() for worker in self.workers)

    def batches(self) -> Iterator[Numbered]:
        """One worker's share."""
        while (item := self._queue.get()) is not None and not self.has_failed:
            yield item
        self._pass_on_the_end()

    def fill(self, batches: Iterator[Numbered]) -> None:
        """Offer every batch, as long as there is a reason to."""
        for item in batches:
            if not self._offer(item):
                return
            del item

    def end(self) -> None:
        """Say that there is nothing more."""
        self._offer(None)

    def _offer(self, item: Numbered | None) -> bool:
        while not self.has_failed:
            try:
                self._queue.put(item, timeout=0.05)
            except queue.Full:
                continue
            return True
        self._pass_on_the_end()
        return False

    def _pass_on_the_end(self) -> None:
        """Free whoever waits next. Where the queue is full, who takes that item passes it on."""
        with suppress(queue.Full):
            self._queue.put_nowait(None)


def _numbered(batches: Iterator[pa.RecordBatch]) -> Iterator[Numbered]:
    offset = 0
    for batch in batches:
        yield offset, batch
        offset += batch.num_rows
