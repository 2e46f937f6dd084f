"""What was read of the lineage of datasets, kept for as long as it is true.

Owns no truth: every transaction asks once what changed since the last (`changes`), and forgets
that. For a process that answers often; one that asks once reads what it would have read anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection

from mesh.catalog import changes

Key = TypeVar("Key", bound=tuple[str, ...])
"""A dataset, or something of it such as a column: what changes with the dataset that is first."""
Value = TypeVar("Value")
MOST = 500_000
"""Edges that are kept: some 100 MiB. Of more, the datasets that were read first are forgotten."""


@dataclass(slots=True)
class _Kept:
    """What is kept of one dataset, by kind and key."""

    values: dict[tuple[str, tuple[str, ...]], Any] = field(default_factory=dict)
    sizes: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)


class Memory:
    """What one process keeps of a catalog's lineage. May be shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = 0
        self._kept: dict[str, _Kept] = {}
        self._size = 0

    def at(self, connection: Connection) -> View:
        """What is true in a transaction."""
        number, changed = changes.since(connection, self._number)
        with self._lock:
            if changed is None:
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
                kept = self._kept.get(key[0])
                if kept is not None and (kind, key) in kept.values:
                    found[key] = kept.values[kind, key]
            return found

    def put(self, number: int, kind: str, read: Mapping[Key, tuple[Any, int]]) -> None:
        """Keep what was read as of a change, each with its size, unless there are others since."""
        with self._lock:
            if number != self._number:
                return
            for key, (value, size) in read.items():
                kept = self._kept.setdefault(key[0], _Kept())
                self._size += size - kept.sizes.get((kind, key), 0)
                kept.values[kind, key], kept.sizes[kind, key] = value, size
            while self._size > MOST:
                self._forget(next(iter(self._kept)))

    def _forget(self, dataset: str, kind: str = "") -> None:
        """Forget all of a dataset, or what is of one kind."""
        kept = self._kept.get(dataset)
        if kept is None:
            return
        gone = [known for known in kept.sizes if kind in {"", known[0]}]
        for known in gone:
            del kept.values[known]
            self._size -= kept.sizes.pop(known)
        if not kept.values:
            del self._kept[dataset]


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
