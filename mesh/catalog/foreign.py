"""Versions of a table that somebody else wrote, beside Mesh.

Owns telling them: a commit of Mesh's says in its metadata which part of Mesh made it. Publishing,
repair and upkeep do so under keys of their own, and all of these begin with `mesh.`.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from mesh.catalog.receipts import RECEIPT_KEY, ForeignVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mesh.lake import Commit, Snapshot, Table

_OWN = "mesh."


def foreign_before(base: Snapshot | None) -> tuple[ForeignVersion, ...]:
    """The versions up to `base` that somebody else wrote since Mesh last published.

    Reads the log backwards to the last receipt: one entry, where nobody else wrote.
    """
    if base is None:
        return ()
    since = takewhile(lambda commit: RECEIPT_KEY not in commit.metadata, base.commits())
    return _foreign(since)


def foreign_versions(table: Table, *, after: int, until: int) -> tuple[ForeignVersion, ...]:
    """The versions later than `after`, up to `until`, that somebody else wrote, oldest first."""
    commits = table.snapshot(until).commits()
    return _foreign(takewhile(lambda commit: commit.version > after, commits))


def _foreign(commits: Iterable[Commit]) -> tuple[ForeignVersion, ...]:
    return tuple(
        ForeignVersion(commit.version, commit.operation, commit.timestamp)
        for commit in reversed([*commits])
        if not any(key.startswith(_OWN) for key in commit.metadata)
    )
