"""Whether rows are unique, over a stream of any length, in bounded memory.

Owns the tracking of keys. As long as the keys of each batch rise from row to row, the first and
the last are all that is kept: batches whose ranges do not meet have no key in common. Otherwise a
64-bit hash of every key is kept, and spilled to disk beyond a budget. Equal keys have equal hashes,
so that no hash seen twice proves uniqueness; hashes that were seen twice are only suspects, and the
rows that have them are compared by value.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

_BUCKET_BITS = 6
_HASH_BITS = 64
_MOST_COUNTED = 1_000_000
_ORDERED = (int, float, str, bytes, Decimal, date, timedelta)
Hashes = np.ndarray[tuple[int], np.dtype[np.uint64]]


Key = tuple[Any, ...]


class Uniqueness:
    """What is known so far of the keys in some columns. Told from many threads.

    `budget` is the memory for hashes, in bytes. Where a null `is_null_apart`, a row with one is
    like no other; else nulls are equal.
    """

    def __init__(self, columns: Sequence[str], budget: int, *, is_null_apart: bool = False) -> None:
        self.columns = tuple(columns)
        self.is_null_apart = is_null_apart
        self._hashes = HashStore(budget)
        self._ranges: list[tuple[Key, Key]] = []
        self._is_hashed = False
        self._is_mixed = False
        self._lock = threading.Lock()

    def add(self, keys: pl.DataFrame) -> None:
        """Note the keys of one batch."""
        keys = self._comparable(keys)
        if not keys.height or self._is_mixed:
            return
        found = None if self._is_hashed else _rising_range(keys)
        with self._lock:
            if found is not None and not self._is_hashed:
                self._ranges.append(found)
                return
            # What only ranges are known of would have to be read again: then so is everything.
            self._is_mixed = bool(self._ranges)
            self._is_hashed = True
        self._hashes.add(hashes_of(keys, self.columns))

    def repeated(self, frames: Callable[[], Iterable[pl.DataFrame]]) -> pl.DataFrame:
        """The keys that several rows have, with `_mesh_count`, how many.

        `frames` gives the keys of all rows again, as often as it is called.
        """
        if self._is_mixed or not _are_apart(self._ranges):
            self._hashes.close()
            for frame in frames():
                self._hashes.add(hashes_of(self._comparable(frame), self.columns))
        suspects = self._hashes.repeated()
        if not suspects.size:
            return pl.DataFrame()
        return duplicates_among(map(self._comparable, frames()), self.columns, suspects)

    def _comparable(self, keys: pl.DataFrame) -> pl.DataFrame:
        return keys.drop_nulls(self.columns) if self.is_null_apart else keys

    def close(self) -> None:
        """Forget everything."""
        self._hashes.close()
        self._ranges = []


def _rising_range(keys: pl.DataFrame) -> tuple[Key, Key] | None:
    """The first and the last key, when each is higher than the one before; else None."""
    rises = pl.lit(value=False)
    for name in reversed(keys.columns):
        column = pl.col(name)
        before = column.shift(1)
        rises = (before < column) | ((before == column) & rises)
    try:
        if not keys.select(rises.slice(1).fill_null(value=False).all()).item():
            return None
        first, last = keys.row(0), keys.row(-1)
    except (pl.exceptions.PolarsError, OverflowError, ValueError):
        return None  # what cannot be compared, or a time outside of Python's calendar
    return (first, last) if all(_is_comparable(value) for value in (*first, *last)) else None


def _is_comparable(value: Any) -> bool:
    """Whether Python orders it as Polars does: a NaN is neither above nor below for Python."""
    return isinstance(value, _ORDERED) and value == value  # noqa: PLR0124 -- NaN


def _are_apart(ranges: list[tuple[Key, Key]]) -> bool:
    ordered = sorted(ranges)
    return all(one[1] < other[0] for one, other in pairwise(ordered))


@dataclass(slots=True)
class HashStore:
    """The hashes of every row so far; beyond `budget` bytes they go to temporary files."""

    budget: int
    _arrays: list[Hashes] = field(default_factory=list)
    _bytes: int = 0
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _buckets: list[IO[bytes]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, hashes: Hashes) -> None:
        """Keep the hashes of one batch. Called from any thread."""
        with self._lock:
            self._arrays.append(hashes)
            self._bytes += hashes.nbytes
            if self._bytes > self.budget:
                self._spill()

    def repeated(self) -> Hashes:
        """Hashes that were added more than once, each once."""
        with self._lock:
            found = [_repeated(hashes) for hashes in self._sorted_parts()]
        return np.concatenate(found) if found else np.empty(0, np.uint64)

    def close(self) -> None:
        """Forget everything, and remove temporary files."""
        for bucket in self._buckets:
            bucket.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._arrays, self._buckets, self._folder, self._bytes = [], [], None, 0

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="mesh-keys-")
            folder = Path(self._folder.name)
            self._buckets = [
                (folder / str(number)).open("w+b") for number in range(1 << _BUCKET_BITS)
            ]
        for hashes in self._arrays:
            ordered = np.sort(hashes)
            owners = ordered >> np.uint64(_HASH_BITS - _BUCKET_BITS)
            edges = np.searchsorted(owners, np.arange((1 << _BUCKET_BITS) + 1))
            for number, bucket in enumerate(self._buckets):
                bucket.write(ordered[edges[number] : edges[number + 1]].tobytes())
        self._arrays, self._bytes = [], 0

    def _sorted_parts(self) -> Iterator[Hashes]:
        if self._folder is None:
            if self._arrays:
                everything = np.concatenate(self._arrays)
                self._arrays = [everything]
                everything.sort()
                yield everything
            return
        self._spill()
        for bucket in self._buckets:
            bucket.seek(0)
            yield np.sort(np.frombuffer(bucket.read(), np.uint64))


def hashes_of(frame: pl.DataFrame, columns: Sequence[str]) -> Hashes:
    """One hash a row; rows that are equal in these columns, nulls included, have equal hashes."""
    result: Hashes = frame.select(columns).hash_rows(seed=0).to_numpy()
    return result


def duplicates_among(
    frames: Iterable[pl.DataFrame], columns: Sequence[str], suspects: Hashes
) -> pl.DataFrame:
    """The rows, of those with suspect hashes, that are equal to another in these columns.

    `frames` hold at least these columns; the result holds these columns and `_mesh_count`, how many
    rows have the values.
    """
    wanted = pl.Series(suspects).implode()
    counted, size = [], 0
    for frame in frames:
        kept = frame.select(columns).filter(pl.Series(hashes_of(frame, columns)).is_in(wanted))
        if kept.height:
            counted.append(_counted(kept.with_columns(_mesh_count=pl.lit(1, pl.UInt32)), columns))
            size += counted[-1].height
        if size > _MOST_COUNTED:  # values that many rows have are kept once
            counted = [_counted(pl.concat(counted), columns)]
            size = 0
    if not counted:
        return pl.DataFrame()
    return _counted(pl.concat(counted), columns).filter(pl.col("_mesh_count") > 1)


def _counted(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return rows.group_by(columns, maintain_order=True).agg(pl.col("_mesh_count").sum())


def _repeated(ordered: Hashes) -> Hashes:
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
