"""Entries of a Delta table's log: what each version did, read one by one.

Owns the JSON of a single version. What a version looks like as a whole is a `Snapshot`'s business.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.errors import StorageError
from mesh.lake.log import log_path
from mesh.lake.table import Table

_READERS = 8
_ENTRIES_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What one version did. `info` is what its writer said of it."""

    version: int
    actions: Sequence[Mapping[str, Any]]

    @property
    def info(self) -> Mapping[str, Any]:
        """The commit's own metadata; empty when a writer gave none."""
        return next(iter(self.of("commitInfo")), {})

    @property
    def timestamp(self) -> datetime | None:
        """When it was committed, by its writer's clock, in UTC."""
        said = self.info.get("inCommitTimestamp") or self.info.get("timestamp")
        return datetime.fromtimestamp(said / 1000, UTC) if isinstance(said, int) else None

    @property
    def restored(self) -> int | None:
        """The version that it brought back; None for everything but a restore."""
        if self.info.get("operation") != "RESTORE":
            return None
        version = (self.info.get("operationParameters") or {}).get("version")
        return int(version) if version is not None else None

    def of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Its actions of a kind: `add`, `remove`, `cdc`, `metaData`, `commitInfo`."""
        return (action[kind] for action in self.actions if kind in action)


def log_entry(table: Table, version: int) -> LogEntry | None:
    """The log's entry of a version; None when it is gone, or never was."""
    found = table.store.find(log_path(version))
    if found is None:
        return None
    try:
        lines = found.data.splitlines()
        return LogEntry(version, tuple(json.loads(line) for line in lines if line.strip()))
    except ValueError as error:
        raise StorageError(f"the log is damaged: {error}", where=log_path(version)) from error


def log_entries(table: Table, first: int, last: int) -> Iterator[LogEntry | None]:
    """The entries of versions, oldest first, several read at once."""
    with ThreadPoolExecutor(_READERS) as pool:
        for start in range(first, last + 1, _ENTRIES_AT_A_TIME):
            versions = range(start, min(start + _ENTRIES_AT_A_TIME, last + 1))
            yield from pool.map(lambda version: log_entry(table, version), versions)


def newest_first(table: Table, newest: int, *, after: int = -1) -> Iterator[LogEntry]:
    """The entries that made a version what it is, newest first, down to the one after `after`.

    What a restore undid is passed over. Ends where an entry is gone.
    """
    version = newest
    while version > after:
        entry = log_entry(table, version)
        if entry is None:
            return
        yield entry
        version = version - 1 if entry.restored is None else entry.restored
