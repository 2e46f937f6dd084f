"""One Delta table: its snapshots, its history, and commits that change it.

Owns every call to deltalake. A commit succeeds only as the very next version of the snapshot that
it was planned on (`max_commit_retries=0`): what to do when somebody else was first is decided by
who planned it, never by the storage library.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

from mesh.errors import CommitConflictError, NotPublishedError, StorageError
from mesh.lake.access import Access
from mesh.lake.credentials import CREDENTIAL_NAMES
from mesh.lake.described import Described, described
from mesh.lake.evolving import changed_columns, evolved_schema, log_entry
from mesh.lake.failures import explained, storage_errors
from mesh.lake.log import Commit, commit_at, commits_from, log_path
from mesh.lake.partitions import partition_text
from mesh.lake.read_only import ReadOnlyStore, only_read
from mesh.lake.store import Store, local_path, open_store
from mesh.lake.unreadable import damaged_log

LOGICAL_TYPE = b"mesh.type"
_CONFIGURATION = {"delta.checkpointInterval": "10"}
"""Spark's interval; delta-rs would wait for 100. Opening a table asks three times for each commit
since the last checkpoint, so that is what keeps a read of a busy table at a few requests."""
COLUMNS_KEY = "mesh.columns"
"""Key in a commit's metadata that names the columns which are new with it, or of another type."""
_CHECKPOINT_INTERVAL = int(_CONFIGURATION["delta.checkpointInterval"])
_PLAIN_FEATURES = frozenset({"timestampNtz"})
_ALREADY_THERE = ("already exists", "version 0")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a snapshot, with what the log tells of its columns.

    `bounds` are lowest and highest values, `nulls` how many there are, by column, where known.
    """

    path: str
    size: int
    rows: int
    partition_values: Mapping[str, str | None]
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    nulls: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A written data file that no version shows yet. `statistics` is Delta's JSON."""

    path: str
    size: int
    rows: int
    partition_values: Mapping[str, str | None]
    statistics: str


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit shall do, planned on one snapshot.

    `transaction` is the identity under which it may land once; empty for a change that has none.
    `metadata` values are text. A change that rearranges rows and changes none `is_data_change` not:
    who reads what changed passes it over. One that `is_evolving` gives the table the columns of
    `schema`, with what is said of each, and the `configuration`, which every change gives to a new
    table; others leave them as they are, unless they overwrite.
    """

    adds: Sequence[StagedFile]
    schema: pa.Schema
    partition_by: Sequence[str]
    metadata: Mapping[str, str]
    transaction: str = ""
    removes: Sequence[DataFile] = ()
    is_overwrite: bool = False
    is_data_change: bool = True
    is_evolving: bool = False
    configuration: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


class Snapshot:
    """A table as it is at one version. Holds no data."""

    def __init__(self, table: Table, delta: DeltaTable) -> None:
        self.table = table
        self._delta = delta
        self._transactions: dict[str, int | None] = {}
        self.version: int = delta.version()

    def has_transaction(self, transaction: str) -> bool:
        """Whether a commit of that identity has landed."""
        return self._landed_at(transaction) is not None

    def commit_of(self, transaction: str) -> Commit | None:
        """The commit of that identity; None when it has not landed, or the log no longer has it.

        A transaction's own version is the table's that it made, so that one entry is read.
        """
        version = self._landed_at(transaction)
        return None if version is None else self.table.commit_at(version)

    def _landed_at(self, transaction: str) -> int | None:
        """Asked once: delta-rs reads the log anew for every answer."""
        if transaction not in self._transactions:
            with storage_errors(self.table.url):
                self._transactions[transaction] = self._delta.transaction_version(transaction)
        return self._transactions[transaction]

    def commits(self) -> Iterator[Commit]:
        """The history up to this version, newest first, read as far as it is asked for.

        The newest is read once.
        """
        if self._newest is not None:
            yield self._newest
            yield from commits_from(self.table.store, self.version - 1)

    @cached_property
    def _newest(self) -> Commit | None:
        return self.table.commit_at(self.version)

    @cached_property
    def schema(self) -> pa.Schema:
        """The stored columns."""
        return pa.schema(self._delta.schema().to_arrow())

    @property
    def table_id(self) -> str:
        """What tells this table from another that was made anew in its place."""
        return str(self._delta.metadata().id)

    @property
    def partition_by(self) -> tuple[str, ...]:
        """Columns by which files are laid out."""
        return tuple(self._delta.metadata().partition_columns)

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """The data files of this version."""
        actions = pa.table(self._delta.get_add_actions(flatten=False)).to_pylist()
        return tuple(_data_file(action) for action in actions)

    @cached_property
    def described(self) -> Described:
        """The same in Delta's own words, for others to read."""
        return described(self._delta)

    def scan(self) -> pl.LazyFrame:
        """The rows, as they are stored."""
        table = self.table
        if not _is_misread(table.root):
            return self._scan_delta()
        columns = pl.DataFrame(self.schema.empty_table())
        parts = {name: columns.schema[name] for name in self.partition_by}
        if not self.files:
            return columns.lazy()
        return pl.scan_parquet(
            [f"{table.root}/{file.path}" for file in self.files],
            schema=columns.drop(parts).schema,
            hive_schema=parts or None,
            hive_partitioning=bool(parts),
            glob=False,
            missing_columns="insert",
            extra_columns="ignore",
        ).select(columns.columns)

    def promised(self) -> pl.LazyFrame:
        """The rows, in the types that the contract promises."""
        return restored(self.scan(), self.schema)

    @cached_property
    def is_plain(self) -> bool:
        """Whether files hold the rows as they are: nothing beside them deletes or renames any."""
        protocol = self._delta.protocol()
        features = set(protocol.reader_features or ())
        return protocol.min_reader_version == 1 or (bool(features) and features <= _PLAIN_FEATURES)

    def _writable(self) -> DeltaTable:
        """The table at this version, opened again when its credentials have been renewed since."""
        options = self.table._storage_options or {}  # noqa: SLF001 -- Table is this module's own
        opened = self._delta._storage_options or {}  # noqa: SLF001 -- delta-rs does not tell
        is_current = all(opened.get(name) == options.get(name) for name in CREDENTIAL_NAMES)
        return self._delta if is_current else self.table._delta(self.version)  # noqa: SLF001

    def _scan_delta(self) -> pl.LazyFrame:
        """By the log that is read already, unless credentials may end before the scan begins."""
        table = self.table
        options = table.scan_options
        if options.pop("credential_provider", None) is None:
            return pl.scan_delta(self._delta, **options)
        return pl.scan_delta(table.root, version=self.version, **table.scan_options)

    def columns_unlike(self, schema: pa.Schema) -> tuple[str, ...]:
        """Stored columns that a schema lacks, or has in another type."""
        wanted = {f.name: f.type for f in Schema.from_arrow(schema).fields}
        return tuple(f.name for f in self._delta.schema().fields if wanted.get(f.name) != f.type)

    @property
    def configuration(self) -> Mapping[str, str]:
        """What was set of the table, by Delta's names and by Mesh's."""
        return dict(self._delta.metadata().configuration)

    def evolved(self, change: Change) -> dict[str, Any] | None:
        """The columns that the table would have by a change.

        None when it has just these, and what the change sets of it.
        """
        known = self.configuration
        is_set = all(known.get(name) == value for name, value in change.configuration.items())
        return evolved_schema(self._delta, change.schema, is_set=is_set)

    @property
    def rows(self) -> int:
        """How many rows there are, by the files' own statistics."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Table:
    """A Delta table at a URL, whether it exists yet or not."""

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_read_only: bool = False

    @property
    def store(self) -> Store:
        """The files of the table."""
        store = open_store(self.url, self.options)
        return ReadOnlyStore(store, self.url) if self.is_read_only else store

    def _require_writable(self) -> None:
        if self.is_read_only:
            raise only_read(self.url, "a commit")

    @property
    def access(self) -> Access:
        """How each library reaches it."""
        return Access.of(self.url, self.options)

    @property
    def scan_options(self) -> dict[str, Any]:
        """What Polars' scans of its files are given; nothing on a local disk."""
        return {} if local_path(self.url) is not None else self.access.polars

    @property
    def root(self) -> str:
        """The URL, or the plain path that every library understands."""
        folder = local_path(self.url)
        return self.url if folder is None else str(folder)

    def exists(self) -> bool:
        """Whether any version has been committed."""
        return self.find() is not None

    def find(self, version: int | None = None) -> Snapshot | None:
        """The snapshot at a version, or the latest; None when there is no table."""
        if version is not None and version < 0:
            raise NotPublishedError(f"there is no version {version}", where=self.url)
        try:
            with storage_errors(self.url):
                return Snapshot(self, self._delta(version))
        except TableNotFoundError:
            if version is not None and (present := self.find()) is not None:
                raise NotPublishedError(
                    f"version {version} is gone: its part of the log was removed",
                    where=self.url,
                    hint=f"read the latest, version {present.version}",
                ) from None
            return None
        except DeltaError as error:
            if damage := damaged_log(self):
                raise damage from error
            if version is not None and not 0 <= version <= (latest := self.version()):
                raise NotPublishedError(
                    f"there is no version {version}",
                    where=self.url,
                    hint=f"versions are 0 to {latest}",
                ) from error
            raise explained(error, self.url) from error

    def mark(self, version: int) -> str | None:
        """What tells a version's entry in the log from another in its place; None for no entry."""
        return self.store.mark(log_path(version))

    def refreshed(self, seen: Snapshot | None) -> Snapshot | None:
        """The latest snapshot, given what was the latest: one request when it still is."""
        if seen is not None and not self.store.has(log_path(seen.version + 1)):
            return seen
        return self.find()

    def snapshot(self, version: int | None = None) -> Snapshot:
        """The snapshot at a version, or the latest. Raises NotPublishedError."""
        found = self.find(version)
        if found is None:
            raise NotPublishedError("nothing is published yet", where=self.url)
        return found

    def version(self) -> int:
        """The latest version. Raises NotPublishedError."""
        return self.snapshot().version

    def scan(self, version: int | None = None) -> pl.LazyFrame:
        """The rows at a version, or the latest, as a lazy frame. Raises NotPublishedError."""
        return self.snapshot(version).promised()

    def commits(self) -> Iterator[Commit]:
        """The history, newest first, read as far as it is asked for; empty for no table."""
        snapshot = self.find()
        return iter(()) if snapshot is None else snapshot.commits()

    def commit_at(self, version: int) -> Commit | None:
        """One version's entry in the log; None when there is none."""
        return commit_at(self.store, version)

    def commit(self, change: Change, base: Snapshot | None) -> int:
        """Make `change` the version after `base` (None: the first). Returns the version.

        Raises CommitConflictError when another writer made that version first.
        """
        self._require_writable()
        version = 0 if base is None else base.version + 1
        properties = CommitProperties(
            custom_metadata=dict(change.metadata),
            max_commit_retries=0,
            app_transactions=[Transaction(change.transaction, version)]
            if change.transaction
            else None,
        )
        try:
            with storage_errors(self.url):
                if base is None:
                    return self._create(change, properties)
                evolved = base.evolved(change) if change.is_evolving else None
                if evolved is not None:
                    return self._evolve(change, base, evolved)
                return self._add(change, base, properties)
        except CommitFailedError as error:
            raise CommitConflictError(
                "another writer committed first", where=self.url, hint="run it again"
            ) from error
        except DeltaError as error:
            if base is None and any(words in str(error) for words in _ALREADY_THERE):
                raise CommitConflictError(
                    "another writer made the table", where=self.url, hint="run it again"
                ) from error
            raise explained(error, self.url) from error

    def _create(self, change: Change, properties: CommitProperties) -> int:
        if (folder := local_path(self.url)) is not None:
            folder.mkdir(parents=True, exist_ok=True)
        create_table_with_add_actions(
            self.root,
            Schema.from_arrow(change.schema),
            [_add_action(file, change) for file in change.adds],
            mode="error",
            partition_by=list(change.partition_by),
            description=change.description or None,
            configuration={**_CONFIGURATION, **change.configuration},
            storage_options=self._storage_options,
            commit_properties=properties,
        )
        return 0

    def _add(self, change: Change, base: Snapshot, properties: CommitProperties) -> int:
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            _add_action(file, change) for file in change.adds
        ]
        actions += [
            RemoveAction(
                file.path, change.is_data_change, now, file.size, dict(file.partition_values)
            )
            for file in change.removes
        ]
        base._writable().create_write_transaction(  # noqa: SLF001 -- Snapshot is this module's own
            actions,
            "overwrite" if change.is_overwrite else "append",
            Schema.from_arrow(change.schema),
            partition_by=list(change.partition_by),
            commit_properties=properties,
        )
        return base.version + 1

    def _evolve(self, change: Change, base: Snapshot, schema: Mapping[str, Any]) -> int:
        """Columns and rows in one entry of the log, which one writer alone can make."""
        delta, version = base._delta, base.version + 1  # noqa: SLF001 -- this module's own
        told = ", ".join(changed_columns(delta, schema))
        metadata = {**change.metadata, **({COLUMNS_KEY: told} if told else {})}
        removes = base.files if change.is_overwrite else change.removes
        entry = log_entry(delta, replace(change, metadata=metadata), schema, removes)
        if not self.store.create(log_path(version), entry):
            raise CommitConflictError(
                "another writer committed first", where=self.url, hint="run it again"
            )
        if (version + 1) % _CHECKPOINT_INTERVAL == 0:
            with suppress(StorageError):  # it has landed; whoever reads sums up by itself
                self.checkpoint()
        return version

    def restore(self, version: int, metadata: Mapping[str, str]) -> int:
        """Show the columns and files of an earlier version again, as a new one, which is returned.

        Raises CommitConflictError when another writer was first.
        """
        self._require_writable()
        properties = CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0)
        delta = self._delta()
        try:
            with storage_errors(self.url):
                delta.restore(version, commit_properties=properties)
        except CommitFailedError as error:
            raise CommitConflictError(
                "another writer committed first", where=self.url, hint="run it again"
            ) from error
        except DeltaError as error:
            raise explained(error, self.url) from error
        return delta.version()

    def checkpoint(self) -> None:
        """Sum up the log at the latest version, so that readers need not start at its beginning."""
        self._require_writable()
        try:
            with storage_errors(self.url):
                self._delta().create_checkpoint()
        except DeltaError as error:
            raise explained(error, self.url) from error

    def _delta(self, version: int | None = None) -> DeltaTable:
        return DeltaTable(self.root, version=version, storage_options=self._storage_options)

    @property
    def _storage_options(self) -> dict[str, str] | None:
        return None if local_path(self.url) is not None else self.access.delta


