"""Snapshots of tables, opened once: what a listing of ten thousand files costs, it costs once.

Owns which versions are held open, and that none is handed out which was removed on purpose.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

from mesh.errors import NotPublishedError
from mesh.lake import Lake, Snapshot
from mesh.lake.removed import require_readable
from mesh.naming import ProductId

_MOST, _MOST_EARLIER = 64, 16
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """What was used last, by key. Shared by threads."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: OrderedDict[_Key, _Value] = OrderedDict()
        self._lock = Lock()

    def find(self, key: _Key) -> _Value | None:
        """What is kept of a key; None for nothing."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
            return self._known.get(key)

    def keep(self, key: _Key, value: _Value) -> _Value:
        """Keep something, in place of what was used longest ago."""
        with self._lock:
            self._known[key] = value
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return value


class Versions:
    """The versions of a lake's tables. Shared by threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake.alone
        self._latest: Kept[ProductId, Snapshot] = Kept()
        self._earlier: Kept[tuple[ProductId, str, int], Snapshot] = Kept(_MOST_EARLIER)

    def latest(self, product: ProductId) -> Snapshot:
        """The latest version, which is looked for each time. Raises NotPublishedError."""
        table, seen = self._lake.table(product), self._latest.find(product)
        found = table.refreshed(seen)
        if found is None:
            raise NotPublishedError(f"{product} is not published yet")
        return found if found is seen else self._latest.keep(product, found)

    def known(self, product: ProductId) -> Snapshot | None:
        """What was the latest when somebody last asked."""
        return self._latest.find(product)

    def at(self, product: ProductId, version: int | None) -> Snapshot:
        """A version, or the latest. Raises NotPublishedError, VersionRemovedError."""
        latest = self.latest(product)
        if version is None or version == latest.version:
            return latest
        if version > latest.version:
            what = f"{product} has no version {version}: its latest is {latest.version}"
            raise NotPublishedError(what)
        require_readable(latest.table, version)
        key = (product, latest.table_id, version)
        found = self._earlier.find(key)
        return found or self._earlier.keep(key, latest.table.snapshot(version))
