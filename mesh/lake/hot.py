"""Row groups that rows are looked up in again and again, held in memory.

Owns which are held: those asked for most often of late, as many as fit. To decode one costs as much
as ten lookups in the file itself, so that one is held once it was asked for a few times, and gives
its place only to one that is asked for twice as often.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

_FEW = 4
"""So often a row group is asked for before it is held."""
_LATELY = 20_000
"""After so many lookups, what was asked for before counts half."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A row group: of which table, in which file, and its first row there."""

    table_id: str
    path: str
    first: int


def with_value(rows: pl.DataFrame, column: str, value: int | str) -> pl.DataFrame:
    """The rows with a value, which is one of the column's type: by halves where it is in order."""
    values = rows.get_column(column)
    if not _is_quick(values, value):
        return rows[(values == value).arg_true()]
    held = values.to_numpy(allow_copy=False)
    if values.flags["SORTED_ASC"]:
        first = int(held.searchsorted(value))
        return rows.slice(first, int(held.searchsorted(value, side="right")) - first)
    places = np.flatnonzero(held == value)
    return (
        rows[places]
        if len(places) > 1
        else rows.slice(*((int(places[0]), 1) if len(places) else (0, 0)))
    )


def _is_quick(values: pl.Series, value: int | str) -> bool:
    """Whether NumPy sees the column as it lies in memory: whole numbers, none missing."""
    return isinstance(value, int) and values.null_count() == 0 and values.n_chunks() == 1


class HotGroups:
    """Row groups in memory, up to so many bytes. Shared by threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[GroupKey, tuple[pl.DataFrame, int]] = {}
        self._asked: dict[GroupKey, int] = {}
        self._loading: set[GroupKey] = set()
        self._lookups = 0
        self._lock = threading.Lock()

    def find(
        self, key: GroupKey, size: int, load: Callable[[], pl.DataFrame]
    ) -> pl.DataFrame | None:
        """The rows of a row group, if it is held or becomes so now; `size` is about its bytes."""
        with self._lock:
            self._count(key)
            if key in self._held:
                return self._held[key][0]
            if key in self._loading or not self._is_worth(key, size):
                return None
            self._loading.add(key)
        try:
            rows = _in_order(load().rechunk())
        finally:
            with self._lock:
                self._loading.discard(key)
        with self._lock:
            own = int(rows.estimated_size())
            if self._is_worth(key, own):
                for colder in self._colder(key, own):
                    del self._held[colder]
                self._held[key] = rows, own
        return rows

    def forget(self, table_id: str, kept: Collection[str]) -> None:
        """Let go of a table's files but these: others are in no version that is read."""
        with self._lock:
            for key in [k for k in self._asked if k.table_id == table_id and k.path not in kept]:
                self._held.pop(key, None)
                del self._asked[key]

    def _count(self, key: GroupKey) -> None:
        self._asked[key] = self._asked.get(key, 0) + 1
        self._lookups += 1
        if self._lookups % _LATELY == 0:
            halved = {known: count // 2 for known, count in self._asked.items()}
            self._asked = {k: n for k, n in halved.items() if n or k in self._held}

    def _is_worth(self, key: GroupKey, size: int) -> bool:
        if size > self._most_bytes or self._asked.get(key, 0) < _FEW:
            return False
        freed = sum(self._held[colder][1] for colder in self._colder(key, size))
        return self._free() + freed >= size

    def _colder(self, key: GroupKey, size: int) -> list[GroupKey]:
        """What has to go for a row group, the coldest first: what is asked for half as often."""
        wanted, found = size - self._free(), list[GroupKey]()
        for known in sorted(self._held, key=lambda k: self._asked.get(k, 0)):
            if wanted <= 0 or self._asked.get(known, 0) * 2 > self._asked.get(key, 0):
                break
            wanted -= self._held[known][1]
            found.append(known)
        return found

    def _free(self) -> int:
        return self._most_bytes - sum(size for _, size in self._held.values())


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows, of whose columns of whole numbers those know it that are in order."""
    columns = [
        values.set_sorted() if values.dtype.is_integer() and values.is_sorted() else values
        for values in rows.get_columns()
    ]
    return pl.DataFrame(columns)
