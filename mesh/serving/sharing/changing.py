"""What a version changed, as a view shows it.

Owns the way from two versions to the protocol's actions. Where a version only added files, and they
are seen whole, it is these files. Otherwise changed rows are compared as they are seen: a change
that policy hides is none, and a row that comes into sight, or goes out of it, is an insert or a
delete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from mesh.access.model import MaskKind, View
from mesh.errors import ChangesUnknownError
from mesh.lake import Snapshot
from mesh.lake.changes import Changes, Unknown, changes
from mesh.lake.log import LogEntry, entries
from mesh.lake.versions import Versions
from mesh.naming import CHANGE_TYPE, DELETE, INSERT, POSTIMAGE, PREIMAGE
from mesh.serving.sharing.copies import CopiedFile, Copies, CopyKey
from mesh.serving.sharing.governing import Decided
from mesh.serving.sharing.offers import ROWS, Offer, Offers, is_direct, stored_json, write_rows
from mesh.serving.sharing.refusing import RefusedError

CHANGES = "changes"
MOST_VERSIONS = 1_000
"""Versions whose changes are told at once."""
_SIGN = "_mesh_sign"
_ADDED, _REMOVED = "added.parquet", "removed.parquet"


@dataclass(frozen=True, slots=True)
class ChangedVersion:
    """What one version changed, and when: files of an offer, by position.

    Of `kind` changes they have the rows that were added, and those that were removed, with
    `_change_type`; of kind rows they are files that were added.
    """

    snapshot: Snapshot
    committed: datetime
    offer: Offer
    kind: str
    files: tuple[int, ...]

    @property
    def is_feed(self) -> bool:
        """Whether the rows tell themselves what happened to them."""
        return self.kind == CHANGES

    def is_removed(self, at: int) -> bool:
        """Whether a file has rows that are there no more."""
        return self.is_feed and self.offer.described.files["path"][at] == _REMOVED

    def rows(self) -> int:
        """How many rows the files have."""
        return int(self.offer.described.files[list(self.files)]["rows"].sum())


@dataclass(frozen=True, slots=True)
class Changing:
    """Tells changes of the versions of a lake."""

    versions: Versions
    offers: Offers
    copies: Copies

    def between(self, decided: Decided, first: int, last: Snapshot) -> Iterator[ChangedVersion]:
        """What each version from `first` to `last` changed. Raises ChangesUnknownError."""
        if last.version - first >= MOST_VERSIONS:
            raise RefusedError(400, f"ask for {MOST_VERSIONS:,} versions at most at once")
        read = entries(last.table.store, first, last.version)
        for version, entry in enumerate(read, first):
            if entry is None:
                raise ChangesUnknownError(f"the log's entry of version {version} is gone")
            touched = _touched(entry)
            if touched:
                snapshot = self.versions.at(decided.ask.port.id, version)
                yield self._changed(decided, snapshot, touched, entry.commit.timestamp)

    def _changed(
        self,
        decided: Decided,
        snapshot: Snapshot,
        touched: Sequence[tuple[str, str]],
        committed: datetime,
    ) -> ChangedVersion:
        is_only_added = all(kind == "add" for kind, _ in touched)
        if not is_only_added or not is_direct(decided, snapshot):
            offer = self.compared(decided, snapshot)
            files = tuple(range(len(offer.identities)))
            return ChangedVersion(snapshot, committed, offer, CHANGES, files)
        offer, paths = self.offers.of(decided, snapshot), {path for _, path in touched}
        known = enumerate(offer.described.files["path"].to_list())
        files = tuple(at for at, path in known if path in paths)
        return ChangedVersion(snapshot, committed, offer, ROWS, files)

    def compared(self, decided: Decided, snapshot: Snapshot) -> Offer:
        """What a version changed, compared row by row, as files of a copy."""
        digest = self.offers.governed(decided, snapshot).digest
        key = CopyKey(decided.ask.port.name, snapshot.table_id, snapshot.version, digest, CHANGES)
        copy = self.copies.of(key, lambda folder: self._written(decided, snapshot, folder))
        return self.offers.of_copy(key, copy)

    def _written(
        self, decided: Decided, snapshot: Snapshot, folder: Path
    ) -> tuple[Sequence[CopiedFile], str]:
        seen = self._seen(decided, snapshot)
        files = [
            write_rows(rows.drop(_SIGN).lazy(), folder / name)
            for name, rows in (
                (_ADDED, seen.filter(pl.col(_SIGN) > 0)),
                (_REMOVED, seen.filter(pl.col(_SIGN) < 0)),
            )
            if rows.height
        ]
        return files, stored_json(self.offers.governed(decided, snapshot).schema)

    def _seen(self, decided: Decided, snapshot: Snapshot) -> pl.DataFrame:
        """Rows that are seen and were not, or were and are not, with `_change_type` and a sign."""
        added, removed = self._raw(decided, snapshot)
        signed = [
            self.offers.governed(decided, snapshot, rows)
            .scan()
            .collect()
            .with_columns(pl.lit(sign, pl.Int64).alias(_SIGN))
            for rows, sign in ((added, 1), (removed, -1))
        ]
        both = pl.concat(signed)
        columns = [name for name in both.columns if name != _SIGN]
        sums = both.group_by(columns, maintain_order=True).agg(pl.col(_SIGN).sum())
        left = sums.filter(pl.col(_SIGN) != 0)
        return _as_often(left).with_columns(_change_type(_pairing(decided.view, columns)))

    def _raw(self, decided: Decided, snapshot: Snapshot) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """The rows that a version added and removed, as they are in the table."""
        if snapshot.version == 0:
            every = snapshot.promised()
            return every, every.head(0)
        columns = snapshot.schema.names
        found = changes(snapshot, snapshot.version - 1, columns)
        if isinstance(found, Unknown):
            what = f"what version {snapshot.version} changed cannot be told: {found.reason}"
            raise ChangesUnknownError(what, hint="read the whole table")
        rows = _net(found, columns, decided.view)
        is_added = pl.col(CHANGE_TYPE).is_in([INSERT, POSTIMAGE])
        added, removed = (rows.filter(which).select(columns) for which in (is_added, ~is_added))
        return added.lazy(), removed.lazy()


def _touched(entry: LogEntry) -> list[tuple[str, str]]:
    """What an entry of the log did to rows: its actions, each with the path of its file."""
    return [
        (kind, unquote(action["path"]))
        for kind in ("add", "remove", "cdc")
        for action in entry.of(kind)
        if kind == "cdc" or action.get("dataChange", True)
    ]


def _as_often(left: pl.DataFrame) -> pl.DataFrame:
    """Each row as often as its sign says."""
    often = left.get_column(_SIGN).abs()
    if left.is_empty() or often.max() == 1:
        return left
    index = pl.DataFrame({"index": pl.int_range(left.height, eager=True)})
    return left[index.select(pl.col("index").repeat_by(often).explode()).to_series()]


def _net(found: Changes, columns: Sequence[str], view: View) -> pl.DataFrame:
    key = [name for name in view.port.contract.key if name in columns]
    return found.net_rows(list(columns), key)


def _pairing(view: View, columns: Sequence[str]) -> list[str]:
    """The key that makes a delete and an insert an update: all of it, and seen one to one."""
    key = view.port.contract.key
    told = {
        column.name
        for column in view.columns
        if column.mask is None or column.mask.kind is MaskKind.HASH
    }
    return list(key) if key and set(key) <= told & set(columns) else []


def _change_type(key: Sequence[str]) -> pl.Expr:
    is_added = pl.col(_SIGN) > 0
    plain = pl.when(is_added).then(pl.lit(INSERT)).otherwise(pl.lit(DELETE))
    if not key:
        return plain.alias(CHANGE_TYPE)
    both = is_added.any().over(key) & (~is_added).any().over(key)
    paired = pl.when(is_added).then(pl.lit(POSTIMAGE)).otherwise(pl.lit(PREIMAGE))
    return pl.when(both).then(paired).otherwise(plain).alias(CHANGE_TYPE)
