"""From staged files to one new version of the table.

Owns what each write mode adds and removes, and what happens when another writer was first: the
change is planned again on the version that won, and keys are compared again, until it lands or
there were too many. Whole files are added and removed; files that a change does not touch stay.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.errors import CommitConflictError, StorageError, StorageFullError
from mesh.lake import DataFile, Snapshot, StagedFile
from mesh.lake.streaming import batches_of_frame
from mesh.lake.table import Change
from mesh.products.declaration import DataProduct
from mesh.products.ports import Append, Overwrite, ReplacePartitions, Upsert
from mesh.publishing.increment import Increment
from mesh.publishing.receipt import ATTEMPT_KEY
from mesh.publishing.stage import Stage, StageWriter, scan_files

MAX_ATTEMPTS = 20
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 1.0
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Landed:
    """The version that was made."""

    version: int


@dataclass(frozen=True, slots=True)
class AlreadyLanded:
    """The same publication is in the table already."""


@dataclass(frozen=True, slots=True)
class KeysTaken:
    """New rows have keys that rows of the table have: how many, and some of them."""

    rows: int
    samples: tuple[dict[str, Any], ...]


CommitOutcome = Landed | AlreadyLanded | KeysTaken


@dataclass(slots=True)
class Commit:
    """One publication's way into its table."""

    product: DataProduct
    stage: Stage
    transaction: str
    metadata_of: Callable[[Sequence[StagedFile], Snapshot | None], dict[str, str]]
    configuration: dict[str, str]
    increment: Increment | None = None

    def run(self, seen: Snapshot | None = None) -> CommitOutcome:
        """Land it. Raises CommitConflictError when others kept winning.

        `seen` is the table as it was lately, which spares reading its log again.
        """
        for attempt in range(MAX_ATTEMPTS):
            base, seen = self.stage.table.refreshed(seen), None
            if base is not None:
                if base.has_transaction(self.transaction):
                    return AlreadyLanded()
                if self.increment is not None:
                    self.increment.require_latest(base)
                self._require_fit(base)
            rewritten = self.stage.beside()
            try:
                planned = self._plan(base, rewritten, f"kept{attempt}")
                if isinstance(planned, KeysTaken):
                    return planned
                return Landed(land(planned, self._evolved(base), self.stage, rewritten))
            except CommitConflictError:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
            finally:
                rewritten.discard()
            wait(attempt)
        raise AssertionError

    @property
    def _is_whole(self) -> bool:
        """Whether nothing of the table stays."""
        is_rebuilt = self.increment is not None and self.increment.is_whole
        return is_rebuilt or isinstance(self.product.write, Overwrite)

    def _require_fit(self, base: Snapshot) -> None:
        """Refuse a table that is not laid out as the product says, or would not take its rows."""
        require_layout(base, self.stage)
        if not self._is_whole:
            require_columns(base, self.stage)

    def _evolved(self, base: Snapshot | None) -> Snapshot | None:
        """The table with columns that a later minor version added. An overwrite brings its own."""
        if base is None or self._is_whole:
            return base
        return base.with_columns_of(self.stage.schema)

    def _plan(self, base: Snapshot | None, rewritten: Stage, worker: str) -> Change | KeysTaken:
        mode = self.product.write
        change = Change(
            adds=self.stage.files,
            schema=self.stage.schema,
            partition_by=self.stage.partition_by,
            metadata=self.metadata_of(self.stage.files, base),
            transaction=self.transaction,
            is_overwrite=self._is_whole,
            configuration=self.configuration,
            description=self.product.description,
        )
        if base is None or self._is_whole or isinstance(mode, Overwrite):
            return change
        if isinstance(mode, ReplacePartitions):
            replaced = _files_of_partitions(base, self.stage, mode.by)
            return self._unless_taken(base, replace(change, removes=replaced))
        if isinstance(mode, Append):
            return self._unless_taken(base, change)
        return self._upsert(base, change, mode, rewritten.writer(worker))

    def _unless_taken(self, base: Snapshot, change: Change) -> Change | KeysTaken:
        key = self.product.contract.key
        if not key or (isinstance(self.product.write, ReplacePartitions) and self._splits_keys()):
            return change
        gone = {file.path for file in change.removes}
        kept = [file for file in base.files if file.path not in gone]
        fresh = _keys(self.stage, key)
        taken = [
            matched
            for file, matched in _matches(kept, fresh, key, self.stage)
            if not matched.is_empty()
        ]
        if not taken:
            return change
        found = pl.concat(taken)
        return KeysTaken(found.height, tuple(found.head(5).to_dicts()))

    def _splits_keys(self) -> bool:
        """Whether the replaced columns are part of the key, so that no other partition has it."""
        mode = self.product.write
        return isinstance(mode, ReplacePartitions) and set(mode.by) <= set(
            self.product.contract.key
        )

    def _upsert(self, base: Snapshot, change: Change, mode: Upsert, writer: StageWriter) -> Change:
        """Rewrite the files that hold rows with the new keys, without those rows."""
        key = list(mode.on)
        fresh = _keys(self.stage, key)
        touched = []
        for file, matched in _matches(base.files, fresh, key, self.stage):
            if matched.is_empty():
                continue
            touched.append(file)
            rows = _rows_of(file, self.stage)
            kept = rows.join(fresh.lazy(), on=key, how="anti", nulls_equal=True)
            for batch in _arrow_batches(kept, self.stage.schema):
                writer.write(batch)
        writer.close()
        adds = (*self.stage.files, *writer.stage.files)
        return replace(change, adds=adds, removes=tuple(touched))


