"""What was read of the lineage of datasets, kept for as long as it is true.

Owns no truth: every transaction asks once what changed since the last (`changes`), and forgets
that. For a process that answers often; one that asks once reads what it would have read anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection

from mesh.catalog import changes

Key = TypeVar("Key", bound=tuple[str, ...])
"""A dataset, or something of it such as a column: what changes with the dataset that is first."""
Value = TypeVar("Value")
MOST = 500_000
"""Edges that are kept. Of more, the datasets that were read first are forgotten."""


_Kept = dict[tuple[str, tuple[str, ...]], tuple[Any, int]]
"""What is kept of one dataset, by kind and key, each with its size."""


class Memory:
    """What one process keeps of a catalog's lineage. May be shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = 0
        self._kept: dict[str, _Kept] = {}
        self._size = 0

    def at(self, connection: Connection) -> View:
        """What is true in a transaction."""
        seen = self._number
        number, changed = changes.since(connection, seen)
        with self._lock:
            # An older transaction may have begun anew meanwhile: then not all since is known.
            if changed is None or self._number < seen:
                self._kept.clear()
                self._number, self._size = number, 0
            elif number > self._number:
                for kind, dataset in changed:
                    self._forget(dataset, kind)
                self._number = number
        return View(self, number)

    def get(self, number: int, kind: str, keys: Iterable[Key]) -> dict[Key, Any]:
        """What is kept of a kind, if all of it is as of a change."""
        with self._lock:
            if number != self._number:
                return {}
            found = {}
            for key in keys:
                if (known := self._kept.get(key[0], {}).get((kind, key))) is not None:
                    found[key] = known[0]
            return found

    def put(self, number: int, kind: str, read: Mapping[Key, tuple[Any, int]]) -> None:
        """Keep what was read as of a change, each with its size, unless there are others since."""
        with self._lock:
            if number != self._number:
                return
            for key, (value, size) in read.items():
                kept = self._kept.setdefault(key[0], {})
                self._size += size - kept.get((kind, key), (None, 0))[1]
                kept[kind, key] = value, size
            while self._size > MOST:
                self._forget(next(iter(self._kept)))

    def _forget(self, dataset: str, kind: str = "") -> None:
        """Forget all of a dataset, or what is of one kind."""
        kept = self._kept.pop(dataset, {})
        left = {known: value for known, value in kept.items() if kind not in {"", known[0]}}
        self._size -= sum(size for known, (_, size) in kept.items() if known not in left)
        if left:
            self._kept[dataset] = left


@dataclass(frozen=True, slots=True)
class View:
    """A memory as one transaction sees it: what changed after that is read, and not kept."""

    memory: Memory
    number: int

    def of(
        self,
        kind: str,
        keys: Iterable[Key],
        read: Callable[[Sequence[Key]], Mapping[Key, Value]],
        size: Callable[[Value], int] = lambda _: 0,
    ) -> dict[Key, Value]:
        """What is known of each key; what is not kept is read, a value for each, and kept."""
        wanted = list(keys)
        found: dict[Key, Value] = self.memory.get(self.number, kind, wanted)
        if missing := [key for key in wanted if key not in found]:
            fresh = read(missing)
            sized = {key: (value, 1 + size(value)) for key, value in fresh.items()}
            self.memory.put(self.number, kind, sized)
            found |= fresh
        return found
