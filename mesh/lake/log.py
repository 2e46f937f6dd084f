"""A table's log, entry by entry: what each version did, and what its writer said of it.

Owns the reading of entries, newest first or in a row, and only as far as somebody asks. Delta-rs
can tell a table's history, too, but only all of it, through a listing, and while no other thread of
the process may run. What a version looks like as a whole is a `Snapshot`'s business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.errors import StorageError
from mesh.lake.store import Store

LOG_FOLDER = "_delta_log"
ENTRY = re.compile(LOG_FOLDER + r"/(?P<version>\d{20})\.json")
"""Path of a version's entry, below its table."""
_MOST_AT_ONCE = 32
_INFO = b'"commitInfo"'


@dataclass(frozen=True, slots=True)
class Commit:
    """One version's entry in the table's history."""

    version: int
    timestamp: datetime
    operation: str
    metadata: Mapping[str, Any]

    @property
    def restored(self) -> int | None:
        """The version that it brought back; None for everything but a restore."""
        if self.operation != "RESTORE":
            return None
        version = (self.metadata.get("operationParameters") or {}).get("version")
        return int(version) if version is not None else None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What one version did, and what its writer said of it."""

    commit: Commit
    actions: Sequence[Mapping[str, Any]]

    @property
    def version(self) -> int:
        """The version that it made."""
        return self.commit.version

    def of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Its actions of a kind: `add`, `remove`, `cdc`, `metaData`."""
        return (action[kind] for action in self.actions if action.get(kind))


def log_path(version: int) -> str:
    """Where a version's entry is, below its table."""
    return f"{LOG_FOLDER}/{version:020d}.json"


def commits_from(store: Store, latest: int) -> Iterator[Commit]:
    """Commits from a version down to the oldest that is still in the log.

    Twice as many are asked for each time, side by side: one who looks for the newest waits for one.
    """
    at_once, version = 1, latest
    with ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="mesh-log") as pool:
        while version >= 0:
            asked = range(version, max(version - at_once, -1), -1)
            for found in _all_of(asked, store, pool.map):
                if found is None:
                    return
                yield found
            at_once, version = min(at_once * 2, _MOST_AT_ONCE), asked[-1] - 1


def made_by(store: Store, latest: int, *, after: int = -1) -> Iterator[Commit]:
    """The commits that made a version what it is, newest first, down to the one after `after`.

    What a restore undid is passed over. Ends where an entry is gone.
    """
    version = latest
    while version > after and (commit := commit_at(store, version)) is not None:
        yield commit
        version = version - 1 if commit.restored is None else commit.restored


def entries(store: Store, first: int, last: int) -> Iterator[LogEntry | None]:
    """The whole entries of versions, oldest first; None for one that is gone."""
    with ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="mesh-log") as pool:
        for start in range(first, last + 1, _MOST_AT_ONCE):
            asked = range(start, min(start + _MOST_AT_ONCE, last + 1))
            yield from pool.map(lambda version: _entry_at(store, version), asked)


def _entry_at(store: Store, version: int) -> LogEntry | None:
    found = store.find(log_path(version))
    if found is None:
        return None
    try:
        actions = tuple(json.loads(line) for line in found.data.splitlines() if line.strip())
    except ValueError as error:
        raise _damaged(version, error) from error
    said = (action["commitInfo"] for action in actions if action.get("commitInfo"))
    info: Mapping[str, Any] = next(said, {})
    return LogEntry(_commit(version, info, found.modified_at), actions)


def commit_at(store: Store, version: int) -> Commit | None:
    """One version's entry; None when the log no longer has it."""
    entry = store.find(log_path(version))
    if entry is None:
        return None
    try:
        for line in entry.data.splitlines():
            if _INFO in line and (info := json.loads(line).get("commitInfo")) is not None:
                return _commit(version, info, entry.modified_at)
    except ValueError as error:
        raise _damaged(version, error) from error
    return Commit(version, entry.modified_at, "", {})


def _damaged(version: int, error: ValueError) -> StorageError:
    hint = "restore the entry from a backup, or ask `mesh repair`"
    return StorageError(f"the log is damaged: {error}", where=log_path(version), hint=hint)


def _all_of(
    versions: range, store: Store, over: Callable[..., Iterator[Commit | None]]
) -> Iterator[Commit | None]:
    if len(versions) == 1:
        return iter([commit_at(store, versions[0])])
    return over(lambda version: commit_at(store, version), versions)


def _commit(version: int, info: Mapping[str, Any], modified_at: datetime) -> Commit:
    """The moment is the commit's own word for it, or the file's where it has none."""
    said = info.get("inCommitTimestamp", info.get("timestamp"))
    moment = modified_at if said is None else datetime.fromtimestamp(said / 1000, UTC)
    return Commit(version, moment, str(info.get("operation", "")), info)
