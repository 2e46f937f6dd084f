"""Which stored rows have one of the keys of a publication.

Owns the search: files and row groups are passed over by their bounds, the others' key columns are
read on several threads and compared with the new keys by value. The new keys are read from the
staged files in parts of a size that is given; each row of a file that holds some is one bit. So
memory is bounded by the parts, a chunk of stored keys a thread, and a bit for each row of the files
that are touched; keys beyond one part cost another reading of the stored keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from mesh.lake import DataFile
from mesh.lake.streaming import batches_of_frame
from mesh.publishing.modes.files import OpenFile, Range, TableFiles, may_overlap, range_of
from mesh.publishing.modes.packing import PackedKeys

CHUNK_ROWS = 1 << 20
"""Stored keys that one thread compares at a time."""
_WORTH_NARROWING = 4_096
MAX_SAMPLES = 5

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(slots=True)
class Hits:
    """The rows of a file that were found, a bit each."""

    file: DataFile
    rows: int
    _bits: np.ndarray[tuple[int], np.dtype[np.uint8]] | None = None

    def add(self, positions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Note rows by their position in the file."""
        mask = self.mask()
        mask[positions] = True
        self._bits = np.packbits(mask)

    def mask(self) -> Mask:
        """Whether each row was found."""
        if self._bits is None:
            return np.zeros(self.rows, np.bool_)
        return np.unpackbits(self._bits, count=self.rows).astype(np.bool_)

    def __bool__(self) -> bool:
        """Whether any row was found."""
        return self._bits is not None


@dataclass(slots=True)
class Found:
    """What a search came to, over all of its parts: by path, the rows of each file with some."""

    hits: dict[str, Hits] = field(default_factory=dict)
    rows: int = 0
    samples: list[pl.DataFrame] = field(default_factory=list)

    def add(self, file: DataFile, rows: int, matched: pl.DataFrame) -> None:
        """Note the rows of a file that matched one part; `_mesh_row` is their position."""
        hits = self.hits.setdefault(file.path, Hits(file, rows))
        hits.add(matched.get_column("_mesh_row").to_numpy())
        self.rows += matched.height
        if sum(sample.height for sample in self.samples) < MAX_SAMPLES:
            self.samples.append(matched.drop("_mesh_row").head(MAX_SAMPLES))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One part of the keys, with the range of each column, and as numbers where that can be."""

    keys: pl.DataFrame
    ranges: Mapping[str, Range]
    packed: PackedKeys | None


@dataclass(frozen=True, slots=True)
class Search:
    """A search among data files for rows with equal values in the columns of `key`.

    With `since`, a stored column that holds a moment: rows in which it lies before the lowest
    `_mesh_since` of the part are no matches; null is after all.
    """

    files: TableFiles
    key: Sequence[str]
    workers: int
    since: str = ""

    def run(
        self,
        among: Sequence[DataFile],
        parts: Iterable[pl.DataFrame],
        found: Found | None = None,
    ) -> Found:
        """Look for the keys of every part, each with the columns of `key`, in some files.

        What is found is added to `found`, when it is given.
        """
        found = found or Found()
        for part in parts:
            if part.is_empty():
                continue
            ranges = {name: range_of(part.get_column(name)) for name in self.key}
            candidates = [file for file in among if self.files.may_hold(file, ranges)]
            wanted = _Wanted(part, ranges, None if self.since else PackedKeys.of(part))
            with ThreadPoolExecutor(self.workers, thread_name_prefix="mesh-keys") as pool:
                work = [pool.submit(self._search, file, wanted) for file in candidates]
                for file, done in zip(candidates, work, strict=True):
                    rows, matched = done.result()
                    if matched is not None:
                        found.add(file, rows, matched)
        return found

    def _search(self, file: DataFile, wanted: _Wanted) -> tuple[int, pl.DataFrame | None]:
        matched = []
        with self.files.open(file) as opened:
            for start, chunk, known in self._chunks(opened, wanted):
                hit = self._compare(chunk, known, wanted).with_columns(pl.col("_mesh_row") + start)
                if hit.height:
                    matched.append(hit)
            rows = sum(opened.rows_of(group) for group in opened.groups)
        return rows, pl.concat(matched) if matched else None

    def _compare(
        self, chunk: pl.DataFrame, known: Mapping[str, Range], wanted: _Wanted
    ) -> pl.DataFrame:
        """The stored keys that are wanted, with their places in the chunk."""
        if wanted.packed is not None:
            places = wanted.packed.found_in(chunk)
            return chunk[places].with_columns(pl.Series("_mesh_row", places, pl.Int64))
        chunk = chunk.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("_mesh_row"))
        part = _narrowed(wanted.keys, known)
        if not self.since:
            return chunk.join(part, on=list(self.key), how="semi", nulls_equal=True)
        ends = pl.col(self.since)
        return (
            chunk.join(part, on=list(self.key), how="inner", nulls_equal=True)
            .filter(ends.is_null() | (ends >= pl.col("_mesh_since")))
            .select(*self.key, "_mesh_row")
        )

    def _chunks(
        self, opened: OpenFile, wanted: _Wanted
    ) -> Iterator[tuple[int, pl.DataFrame, Mapping[str, Range]]]:
        """Stored keys, where the first of them is, and their range where the footer knows it."""
        ranges = dict(wanted.ranges)
        if self.since:
            ranges[self.since] = (wanted.keys.get_column("_mesh_since").min(), None)
        start = 0
        for group in opened.groups:
            rows = opened.rows_of(group)
            known = {name: opened.range_of(group, name) for name in ranges}
            if all(_may_match(known[name], ranges[name]) for name in ranges):
                columns = list(dict.fromkeys([*self.key, *([self.since] if self.since else [])]))
                position = start
                for batch in opened.batches([group], columns, CHUNK_ROWS):
                    yield position, pl.DataFrame(batch), {name: known[name] for name in self.key}
                    position += batch.num_rows
            start += rows


def _may_match(known: Range, wanted: Range) -> bool:
    if known is not None and wanted is not None and wanted[1] is None:  # open at its end
        return bool(type(known[1]) is not type(wanted[0]) or known[1] >= wanted[0])
    return may_overlap(known, wanted)


def _narrowed(part: pl.DataFrame, ranges: Mapping[str, Range]) -> pl.DataFrame:
    """The keys of a part that can be among stored keys of these ranges."""
    if part.height < _WORTH_NARROWING:
        return part
    for name, known in ranges.items():
        if known is not None and type(known[0]) in {int, str}:
            column = pl.col(name)
            return part.filter(column.is_between(*known) | column.is_null())
    return part


def in_parts(frame: pl.LazyFrame, budget: int) -> Iterator[pl.DataFrame]:
    """The rows of a frame in parts of about `budget` bytes."""
    waiting: list[pl.DataFrame] = []
    size = 0
    for piece in batches_of_frame(frame):
        waiting.append(piece)
        size += int(piece.estimated_size())
        if size >= budget:
            yield pl.concat(waiting)
            waiting, size = [], 0
    if waiting:
        yield pl.concat(waiting)