def _is_misread(root: str) -> bool:
    """Whether Polars takes delta-rs's percent-encoded paths below a folder for plain ones."""
    return "://" not in root and Path(root).absolute().as_uri() != f"file://{Path(root).absolute()}"


def _add_action(file: StagedFile, change: Change) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values=dict(file.partition_values),
        modification_time=int(time.time() * 1000),
        data_change=change.is_data_change,
        stats=file.statistics,
    )


def _data_file(action: Mapping[str, Any]) -> DataFile:
    partition = action.get("partition") or action.get("partition_values") or {}
    lows, highs = action.get("min") or {}, action.get("max") or {}
    return DataFile(
        path=unquote(action["path"]),
        size=action["size_bytes"],
        rows=action.get("num_records") or 0,
        partition_values={name: partition_text(value) for name, value in partition.items()},
        bounds={name: (lows[name], highs[name]) for name in lows if name in highs},
        nulls=action.get("null_count") or {},
    )


def restored(stored: pl.LazyFrame, schema: pa.Schema) -> pl.LazyFrame:
    """Stored rows in the types that the contract promises."""
    columns = [
        _restored(name, field_.metadata[LOGICAL_TYPE].decode())
        for name, field_ in zip(schema.names, schema, strict=True)
        if field_.metadata and LOGICAL_TYPE in field_.metadata
    ]
    return stored.with_columns(columns) if columns else stored


def _restored(column: str, logical: str) -> pl.Expr:
    """A stored column as the type that the contract promises; Delta has no duration."""
    if logical == "duration":
        return pl.col(column).cast(pl.Duration("us"))
    message = f"stored type {logical!r} of column {column!r} is not known to this Mesh"
    raise StorageError(message, hint="upgrade Mesh")
