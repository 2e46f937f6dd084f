"""One Delta table: its snapshots, its history, and commits that change it.

Owns every call to deltalake. A commit succeeds only as the very next version of the snapshot that
it was planned on (`max_commit_retries=0`): what to do when somebody else was first is decided by
who planned it, never by the storage library.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from mesh.lake.failures import explained, storage_errors
from mesh.lake.partitions import partition_text
from mesh.lake.store import Store, local_path, open_store

LOGICAL_TYPE = b"mesh.type"
_ALREADY_THERE = ("already exists", "version 0")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file of a snapshot. `bounds` are lowest and highest values by column, where known."""

    path: str
    size: int
    rows: int
    partition_values: Mapping[str, str | None]
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A written data file that no version shows yet. `statistics` is Delta's JSON."""

    path: str
    size: int
    rows: int
    partition_values: Mapping[str, str | None]
    statistics: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One version's entry in the table's history."""

    version: int
    timestamp: datetime
    operation: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit shall do, planned on one snapshot.

    `transaction` is the identity under which it may land once; `metadata` values are text.
    """

    adds: Sequence[StagedFile]
    schema: pa.Schema
    partition_by: Sequence[str]
    metadata: Mapping[str, str]
    transaction: str
    removes: Sequence[DataFile] = ()
    is_overwrite: bool = False
    configuration: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


class Snapshot:
    """A table as it is at one version. Holds no data."""

    def __init__(self, table: Table, delta: DeltaTable) -> None:
        self.table = table
        self._delta = delta
        self.version: int = delta.version()

    def has_transaction(self, transaction: str) -> bool:
        """Whether a commit of that identity has landed."""
        return self._delta.transaction_version(transaction) is not None

    @cached_property
    def schema(self) -> pa.Schema:
        """The stored columns."""
        return pa.schema(self._delta.schema().to_arrow())

    @property
    def partition_by(self) -> tuple[str, ...]:
        """Columns by which files are laid out."""
        return tuple(self._delta.metadata().partition_columns)

    @cached_property
    def files(self) -> tuple[DataFile, ...]:
        """The data files of this version."""
        actions = pa.table(self._delta.get_add_actions(flatten=False)).to_pylist()
        return tuple(_data_file(action) for action in actions)

    def scan(self) -> pl.LazyFrame:
        """The rows, as they are stored."""
        table = self.table
        if not _is_misread(table.root):
            options = dict(table.options) or None
            return pl.scan_delta(self._delta, storage_options=options)  # it is open: once is enough
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
        restored = [
            _restored(name, field_.metadata[LOGICAL_TYPE].decode())
            for name, field_ in zip(self.schema.names, self.schema, strict=True)
            if field_.metadata and LOGICAL_TYPE in field_.metadata
        ]
        return self.scan().with_columns(restored) if restored else self.scan()

    def columns_unlike(self, schema: pa.Schema) -> tuple[str, ...]:
        """Stored columns that a schema lacks, or has in another type."""
        wanted = {f.name: f.type for f in Schema.from_arrow(schema).fields}
        return tuple(f.name for f in self._delta.schema().fields if wanted.get(f.name) != f.type)

    def with_columns_of(self, schema: pa.Schema) -> Snapshot:
        """This version, or the next with nullable columns added that only the schema has.

        That is a commit of its own, without data. Raises CommitConflictError when another writer
        was first.
        """
        added = [field for field in schema if field.name not in self.schema.names]
        if not added:
            return self
        fields = list(Schema.from_arrow(pa.schema(added)).fields)
        own = self.table._delta(self.version)  # noqa: SLF001 -- it is altered, a snapshot never is
        try:
            with storage_errors(self.table.url):
                own.alter.add_columns(
                    fields, commit_properties=CommitProperties(max_commit_retries=0)
                )
        except CommitFailedError as error:
            raise CommitConflictError(
                "another writer committed first", where=self.table.url, hint="run it again"
            ) from error
        return self.table.snapshot(self.version + 1)

    @property
    def rows(self) -> int:
        """How many rows there are, by the files' own statistics."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True)
class Table:
    """A Delta table at a URL, whether it exists yet or not."""

    url: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def store(self) -> Store:
        """The files of the table."""
        return open_store(self.url, self.options)

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
            return None
        except DeltaError as error:
            if version is not None and not 0 <= version <= (latest := self.version()):
                raise NotPublishedError(
                    f"there is no version {version}",
                    where=self.url,
                    hint=f"versions are 0 to {latest}",
                ) from error
            raise explained(error, self.url) from error

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
        """The history, newest first; empty when there is no table."""
        if self.find() is None:
            return
        try:
            with storage_errors(self.url):
                history = self._delta().history()
        except DeltaError as error:
            raise explained(error, self.url) from error
        for entry in history:
            yield Commit(
                version=entry["version"],
                timestamp=datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                operation=entry.get("operation", ""),
                metadata=entry,
            )

    def commit(self, change: Change, base: Snapshot | None) -> int:
        """Make `change` the version after `base` (None: the first). Returns the version.

        Raises CommitConflictError when another writer made that version first.
        """
        properties = CommitProperties(
            custom_metadata=dict(change.metadata),
            max_commit_retries=0,
            app_transactions=[Transaction(change.transaction, 1)],
        )
        try:
            with storage_errors(self.url):
                if base is None:
                    return self._create(change, properties)
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
            [_add_action(file) for file in change.adds],
            mode="error",
            partition_by=list(change.partition_by),
            description=change.description or None,
            configuration=dict(change.configuration),
            storage_options=dict(self.options) or None,
            commit_properties=properties,
        )
        return 0

    def _add(self, change: Change, base: Snapshot, properties: CommitProperties) -> int:
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [_add_action(file) for file in change.adds]
        actions += [
            RemoveAction(file.path, True, now, file.size, dict(file.partition_values))  # noqa: FBT003 -- data_change
            for file in change.removes
        ]
        base._delta.create_write_transaction(  # noqa: SLF001 -- Snapshot is this module's own
            actions,
            "overwrite" if change.is_overwrite else "append",
            Schema.from_arrow(change.schema),
            partition_by=list(change.partition_by),
            commit_properties=properties,
        )
        return base.version + 1

    def _delta(self, version: int | None = None) -> DeltaTable:
        return DeltaTable(self.root, version=version, storage_options=dict(self.options) or None)


def _is_misread(root: str) -> bool:
    """Whether Polars takes delta-rs's percent-encoded paths below a folder for plain ones."""
    return "://" not in root and Path(root).absolute().as_uri() != f"file://{Path(root).absolute()}"


def _add_action(file: StagedFile) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values=dict(file.partition_values),
        modification_time=int(time.time() * 1000),
        data_change=True,
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
    )


def _restored(column: str, logical: str) -> pl.Expr:
    """A stored column as the type that the contract promises; Delta has no duration."""
    if logical == "duration":
        return pl.col(column).cast(pl.Duration("us"))
    message = f"stored type {logical!r} of column {column!r} is not known to this Mesh"
    raise StorageError(message, hint="upgrade Mesh")
