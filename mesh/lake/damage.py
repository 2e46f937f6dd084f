"""What is damaged of a table: files of its log, and data files that the log speaks of.

Owns reading a table that delta-rs will not open, because part of it is missing or torn: which
entries are whole, and which data files each version shows. Reads only, and only where there is a
reason to: whoever reads a healthy table asks `mesh.lake.table`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from mesh.lake.log import ENTRY, LOG_FOLDER, log_path
from mesh.lake.store import StoredFile

if TYPE_CHECKING:
    from mesh.lake.table import Table

HINT = f"{LOG_FOLDER}/_last_checkpoint"
_PUBLICATION = "mesh.attempt"
"""Key in the metadata of every publication, which is committed with its transaction."""
_CHECKPOINT = re.compile(LOG_FOLDER + r"/(?P<version>\d{20})\.checkpoint.*\.parquet")


class Fault(StrEnum):
    """What is wrong with a file."""

    MISSING = "missing"
    EMPTY = "empty"
    TORN = "torn"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file of a table that is not as it should be, and the version that it is needed for."""

    path: str
    fault: Fault
    version: int
    detail: str = ""

    def __str__(self) -> str:
        """The file, what is wrong with it, and since which version it is needed."""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.path}, of version {self.version}, is {self.fault}{detail}"


@dataclass(frozen=True, slots=True)
class LoggedFile:
    """A data file as the log speaks of it: its add action, as it is written there."""

    path: str
    size: int
    added_in: int
    action: Mapping[str, Any]


Live = Mapping[str, LoggedFile]
"""The data files that a version shows, by path."""


