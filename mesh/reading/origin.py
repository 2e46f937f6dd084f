"""Which version of a table gave a row the values that it has.

Owns the way back from a version that holds a row: through the log to the version that added the
row's file, and past those that only moved it. Reads the files in which the row may be, no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.catalog.landed import receipt_of
from mesh.catalog.receipts import Receipt
from mesh.errors import NotPublishedError, StorageError, VersionRemovedError
from mesh.lake import Commit, DataFile, Snapshot, Table
from mesh.lake.log import entries
from mesh.lake.removed import require_readable
from mesh.lake.scanning import rows_in
from mesh.lake.table import restored

_ENTRIES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class RowOrigin:
    """The version that wrote a row as it is, and the receipt of it; None for a foreign write.

    With `is_latest_possible` the row may be older: the version before cannot be read any more.
    """

    commit: Commit
    receipt: Receipt | None
    is_latest_possible: bool = False


def origin_of(table: Table, version: int, key: Mapping[str, Any]) -> RowOrigin:
    """Where a row comes from that a version of a table has.

    Args:
        table: the table.
        version: a version that has the row.
        key: the row's key, by column.

    Raises NotPublishedError when the version has no such row.
    """
    return _Tracking(table, key).back_from(version)


@dataclass(frozen=True, slots=True)
class _Tracking:
    table: Table
    key: Mapping[str, Any]

    def back_from(self, version: int) -> RowOrigin:
        snapshot = self.table.snapshot(version)
        row = self._row(snapshot)
        if row is None:
            raise NotPublishedError(f"version {version} has no such row", where=self.table.url)
        while True:
            commit = self._added(self._file_of(snapshot), snapshot.version)
            receipt = receipt_of(commit)
            if commit.version == 0 or (receipt is not None and receipt.write_mode == "overwrite"):
                return RowOrigin(commit, receipt)
            before = self._before(commit.version)
            if before is None:
                return RowOrigin(commit, receipt, is_latest_possible=True)
            if (earlier := self._row(before)) is None or not _is_same(earlier, row):
                return RowOrigin(commit, receipt)
            snapshot = before

    def _before(self, version: int) -> Snapshot | None:
        """The version before, or None when it cannot be read any more."""
        try:
            require_readable(self.table, version - 1)
            return self.table.snapshot(version - 1)
        except (VersionRemovedError, NotPublishedError):
            return None

    def _row(self, snapshot: Snapshot) -> pl.DataFrame | None:
        if not set(self.key) <= set(snapshot.schema.names):
            return None
        found = snapshot.promised().filter(*self._conditions()).head(1).collect()
        return found if found.height else None

    def _conditions(self) -> list[pl.Expr]:
        return [pl.col(name).eq_missing(pl.lit(value)) for name, value in self.key.items()]

    def _file_of(self, snapshot: Snapshot) -> DataFile:
        """The file of a snapshot that holds the row."""
        for file in snapshot.files:
            if not all(_may_hold(file, name, value) for name, value in self.key.items()):
                continue
            stored = rows_in(self.table, [file.path], file.partition_values, snapshot.schema)
            rows = restored(stored, snapshot.schema)
            if rows.filter(*self._conditions()).head(1).collect().height:
                return file
        raise StorageError("the row is in no file of the version that has it", where=self.table.url)

    def _added(self, file: DataFile, version: int) -> Commit:
        """The latest version, up to one, that added a file with these rows."""
        for last in range(version, -1, -_ENTRIES_AT_ONCE):
            window = entries(self.table.store, max(0, last - _ENTRIES_AT_ONCE + 1), last)
            for entry in reversed([*window]):
                if entry is not None and any(a["path"] == file.path for a in entry.of("add")):
                    return entry.commit
        commit = self.table.commit_at(version)
        if commit is None:
            raise NotPublishedError(f"version {version} is not in the log", where=self.table.url)
        return commit


def _may_hold(file: DataFile, column: str, value: Any) -> bool:
    """Whether a file's bounds leave room for a value; where they are of another kind, they do."""
    low, high = file.bounds.get(column, (None, None))
    if value is None or low is None or high is None:
        return True
    try:
        return bool(low <= value <= high)
    except TypeError:
        return True


def _is_same(earlier: pl.DataFrame, row: pl.DataFrame) -> bool:
    """Whether a row had the same values; columns that it had not yet count as null."""
    names: Sequence[str] = [name for name in row.columns if name in earlier.columns]
    new = [name for name in row.columns if name not in earlier.columns]
    was = earlier.select(names).cast(row.select(names).schema)
    is_kept = was.equals(row.select(names), null_equal=True)
    return is_kept and all(row.get_column(name).is_null().all() for name in new)
