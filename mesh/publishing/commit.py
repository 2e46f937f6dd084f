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
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.errors import CommitConflictError, StorageError
from mesh.lake import DataFile, Snapshot, StagedFile
from mesh.lake.table import Change
from mesh.products.declaration import DataProduct
from mesh.products.ports import Append, Overwrite, ReplacePartitions, Upsert
from mesh.publishing.stage import Stage, scan_files

MAX_ATTEMPTS = 20
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 1.0


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
    metadata_of: Callable[[Sequence[StagedFile]], dict[str, str]]
    rewriter: Callable[[], Stage]
    configuration: dict[str, str]

    def run(self) -> CommitOutcome:
        """Land it. Raises CommitConflictError when others kept winning."""
        table = self.stage.table
        for attempt in range(MAX_ATTEMPTS):
            base = table.find()
            if base is not None:
                if base.has_transaction(self.transaction):
                    return AlreadyLanded()
                _require_layout(base, self.stage)
                base = self._evolved(base)
            rewritten = self.rewriter()
            try:
                planned = self._plan(base, rewritten)
                if isinstance(planned, KeysTaken):
                    return planned
                return Landed(table.commit(planned, base))
            except CommitConflictError:
                rewritten.discard()
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                _wait(attempt)
            except BaseException:
                rewritten.discard()
                raise
        raise AssertionError

    def _evolved(self, base: Snapshot) -> Snapshot:
        """The table with columns that a later minor version added. An overwrite brings its own."""
        if isinstance(self.product.write, Overwrite):
            return base
        added = [f for f in self.stage.schema if f.name not in base.schema.names]
        return base.with_columns(added) if added else base

    def _plan(self, base: Snapshot | None, rewritten: Stage) -> Change | KeysTaken:
        mode = self.product.write
        change = Change(
            adds=self.stage.files,
            schema=self.stage.schema,
            partition_by=self.stage.partition_by,
            metadata=self.metadata_of(self.stage.files),
            transaction=self.transaction,
            is_overwrite=isinstance(mode, Overwrite),
            configuration=self.configuration,
            description=self.product.description,
        )
        if base is None or isinstance(mode, Overwrite):
            return change
        if isinstance(mode, ReplacePartitions):
            replaced = _files_of_partitions(base, self.stage, mode.by)
            return self._unless_taken(base, replace(change, removes=replaced))
        if isinstance(mode, Append):
            return self._unless_taken(base, change)
        return self._upsert(base, change, mode, rewritten)

    def _unless_taken(self, base: Snapshot, change: Change) -> Change | KeysTaken:
        key = self.product.contract.key
        if not key or (isinstance(self.product.write, ReplacePartitions) and self._splits_keys()):
            return change
        gone = {file.path for file in change.removes}
        kept = [file for file in base.files if file.path not in gone]
        fresh = _keys(self.stage, key)
        taken = [
            matched
            for file, matched in _matches(base, kept, fresh, key, self.stage)
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

    def _upsert(self, base: Snapshot, change: Change, mode: Upsert, rewritten: Stage) -> Change:
        """Rewrite the files that hold rows with the new keys, without those rows."""
        key = list(mode.on)
        fresh = _keys(self.stage, key)
        writer = rewritten.writer("kept")
        touched = []
        for file, matched in _matches(base, base.files, fresh, key, self.stage):
            if matched.is_empty():
                continue
            touched.append(file)
            rows = _rows_of(base, file, self.stage)
            kept = rows.join(fresh.lazy(), on=key, how="anti", nulls_equal=True)
            for batch in _arrow_batches(kept, self.stage.schema):
                writer.write(batch)
        writer.close()
        adds = (*self.stage.files, *rewritten.files)
        return replace(change, adds=adds, removes=tuple(touched))


def _keys(stage: Stage, key: Sequence[str]) -> pl.DataFrame:
    return stage.rows().select(key).collect()


def _matches(
    base: Snapshot,
    files: Sequence[DataFile],
    fresh: pl.DataFrame,
    key: Sequence[str],
    stage: Stage,
) -> Iterator[tuple[DataFile, pl.DataFrame]]:
    """Each file whose bounds may hold one of the fresh keys, with its rows' keys that do."""
    lows = fresh.select(pl.all().min()).row(0) if fresh.height else ()
    highs = fresh.select(pl.all().max()).row(0) if fresh.height else ()
    ranges = dict(zip(key, zip(lows, highs, strict=True), strict=False))
    for file in files:
        if ranges and _may_hold(file, ranges):
            stored = _rows_of(base, file, stage).select(key)
            yield (
                file,
                stored.join(fresh.lazy(), on=list(key), how="semi", nulls_equal=True).collect(),
            )


def _may_hold(file: DataFile, ranges: dict[str, tuple[Any, Any]]) -> bool:
    for name, (low, high) in ranges.items():
        bounds = file.bounds.get(name)
        if bounds is None or None in (*bounds, low, high) or type(bounds[0]) is not type(low):
            continue
        if high < bounds[0] or low > bounds[1]:
            return False
    return True


def _rows_of(base: Snapshot, file: DataFile, stage: Stage) -> pl.LazyFrame:
    """The rows of one committed file, with columns that it lacks as nulls."""
    present = [f for f in stage.schema if f.name in base.schema.names]
    staged = StagedFile(file.path, file.size, file.rows, file.partition_values, "")
    url = stage.table
    return scan_files(url, pa.schema(present), stage.partition_by, [staged], is_complete=False)


def _arrow_batches(frame: pl.LazyFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for piece in frame.collect_batches(maintain_order=True):
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


def _require_layout(base: Snapshot, stage: Stage) -> None:
    if tuple(stage.partition_by) != base.partition_by:
        raise StorageError(
            f"the table is partitioned by ({', '.join(base.partition_by)}), the product declares "
            f"({', '.join(stage.partition_by)})",
            where=stage.table.url,
            hint="declare what the table has, or publish a new major",
        )


def _wait(attempt: int) -> None:
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**attempt)
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311 -- jitter, not a secret
