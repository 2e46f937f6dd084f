"""What was used last, by key: a bounded number of anything that is costly to find again.

Owns the bound and the lock. Knows nothing of what it keeps, nor when that is no longer true.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The values that were used last, at most so many. Shared by threads; None is not kept."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Key) -> Value | None:
        """What is kept of a key; None for nothing."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def keep(self, key: Key, value: Value) -> Value:
        """Keep something, in place of what was used longest ago."""
        with self._lock:
            self._known[key] = value
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return value

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is kept of a key, or what `make` says now. Two may make the same at once."""
        known = self.find(key)
        return self.keep(key, make()) if known is None else known
