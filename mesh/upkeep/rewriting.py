"""Files of a table rewritten into others, and brought in beside running publications.

Owns how rows of committed files are read and staged again, and the landing: whoever commits in
between wins, and what is rewritten lands on the version that won, unless its files are gone there.
Statistics, layout and encoding are the write path's, because its stage writes the files.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import guarded_columns, key_columns
from mesh.errors import CommitConflictError, StorageError
from mesh.lake import DataFile, Snapshot, StagedFile, Table
from mesh.lake.scanning import rows_in
from mesh.lake.shown import ShownFile
from mesh.lake.streaming import batches_of_frame
from mesh.lake.table import Change
from mesh.publishing.batch import batches_in
from mesh.publishing.landing import MAX_ATTEMPTS, land, wait
from mesh.publishing.stage import STAGED_NAME, Stage, StageWriter
from mesh.settings import PublishingSettings

UPKEEP_KEY = "mesh.upkeep"
"""Key in a commit's metadata that says which part of upkeep made it, and of how much."""


ORDERED = re.compile(r"-(?P<mark>by[0-9a-f]{8}x)\d+-\d+\.parquet$")
"""The end of a file's name whose rows upkeep has put in an order; see `clustering.mark_of`."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Files, and those that come in their place."""

    removes: tuple[DataFile, ...]
    adds: tuple[StagedFile, ...] = ()


def stage_for(snapshot: Snapshot, settings: PublishingSettings) -> Stage:
    """A stage for rewritten rows of a table, under a name that no publication has."""
    schema = stored_schema(snapshot)
    return Stage(
        table=snapshot.table,
        schema=schema,
        partition_by=snapshot.partition_by,
        publication=uuid.uuid4().hex,
        file_bytes=settings.file_bytes,
        filtered_by=key_columns(schema),
        unbounded=guarded_columns(schema),
    )


def beside(stage: Stage, file: DataFile) -> Stage:
    """An empty stage for what stays of one file, whose publication it goes on to be named by.

    A retried publication finds by name what it kept in quarantine before.
    """
    own = stage.beside()
    name = STAGED_NAME.fullmatch(file.path.rpartition("/")[2])
    if name is not None:
        own.attempt = f"{name['publication']}-{uuid.uuid4().hex[:8]}"
    return own


def without_some(
    stage: Stage, file: DataFile, kept: pl.LazyFrame, *, expected: int, batch_rows: int
) -> Rewrite:
    """What stays of one file, staged: `expected` rows, none of them for a file that goes whole."""
    if not expected:
        return Rewrite((file,))
    own = beside(stage, file)
    mark = ORDERED.search(file.path)  # that the rows are in an order is still true
    writer = own.writer(f"{mark['mark'] if mark else 'rest'}{uuid.uuid4().int % 10**8}")
    try:
        write(kept, writer, batch_rows, expected)
    except BaseException:
        own.discard()
        raise
    for staged in own.files:
        stage.opened(staged.path)
    return Rewrite((file,), own.files)


def stored_schema(snapshot: Snapshot) -> pa.Schema:
    """A table's columns, in types that Parquet is written from."""
    return pa.schema([f.with_type(_plain(f.type)) for f in snapshot.schema])


def rows_of(table: Table, file: DataFile | ShownFile, schema: pa.Schema) -> pl.LazyFrame:
    """The rows of one file."""
    return rows_in(table, [file.path], file.partition_values, schema)


def count(frame: pl.LazyFrame) -> int:
    """How many rows there are; of whole files, their footers tell."""
    return int(frame.select(pl.len()).collect(engine="streaming").item())


def write(frame: pl.LazyFrame, writer: StageWriter, batch_rows: int, expected: int) -> None:
    """Stage rows in batches of the write path's size, without holding them all.

    Raises StorageError when other than the `expected` number of them came: a torn file can end a
    stream early without a word, and upkeep must not lose what it cannot read.
    """
    schema = writer.stage.schema
    try:
        for batch in _batches(batches_of_frame(frame), schema, batch_rows):
            writer.write(batch)
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    came = sum(file.rows for file in writer.stage.files)
    if came != expected:
        raise StorageError(
            f"{came:,} of {expected:,} rows could be read: a data file is damaged",
            where=writer.stage.table.url,
            hint="restore it from a backup, or publish again",
        )


def land_rewrites(
    stage: Stage,
    rewrites: Sequence[Rewrite],
    *,
    metadata: Mapping[str, str],
    is_data_change: bool,
) -> tuple[Rewrite, ...]:
    """Commit rewrites together, again and again until it lands. Returns those that did.

    A rewrite whose files another writer has removed or rewritten meanwhile is dropped.
    """
    for attempt in range(MAX_ATTEMPTS):
        base = stage.table.snapshot()
        shown = {file.path for file in base.files}
        fitting = tuple(r for r in rewrites if all(f.path in shown for f in r.removes))
        if not fitting:
            return ()
        change = Change(
            adds=[file for r in fitting for file in r.adds],
            removes=[file for r in fitting for file in r.removes],
            schema=base.schema,
            partition_by=base.partition_by,
            metadata=metadata,
            is_data_change=is_data_change,
        )
        try:
            land(change, base, stage)
        except CommitConflictError:
            if attempt == MAX_ATTEMPTS - 1:
                raise
            wait(attempt)
            continue
        dropped = [f.path for r in rewrites if r not in fitting for f in r.adds]
        stage.table.store.delete(dropped)
        return fitting
    raise AssertionError


def _batches(
    pieces: Iterator[pl.DataFrame], schema: pa.Schema, rows: int
) -> Iterator[pa.RecordBatch]:
    """Pieces of any size as batches of `rows`, so that row groups are as a publication's."""
    waiting: list[pl.DataFrame] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += piece.height
        if held < rows:
            continue
        whole = pl.concat(waiting)
        cut = held - held % rows
        for start in range(0, cut, rows):
            yield from batches_in(schema, whole.slice(start, rows))
        waiting, held = [whole.slice(cut)], held - cut
    if held:
        yield from batches_in(schema, pl.concat(waiting))


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type without views, which are of memory and not of files."""
    if kind == pa.string_view():
        return pa.string()
    return pa.binary() if kind == pa.binary_view() else kind