class TableFiles:
    """The files of one table as they lie there, and what its log says of them."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.files: Mapping[str, StoredFile] = {file.path: file for file in table.store.list()}
        self._contents: dict[int, list[dict[str, Any]] | DamagedFile] = {}

    @cached_property
    def versions(self) -> tuple[int, ...]:
        """The versions that have an entry, whole or not."""
        return tuple(
            sorted(int(m["version"]) for path in self.files if (m := ENTRY.fullmatch(path)))
        )

    @cached_property
    def checkpoints(self) -> Mapping[int, tuple[str, ...]]:
        """The checkpoints that lie there, by version: the files of each."""
        found: dict[int, tuple[str, ...]] = {}
        for path in sorted(self.files):
            if match := _CHECKPOINT.fullmatch(path):
                version = int(match["version"])
                found[version] = (*found.get(version, ()), path)
        return found

    @property
    def latest(self) -> int:
        """The latest version that there is any sign of; -1 for none."""
        return max([*self.versions, *self.checkpoints, -1])

    def actions(self, version: int) -> list[dict[str, Any]]:
        """What an entry says; nothing for one that is damaged."""
        found = self._entry(version)
        return [] if isinstance(found, DamagedFile) else found

    def damaged_entries(self) -> list[DamagedFile]:
        """Entries that are missing or damaged, from the first version that is needed onwards."""
        entries = (self._entry(version) for version in range(self.first_needed, self.latest + 1))
        return [entry for entry in entries if isinstance(entry, DamagedFile)]

    @property
    def first_needed(self) -> int:
        """The first entry that the oldest version which can still be read needs."""
        if 0 in self.versions or not self.checkpoints:
            return 0
        return min(self.checkpoints) + 1

    def damaged_checkpoints(self) -> list[DamagedFile]:
        """Checkpoints that cannot be read, and a hint at one that is not there."""
        found = []
        for version, paths in self.checkpoints.items():
            problems = ((path, self._checkpoint(path)) for path in paths)
            found += [
                DamagedFile(path, Fault.CORRUPT, version, problem)
                for path, problem in problems
                if isinstance(problem, str)
            ]
        hinted = self.hinted
        if hinted is not None and hinted not in self.checkpoints:
            detail = f"it points at a checkpoint of version {hinted}, which is missing"
            found.append(DamagedFile(HINT, Fault.CORRUPT, max(hinted, 0), detail))
        return found

    @cached_property
    def hinted(self) -> int | None:
        """The checkpoint that the hint points at; -1 when it cannot be read, None without one."""
        if HINT not in self.files:
            return None
        try:
            return int(json.loads(self._table.store.read(HINT))["version"])
        except (ValueError, KeyError, TypeError):
            return -1

    def live(self, version: int) -> Live | None:
        """The data files that a version shows; None where its entries are not whole."""
        start, files = self._start(version)
        for number in range(start, version + 1):
            if isinstance(self._entry(number), DamagedFile):
                return None
            files = _applied(files, self.actions(number), number)
        return files

    def damaged_data(self, live: Live, *, is_deep: bool = False) -> list[DamagedFile]:
        """Data files that are missing or not as long as logged; `is_deep` decodes each whole."""
        found = []
        for path, logged in live.items():
            stored = self.files.get(path)
            if stored is None:
                found.append(DamagedFile(path, Fault.MISSING, logged.added_in))
            elif stored.size != logged.size:
                detail = f"{stored.size:,} of {logged.size:,} bytes"
                found.append(DamagedFile(path, Fault.TORN, logged.added_in, detail))
            elif is_deep and (problem := _undecodable(self._table, path)):
                found.append(DamagedFile(path, Fault.CORRUPT, logged.added_in, problem))
        return found

    def _start(self, version: int) -> tuple[int, dict[str, LoggedFile]]:
        """The first entry to apply, and the files that are shown before it."""
        for number in sorted((v for v in self.checkpoints if v <= version), reverse=True):
            parts = [self._checkpoint(path) for path in self.checkpoints[number]]
            tables = [part for part in parts if not isinstance(part, str)]
            if len(tables) == len(parts):
                adds = (add for table in tables for add in table.column("add").to_pylist() if add)
                return number + 1, {f.path: f for f in (_logged(add, number) for add in adds)}
        return 0, {}

    def _checkpoint(self, path: str) -> pa.Table | str:
        """A checkpoint's rows, or why they cannot be read."""
        try:
            return pq.read_table(io.BytesIO(self._table.store.read(path)))
        except (pa.ArrowException, OSError) as error:
            return str(error).splitlines()[0]

    def _entry(self, version: int) -> list[dict[str, Any]] | DamagedFile:
        if version not in self._contents:
            self._contents[version] = self._read(version)
        return self._contents[version]

    def _read(self, version: int) -> list[dict[str, Any]] | DamagedFile:
        path = log_path(version)
        if path not in self.files:
            return DamagedFile(path, Fault.MISSING, version)
        content = self._table.store.read(path)
        if not content.strip():
            return DamagedFile(path, Fault.EMPTY, version)
        try:
            actions = [json.loads(line) for line in content.splitlines() if line.strip()]
        except ValueError as error:
            fault = Fault.CORRUPT if content.endswith((b"\n", b"}")) else Fault.TORN
            return DamagedFile(path, fault, version, str(error))
        if not all(isinstance(action, dict) for action in actions):
            return DamagedFile(path, Fault.CORRUPT, version, "it holds no actions")
        if lacking := _lacking(actions, version):
            return DamagedFile(path, Fault.TORN, version, f"it has no {lacking}")
        return actions


def _lacking(actions: list[dict[str, Any]], version: int) -> str:
    """What an entry must have, and would lack if it was cut off between two lines."""
    kinds = {kind for action in actions for kind in action}
    needed = {"protocol", "metaData"} if version == 0 else set()
    if any(_PUBLICATION in action.get("commitInfo", {}) for action in actions):
        needed |= {"txn"}
    return " and ".join(sorted(needed - kinds))


def _undecodable(table: Table, path: str) -> str:
    """Why a data file cannot be decoded; empty when it can."""
    try:
        file = pq.ParquetFile(io.BytesIO(table.store.read(path)))
        for group in range(file.num_row_groups):
            file.read_row_group(group)
    except (pa.ArrowException, OSError) as error:
        return str(error).splitlines()[0]
    return ""


def _applied(
    files: Mapping[str, LoggedFile], actions: list[dict[str, Any]], version: int
) -> dict[str, LoggedFile]:
    left = dict(files)
    for action in actions:
        if (gone := action.get("remove")) is not None:
            left.pop(unquote(gone["path"]), None)
    for action in actions:
        if (new := action.get("add")) is not None:
            logged = _logged(new, version)
            left[logged.path] = logged
    return left


def _logged(add: Mapping[str, Any], version: int) -> LoggedFile:
    values = add.get("partitionValues") or {}
    plain = {**add, "partitionValues": dict(values)}
    return LoggedFile(unquote(add["path"]), add["size"], version, plain)
