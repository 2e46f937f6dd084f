"""Snapshots of tables, opened once: what a listing of ten thousand files costs, it costs once.

Owns which versions are held open, and that none is handed out which was removed on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh.errors import NotPublishedError
from mesh.lake.lake import Lake
from mesh.lake.removed import require_readable
from mesh.lake.table import Snapshot
from mesh.recent import Recent

if TYPE_CHECKING:
    from mesh.naming import ProductId

_MOST, _MOST_EARLIER = 64, 16


class Versions:
    """The versions of a lake's tables. Shared by threads."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake.alone
        self._latest: Recent[ProductId, tuple[Snapshot, str | None]] = Recent(_MOST)
        self._earlier: Recent[tuple[ProductId, str, int], Snapshot] = Recent(_MOST_EARLIER)

    def latest(self, product: ProductId) -> Snapshot:
        """The latest version, which is looked for each time. Raises NotPublishedError."""
        found = self.find_latest(product)
        if found is None:
            raise NotPublishedError(f"{product} is not published yet")
        return found

    def find_latest(self, product: ProductId) -> Snapshot | None:
        """The latest version, which is looked for each time; None where nothing is published.

        One that is there when this is called is what is found, or a later one.
        """
        table, kept = self._lake.table(product), self._latest.find(product)
        seen, known = kept or (None, None)
        mark = table.mark(seen.version) if seen is not None else None
        # Made anew in its place, a table may have any version: its entry is another file then.
        if (
            seen is not None
            and mark is not None
            and mark == known
            and table.mark(seen.version + 1) is None
        ):
            return seen
        found = table.find()
        if found is not None:
            # Only a mark from before the table was opened is one of what was opened.
            is_marked = seen is not None and seen.version == found.version
            self._latest.keep(product, (found, mark if is_marked else None))
        return found

    def known(self, product: ProductId) -> Snapshot | None:
        """What was the latest when somebody last asked."""
        found = self._latest.find(product)
        return None if found is None else found[0]

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
