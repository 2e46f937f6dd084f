"""What changed in a table between two of its versions.

Owns the way from log entries to changed rows, with Delta's own names. Every version takes files
away and adds files; rows that are in both were only moved. So the rows of added files, less those
of removed ones, are the change, exactly, whoever wrote it: with a change data feed or without. Only
files that a version touched are read; compaction (`dataChange: false`) is no change.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa

from mesh.lake.log import LogEntry, entries
from mesh.lake.scanning import rows_in
from mesh.lake.table import LOGICAL_TYPE, Snapshot, restored
from mesh.naming import (
    CHANGE_COLUMNS,
    CHANGE_TYPE,
    COMMIT_TIMESTAMP,
    COMMIT_VERSION,
    DELETE,
    INSERT,
    POSTIMAGE,
    PREIMAGE,
)

_SIGN = "_mesh_sign"
_TIMESTAMP = pl.Datetime("us", "UTC")
_BYTES_AT_ONCE = 512 * 2**20
"""Bytes of Parquet that are compared at a time: with a key, about as many are held in memory.

Without one it is five times as many, and so a fifth is compared at a time."""


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file whose rows were added (`sign` 1) or removed (-1), last by `version`.

    A file of a version's change data feed has sign 0: its rows tell themselves what they are.
    """

    path: str
    size: int
    partition_values: Mapping[str, str | None]
    version: int
    sign: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why it cannot be told what changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a table after one version, up to another. Holds no data.

    `files` are those whose rows, by sign, are the change. `timestamps` are those of the versions.
    """

    snapshot: Snapshot
    since: int
    files: tuple[ChangedFile, ...]
    timestamps: Mapping[int, datetime | None]

    @property
    def is_empty(self) -> bool:
        """Whether no version touched a row."""
        return not self.files

    @property
    def is_added_files(self) -> bool:
        """Whether rows were only added: then nothing needs to be compared."""
        return all(file.sign == 1 for file in self.files)

    def added_rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        """The rows of the added files, all inserts, read when they are needed."""
        frames = [
            frame.drop(_SIGN).with_columns(
                pl.lit(INSERT).alias(CHANGE_TYPE),
                pl.lit(version, pl.Int64).alias(COMMIT_VERSION),
                pl.lit(self.timestamps[version], _TIMESTAMP).alias(COMMIT_TIMESTAMP),
            )
            for version, frame in self._frames(columns)
        ]
        return pl.concat(frames) if frames else self._empty(columns).lazy()

    def net_rows(self, columns: Sequence[str], key: Sequence[str]) -> pl.DataFrame:
        """Every row that is there now and was not, or was and is not.

        A key that is among the columns makes a pair of them an update. A row's version is the last
        one that wrote or removed it. Files are compared in as many passes as memory asks for; the
        changed rows themselves are kept.
        """
        pairing = list(key) if key and set(key) <= set(columns) else []
        size = sum(file.size for file in self.files)
        passes = max(1, -(-size // (_BYTES_AT_ONCE if pairing else _BYTES_AT_ONCE // 5)))
        parts = []
        for number in range(passes):
            frames = [
                _share(frame, pairing or list(columns), number, passes).with_columns(
                    pl.lit(version, pl.Int64).alias(COMMIT_VERSION)
                )
                for version, frame in self._frames(columns)
            ]
            if frames:
                signed = pl.concat(frames)
                parts.append(_net(_suspects(signed, columns, pairing), columns))
        found = pl.concat(parts) if parts else self._empty(columns).with_columns(_no_sign())
        return self._named(found, columns, pairing)

    def _named(
        self, found: pl.DataFrame, columns: Sequence[str], key: Sequence[str]
    ) -> pl.DataFrame:
        order = [COMMIT_VERSION, *(name for name in key if not found.schema[name].is_nested())]
        times = list(self.timestamps.items())
        named = [(COMMIT_VERSION, pl.Int64()), (COMMIT_TIMESTAMP, _TIMESTAMP)]
        known = pl.DataFrame(times, schema=named, orient="row")
        typed = found.with_columns(_change_type(key).alias(CHANGE_TYPE)).drop(
            COMMIT_TIMESTAMP, strict=False
        )
        return (
            typed.join(known, on=COMMIT_VERSION, how="left")
            .sort([*order, _SIGN])
            .select(*columns, *CHANGE_COLUMNS)
        )

    def _frames(self, columns: Sequence[str]) -> Iterable[tuple[int, pl.LazyFrame]]:
        """The rows of the files, with their sign, by version."""
        groups: dict[tuple[int, int, tuple[tuple[str, str | None], ...]], list[str]] = {}
        for file in self.files:
            parts = tuple(sorted(file.partition_values.items()))
            groups.setdefault((file.version, file.sign, parts), []).append(file.path)
        for (version, sign, parts), paths in groups.items():
            yield version, self._scan(paths, dict(parts), columns, sign)

    def _scan(
        self,
        paths: Sequence[str],
        partition: Mapping[str, str | None],
        columns: Sequence[str],
        sign: int,
    ) -> pl.LazyFrame:
        schema, table = self.snapshot.schema, self.snapshot.table
        told = {} if sign else {CHANGE_TYPE: pl.String()}
        frame = rows_in(table, paths, partition, schema, besides=told)
        said = pl.lit(sign, pl.Int64) if sign else _sign_of_feed()
        wanted = [pl.col(name) for name in columns]
        return restored(frame.with_columns(said.alias(_SIGN)), schema).select(
            *wanted, pl.col(_SIGN)
        )

    def _empty(self, columns: Sequence[str]) -> pl.DataFrame:
        rows = pl.DataFrame(self.snapshot.schema.empty_table()).lazy()
        return (
            restored(rows, self.snapshot.schema)
            .select(
                *columns,
                pl.lit("").alias(CHANGE_TYPE),
                pl.lit(0, pl.Int64).alias(COMMIT_VERSION),
                pl.lit(None, _TIMESTAMP).alias(COMMIT_TIMESTAMP),
            )
            .collect()
            .clear()
        )


def as_inserts(rows: pl.LazyFrame, version: int, timestamp: datetime | None) -> pl.LazyFrame:
    """All rows of a version, each as if it had been inserted by that version."""
    return rows.with_columns(
        pl.lit(INSERT).alias(CHANGE_TYPE),
        pl.lit(version, pl.Int64).alias(COMMIT_VERSION),
        pl.lit(timestamp, _TIMESTAMP).alias(COMMIT_TIMESTAMP),
    )


def changes(snapshot: Snapshot, since: int, columns: Sequence[str]) -> Changes | Unknown:
    """What changed in these columns' rows after version `since`, up to a snapshot's."""
    if since > snapshot.version:
        return Unknown(f"its latest version is {snapshot.version}, and was {since} already")
    table = snapshot.table
    read: list[LogEntry] = []
    for version, entry in enumerate(entries(table.store, since + 1, snapshot.version), since + 1):
        if entry is None:
            return Unknown(f"the log's entry of version {version} is gone")
        read.append(entry)
    if why := _unreadable(snapshot, since, read, columns):
        return Unknown(why)
    files, to_check = _changed_files(read)
    for file in to_check:
        if not table.store.has(file.path):
            did = "removed" if file.sign < 0 else "wrote"
            return Unknown(f"a file that version {file.version} {did} is vacuumed")
    timestamps = {entry.version: entry.commit.timestamp for entry in read}
    return Changes(snapshot, since, files, timestamps)


def _changed_files(
    read: Sequence[LogEntry],
) -> tuple[tuple[ChangedFile, ...], list[ChangedFile]]:
    """The files whose rows are the change, and those of them that no version shows any more."""
    last: dict[str, ChangedFile] = {}
    sign: Counter[str] = Counter()
    feed: list[ChangedFile] = []
    gone: set[str] = set()
    for entry in read:
        told = [_file(action, entry.version, 0) for action in entry.of("cdc")]
        feed += told
        for kind, by in (("remove", -1), ("add", 1)):
            for action in entry.of(kind):
                file = _file(action, entry.version, by)
                (gone.add if by < 0 else gone.discard)(file.path)
                if not told and action.get("dataChange", True):
                    sign[file.path] += by
                    last[file.path] = file
    # Twice the same file is no mistake: a restore may bring back what compaction had moved on.
    counted = [replace(file, sign=sign[path]) for path, file in last.items() if sign[path]]
    return (*counted, *feed), [*(file for file in counted if file.path in gone), *feed]


def _unreadable(
    snapshot: Snapshot, since: int, read: Sequence[LogEntry], columns: Sequence[str]
) -> str:
    """Why files of the past cannot be compared with those of now; empty when they can."""
    for entry in read:
        touched = (*entry.of("add"), *entry.of("remove"))
        if any(action.get("deletionVector") for action in touched):
            return f"version {entry.version} marked rows in deletion vectors"
    changed = [entry for entry in read if any(entry.of("metaData"))]
    if not changed:
        return ""
    earlier = snapshot.table.find(since)
    if earlier is None:
        return f"version {since} is gone"
    if earlier.partition_by != snapshot.partition_by:
        return f"version {changed[-1].version} laid its files out anew"
    before, now = earlier.schema, snapshot.schema
    for name in columns:
        if name in before.names and not _is_same(before.field(name), now.field(name)):
            types = f"from {before.field(name).type} to {now.field(name).type}"
            return f"version {changed[-1].version} changed column {name} {types}"
    return ""


def _is_same(before: pa.Field, now: pa.Field) -> bool:
    """Whether values are the same: what is said of a column (its unit, a comment) is none."""
    return bool(before.type == now.type and _logical(before) == _logical(now))


def _logical(column: pa.Field) -> bytes | None:
    return (column.metadata or {}).get(LOGICAL_TYPE)


def _file(action: Mapping[str, Any], version: int, sign: int) -> ChangedFile:
    return ChangedFile(
        path=unquote(action["path"]),
        size=action.get("size") or 0,
        partition_values=action.get("partitionValues") or {},
        version=version,
        sign=sign,
    )


def _share(frame: pl.LazyFrame, by: Sequence[str], number: int, passes: int) -> pl.LazyFrame:
    """The rows that one pass compares: equal rows, and rows of one key, are in the same."""
    if passes == 1:
        return frame
    return frame.filter(pl.struct(by).hash() % passes == number)


def _suspects(signed: pl.LazyFrame, columns: Sequence[str], key: Sequence[str]) -> pl.LazyFrame:
    """The rows of keys whose rows do not cancel each other out, by two hashes of 64 bits.

    Most rows of a rewritten file are as they were: their values need not be held to see that. Seeds
    are drawn anew each time, so nobody can make rows that pass for each other.
    """
    schema = signed.collect_schema()
    rest = [name for name in columns if name not in key]
    if not key or not rest or any(schema[name].is_nested() for name in columns):
        return signed
    sums = {name: _signed_hash(rest) for name in ("_mesh_hash_1", "_mesh_hash_2")}
    differing = (
        signed.select(*key, _SIGN, **sums)
        .group_by(list(key))
        .agg(pl.col(_SIGN, *sums).sum())
        .filter(pl.any_horizontal(pl.col(_SIGN, *sums) != 0))
        .select(key)
        .collect(engine="streaming")
    )
    return signed.join(differing.lazy(), on=list(key), how="semi", nulls_equal=True)


def _signed_hash(columns: Sequence[str]) -> pl.Expr:
    parts = [pl.col(name).hash(seed=secrets.randbits(63)) for name in columns]
    return pl.sum_horizontal(parts).reinterpret(signed=True) * pl.col(_SIGN)


def _net(signed: pl.LazyFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Rows whose signs do not cancel each other out, as often as they do not."""
    left = (
        signed.group_by(list(columns))
        .agg(pl.col(_SIGN).sum(), pl.col(COMMIT_VERSION).max())
        .filter(pl.col(_SIGN) != 0)
        .collect(engine="streaming")
    )
    often = left.get_column(_SIGN).abs()
    if left.is_empty() or often.max() == 1:
        return left
    index = pl.int_range(left.height, eager=True)
    repeated = pl.DataFrame({"index": index}).select(
        pl.col("index").repeat_by(pl.Series(often)).explode()
    )
    return left[repeated.to_series()]


def _change_type(key: Sequence[str]) -> pl.Expr:
    is_added = pl.col(_SIGN) > 0
    if not key:
        return pl.when(is_added).then(pl.lit(INSERT)).otherwise(pl.lit(DELETE))
    has_added, has_removed = is_added.any().over(key), (~is_added).any().over(key)
    return (
        pl.when(is_added & has_removed)
        .then(pl.lit(POSTIMAGE))
        .when(is_added)
        .then(pl.lit(INSERT))
        .when(has_added)
        .then(pl.lit(PREIMAGE))
        .otherwise(pl.lit(DELETE))
    )


def _sign_of_feed() -> pl.Expr:
    return (
        pl.when(pl.col(CHANGE_TYPE).is_in([INSERT, POSTIMAGE])).then(1).otherwise(-1).cast(pl.Int64)
    )


def _no_sign() -> pl.Expr:
    return pl.lit(0, pl.Int64).alias(_SIGN)