def land(change: Change, base: Snapshot | None, *stages: Stage) -> int:
    """Make the commit, and delete nothing of it until it is known not to have landed.

    Returns the version. A store may land a commit and lose the answer: then the history is asked.
    """
    table, attempt = stages[0].table, stages[0].attempt
    marked = replace(change, metadata={**change.metadata, ATTEMPT_KEY: attempt})
    for stage in stages:
        stage.keep()
    try:
        return table.commit(marked, base)
    except StorageError as error:
        version = 0 if base is None else base.version + 1  # it can have become no other
        landed = table.commit_at(version)
        if landed is not None and landed.metadata.get(ATTEMPT_KEY) == attempt:
            return version
        if isinstance(error, CommitConflictError | StorageFullError):
            for stage in stages:  # a clear no; after any other error the commit may yet arrive
                stage.keep(is_kept=False)
        raise


def _keys(stage: Stage, key: Sequence[str]) -> pl.DataFrame:
    return stage.rows().select(key).collect()


def _matches(
    files: Sequence[DataFile], fresh: pl.DataFrame, key: Sequence[str], stage: Stage
) -> Iterator[tuple[DataFile, pl.DataFrame]]:
    """Each file whose bounds may hold one of the fresh keys, with its rows' keys that do."""
    if fresh.is_empty():
        return
    ranges = {name: _range(fresh.get_column(name)) for name in key}
    for file in files:
        if all(_may_hold(file.bounds.get(name), wanted) for name, wanted in ranges.items()):
            stored = _rows_of(file, stage).select(key)
            yield (
                file,
                stored.join(fresh.lazy(), on=list(key), how="semi", nulls_equal=True).collect(),
            )


def _range(values: pl.Series) -> tuple[Any, Any] | None:
    """Lowest and highest; None where they would not say all: nulls and NaN lie outside of them."""
    if values.has_nulls() or (values.dtype.is_float() and values.is_nan().any()):
        return None
    try:
        return values.min(), values.max()
    except (OverflowError, ValueError):  # a time outside of Python's calendar
        return None


def _may_hold(bounds: tuple[Any, Any] | None, wanted: tuple[Any, Any] | None) -> bool:
    """Whether two ranges overlap, as far as that is certain."""
    if bounds is None or wanted is None or type(bounds[0]) is not type(wanted[0]):
        return True
    low, high = bounds
    if low is None or high is None or isinstance(low, Decimal):  # other writers round decimals
        return True
    if isinstance(high, datetime):
        return bool(wanted[0] - high < _MILLISECOND and wanted[1] >= low)  # others cut the rest
    return bool(wanted[0] <= high and wanted[1] >= low)


def _rows_of(file: DataFile, stage: Stage) -> pl.LazyFrame:
    """The rows of one committed file, with columns that it lacks as nulls."""
    staged = StagedFile(file.path, file.size, file.rows, file.partition_values, "")
    return scan_files(stage.table, stage.schema, stage.partition_by, [staged], is_complete=False)


def _arrow_batches(frame: pl.LazyFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for piece in batches_of_frame(frame):
        table = piece.select(schema.names).to_arrow()
        columns = [table.column(f.name).cast(f.type) for f in schema]
        yield from pa.table(columns, schema=schema).combine_chunks().to_batches()


def _files_of_partitions(base: Snapshot, stage: Stage, by: Sequence[str]) -> tuple[DataFile, ...]:
    """Committed files of the partitions that the staged files have rows for."""
    fresh = {tuple(file.partition_values[name] for name in by) for file in stage.files}
    return tuple(
        file
        for file in base.files
        if tuple(file.partition_values.get(name) for name in by) in fresh
    )


def require_layout(base: Snapshot, stage: Stage) -> None:
    """Raise StorageError when a table is partitioned otherwise than what shall go into it."""
    if tuple(stage.partition_by) != base.partition_by:
        raise StorageError(
            f"the table is partitioned by ({', '.join(base.partition_by)}), the product declares "
            f"({', '.join(stage.partition_by)})",
            where=stage.table.url,
            hint="declare what the table has, or publish a new major",
        )


def require_columns(base: Snapshot, stage: Stage) -> None:
    """Raise StorageError when a table has columns that the rows to come have not, or otherwise."""
    if unlike := base.columns_unlike(stage.schema):
        raise StorageError(
            f"the table has columns that the contract does not: {', '.join(unlike)}",
            where=stage.table.url,
            hint="promise what the table has, or publish a new major",
        )


def wait(attempt: int) -> None:
    """Let others finish: longer after each attempt, and never two writers for the same time."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 -- jitter, not a secret
