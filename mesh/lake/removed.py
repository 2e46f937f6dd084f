"""Versions of a table whose files are gone on purpose, so that readers are told why.

Owns the notes of that beside the table, below `_mesh/removed/`. The log still has the versions:
their receipts stay. A note is written before the first file is deleted.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from mesh.errors import VersionRemovedError
from mesh.lake.table import Table

REMOVED_FOLDER = "_mesh/removed"


@dataclass(frozen=True, slots=True, order=True)
class Removal:
    """Versions from `first` to `last` that cannot be read any more.

    `how` completes "version 3 was …": `removed by retention on 2026-01-31`.
    """

    first: int
    last: int
    how: str


def removals_of(table: Table) -> list[Removal]:
    """Everything that was removed from a table, in the order of versions."""
    return sorted({removal for _, found in _notes(table) for removal in found})


def note_removed(table: Table, versions: Sequence[int], how: str) -> None:
    """Say that versions are going. Notes are gathered into one; those there before stay true."""
    earlier = list(_notes(table))
    known = {removal for _, found in earlier for removal in found}
    gone = {v for removal in known for v in range(removal.first, removal.last + 1)}
    fresh = [v for v in versions if v not in gone]
    if not fresh:
        return
    known |= {Removal(first, last, how) for first, last in ranges(fresh)}
    text = json.dumps([asdict(removal) for removal in sorted(known)])
    table.store.put_once(f"{REMOVED_FOLDER}/{uuid.uuid4().hex}.json", text.encode())
    table.store.delete([path for path, _ in earlier])


def require_readable(table: Table, version: int) -> None:
    """Raise VersionRemovedError for a version whose files are gone on purpose."""
    removals = removals_of(table)
    removal = next((r for r in removals if r.first <= version <= r.last), None)
    if removal is not None:
        raise VersionRemovedError(
            f"version {version} was {removal.how}",
            where=table.url,
            hint="read the latest version, or one that was kept",
        )


def ranges(versions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of versions that follow each other, as first and last."""
    first = last = None
    for version in sorted(versions):
        if last is not None and first is not None and version == last + 1:
            last = version
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = version
    if first is not None and last is not None:
        yield first, last


def _notes(table: Table) -> Iterator[tuple[str, list[Removal]]]:
    for file in list(table.store.list(REMOVED_FOLDER)):
        if file.path.endswith(".json"):
            found = json.loads(table.store.read(file.path))
            yield file.path, [Removal(**item) for item in found]
