"""Data files written again without some of their rows.

Owns how the work is shared: each thread takes neighbouring row groups, about as many rows as the
others, reads them in batches and encodes what stays into files of its own. So files come out about
as sorted as they were, and memory is one batch a thread. Too little to share is done by one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from mesh.publishing.modes.files import OpenFile, TableFiles
from mesh.publishing.modes.search import Hits, Mask
from mesh.publishing.stage import Stage, StageWriter

LEAST_SHARE_BYTES = 16 * 1024 * 1024
"""Files that together are smaller than this a thread are not worth another one: it would leave more
and smaller files behind."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Neighbouring rows of one file, from one row to before another."""

    hits: Hits
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rewriting:
    """Writes what stays of some files onto a stage."""

    files: TableFiles
    stage: Stage
    workers: int
    batch_rows: int

    def run(self, removed: Sequence[Hits], name: str) -> None:
        """Write every row but those that were found. `name` tells this attempt's files apart."""
        shares = self._shares([hits for hits in removed if not hits.mask().all()])
        if not shares:
            return
        stop = threading.Event()
        with ThreadPoolExecutor(len(shares), thread_name_prefix="mesh-rewrite") as pool:
            work = [
                pool.submit(self._write, share, self.stage.writer(f"{name}w{number}"), stop)
                for number, share in enumerate(shares)
            ]
        for done in work:
            done.result()

    def _shares(self, removed: Sequence[Hits]) -> list[list[_Piece]]:
        rows = sum(hits.rows for hits in removed)
        size = sum(hits.file.size for hits in removed)
        count = max(min(self.workers, size // LEAST_SHARE_BYTES), 1)
        borders = [rows * number // count for number in range(1, count)]
        shares: list[list[_Piece]] = [[] for _ in range(count)]
        begun = 0
        for hits in sorted(removed, key=_place):
            inside = [border - begun for border in borders if begun < border < begun + hits.rows]
            edges = [0, *inside, hits.rows]
            for start, end in pairwise(edges):
                share = sum(border <= begun + start for border in borders)
                shares[share].append(_Piece(hits, start, end))
            begun += hits.rows
        return [share for share in shares if share]

    def _write(self, share: Sequence[_Piece], writer: StageWriter, stop: threading.Event) -> None:
        try:
            with self.files.open(share[0].hits.file) as first:
                encoded = [n for n in first.dictionaries if n not in self.stage.partition_by]
            for piece in share:
                values = tuple(
                    piece.hits.file.partition_values.get(name) for name in self.stage.partition_by
                )
                with self.files.open(piece.hits.file, encoded) as opened:
                    for batch in self._kept(opened, piece):
                        if stop.is_set():
                            writer.abandon()
                            return
                        writer.write_part(values, batch)
            writer.close()
        except BaseException:
            stop.set()
            writer.abandon()
            raise

    def _kept(self, opened: OpenFile, piece: _Piece) -> Iterator[pa.RecordBatch]:
        """What stays of the row groups that begin within a piece."""
        mask = piece.hits.mask()
        start = 0
        for group in opened.groups:
            rows = opened.rows_of(group)
            if piece.start <= start < piece.end:
                yield from self._kept_of(opened, group, mask[start : start + rows])
            start += rows

    def _kept_of(self, opened: OpenFile, group: int, removed: Mask) -> Iterator[pa.RecordBatch]:
        if removed.all():
            return
        start = 0
        columns = self.stage.file_schema.names
        for batch in opened.batches([group], columns, self.batch_rows):
            gone = removed[start : start + batch.num_rows]
            start += batch.num_rows
            kept = batch if not gone.any() else batch.filter(pa.array(np.logical_not(gone)))
            if kept.num_rows:
                yield kept


def _place(hits: Hits) -> tuple[str, str]:
    """Files of one partition together, in the order in which they were written."""
    return (str(sorted(hits.file.partition_values.items(), key=str)), hits.file.path)
