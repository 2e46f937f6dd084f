"""A table's log, read newest first and only as far as somebody asks.

Owns the reading of what commits say of themselves. Delta-rs can tell a table's history, too, but
only all of it, through a listing, and while no other thread of the process may run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mesh.errors import StorageError
from mesh.lake.store import Store

_MOST_AT_ONCE = 32
_INFO = b'"commitInfo"'


@dataclass(frozen=True, slots=True)
class Commit:
    """One version's entry in the table's history."""

    version: int
    timestamp: datetime
    operation: str
    metadata: Mapping[str, Any]


def log_path(version: int) -> str:
    """Where a version's entry is, below its table."""
    return f"_delta_log/{version:020d}.json"


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
        raise StorageError(f"the log is damaged: {error}", where=log_path(version)) from error
    return Commit(version, entry.modified_at, "", {})


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
