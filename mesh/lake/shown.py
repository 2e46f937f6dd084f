"""A table's log as it lies in the store: which versions showed which files, since when, how big.

Owns what no snapshot tells: a snapshot knows what a version shows, the log what every version
showed. Commits nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from mesh.errors import StorageError
from mesh.lake.log import ENTRY, LOG_FOLDER, LogEntry, entries, log_path
from mesh.lake.table import Table

_CHECKPOINT = re.compile(LOG_FOLDER + r"/(?P<version>\d{20})\.checkpoint\..*(parquet|json)")


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A data file, and the versions that show it: from `first` up to, not including, `until`."""

    path: str
    size: int
    partition_values: Mapping[str, str | None]
    first: int
    until: int | None = None

    def is_in(self, versions: list[int]) -> bool:
        """Whether one of the versions, which are sorted, shows it."""
        at = bisect_left(versions, self.first)
        return at < len(versions) and (self.until is None or versions[at] < self.until)


@dataclass(frozen=True, slots=True)
class Log:
    """Everything that a table's versions showed. `commits` has each version's time."""

    files: tuple[ShownFile, ...] = ()
    commits: Mapping[int, datetime] = field(default_factory=dict)
    metadata: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        """The newest version."""
        return max(self.commits)

    def until_of(self, file: ShownFile) -> int:
        """The first version that does not show a file any more."""
        return self.latest + 1 if file.until is None else file.until

    def versions_of(self, files: Iterable[ShownFile]) -> list[int]:
        """The versions that show any of these files."""
        spans = {(file.first, self.until_of(file)) for file in files}
        return sorted({v for first, until in spans for v in range(first, until)})


def read_log(table: Table) -> Log:
    """What a table's log says, empty when there is no table.

    Where another program removed the log's beginning, it is read from the first checkpoint on.
    """
    found = list(table.store.list(LOG_FOLDER))
    commits = _versions(ENTRY, (file.path for file in found))
    checkpoints = sorted(_versions(_CHECKPOINT, (file.path for file in found)))
    if not commits and not checkpoints:
        return Log()
    shown, start = _base(table, sorted(commits), checkpoints)
    times: dict[int, datetime] = {} if not start else {start - 1: datetime.fromtimestamp(0, UTC)}
    metadata: dict[int, Mapping[str, Any]] = {}
    ended: list[ShownFile] = []
    for version, entry in enumerate(entries(table.store, start, max(commits, default=-1)), start):
        if entry is None:  # without it, nobody knows which files are shown
            hint = "restore it from a backup, or ask `mesh repair`"
            where = f"{table.url}/{log_path(version)}"
            raise StorageError("an entry of the log is gone", where=where, hint=hint)
        times[version], metadata[version] = entry.commit.timestamp, entry.commit.metadata
        _apply(entry, shown, ended)
    return Log((*ended, *shown.values()), times, metadata)


def latest_and_checkpoint(table: Table) -> tuple[int, int]:
    """The latest version, and the one at which the log was last summed up; -1 for none."""
    paths = [file.path for file in table.store.list(LOG_FOLDER)]
    commits, checkpoints = _versions(ENTRY, paths), _versions(_CHECKPOINT, paths)
    return max(commits, default=-1), max(checkpoints, default=-1)


def beginning_of(table: Table) -> tuple[int, int]:
    """The first entry of the log, and the checkpoint that stands for those before it; -1 for none.

    Raises StorageError where the log has no beginning.
    """
    paths = [file.path for file in table.store.list(LOG_FOLDER)]
    commits, checkpoints = sorted(_versions(ENTRY, paths)), sorted(_versions(_CHECKPOINT, paths))
    if commits[:1] == [0]:
        return 0, -1
    summed_up = _summed_up(table, commits, checkpoints)
    return min([*commits, summed_up + 1]), summed_up


def _versions(pattern: re.Pattern[str], paths: Iterable[str]) -> dict[int, str]:
    matches = ((pattern.fullmatch(path), path) for path in paths)
    return {int(match["version"]): path for match, path in matches if match}


def _base(
    table: Table, commits: list[int], checkpoints: list[int]
) -> tuple[dict[str, ShownFile], int]:
    """Files that are shown before the first commit that is read, and that commit's version."""
    if commits and commits[0] == 0:
        return {}, 0
    first = _summed_up(table, commits, checkpoints)
    files = table.snapshot(first).files
    shown = {f.path: ShownFile(f.path, f.size, f.partition_values, first) for f in files}
    return shown, first + 1


def _summed_up(table: Table, commits: list[int], checkpoints: list[int]) -> int:
    """The checkpoint that stands for commits which are gone. Raises StorageError."""
    first = next((v for v in checkpoints if not commits or v >= commits[0] - 1), None)
    if first is None:
        raise StorageError(
            "the log has no beginning: its first commits are gone, and no checkpoint sums them up",
            where=table.url,
            hint="restore them from a backup, or publish a new major",
        )
    return first


def _apply(entry: LogEntry, shown: dict[str, ShownFile], ended: list[ShownFile]) -> None:
    """Let a version's removals, then its additions, come to what was shown before it."""
    for removed in entry.of("remove"):
        file = shown.pop(unquote(removed["path"]), None)
        if file is not None:
            ended.append(replace(file, until=entry.version))
    for added in entry.of("add"):
        path = unquote(added["path"])
        values = added.get("partitionValues") or {}
        first = shown[path].first if path in shown else entry.version
        shown[path] = ShownFile(path, added["size"], values, first)
