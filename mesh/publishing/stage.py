"""Staging: accepted rows as Parquet files where the table lives, seen by nobody yet.

Owns the files' names, layout and encoding. Each worker writes files of its own, one a partition; a
file is closed at the target size. What is not committed is discarded, or left for maintenance when
the process dies.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mesh.contracts.arrow import Difference, type_name
from mesh.errors import StorageError
from mesh.lake import StagedFile, Table
from mesh.lake.partitions import folder_of, partition_text, partition_value, why_no_partition
from mesh.lake.store import storage_errors
from mesh.publishing.conformance import LossyCastError
from mesh.publishing.statistics import delta_statistics

STAGED_NAME = re.compile(
    r"part-(?P<attempt>(?P<publication>[0-9a-f]{32})-[0-9a-f]{8})-\w+-\d+\.parquet"
)
"""Name of a staged file: publication, attempt, worker and number.

Two processes that attempt the same publication at once never write to the same file."""
MAX_OPEN_FILES = 64
"""Partitions that one worker writes to at a time; the least recently used is closed first."""
_DICTIONARY_SHARE = 0.25
_SHOWN = 80


@dataclass(slots=True)
class Stage:
    """The staged files of one publication of one table. Used from many threads.

    `schema` holds every stored column; those in `partition_by` go into the files' places, not into
    the files.
    """

    table: Table
    schema: pa.Schema
    partition_by: Sequence[str]
    publication: str
    file_bytes: int
    attempt: str = ""
    _files: list[StagedFile] = field(default_factory=list)
    _opened: list[str] = field(default_factory=list)
    _is_kept: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Name the attempt: the publication, and what tells it from others at the same."""
        self.attempt = self.attempt or f"{self.publication}-{uuid.uuid4().hex[:8]}"

    def writer(self, worker: str) -> StageWriter:
        """A writer for one thread."""
        return StageWriter(self, worker)

    def opened(self, path: str) -> None:
        """Note that a file was begun, so that it can be discarded."""
        with self._lock:
            self._opened.append(path)

    def closed(self, file: StagedFile) -> None:
        """Note that a file is whole."""
        with self._lock:
            self._files.append(file)

    @property
    def files(self) -> tuple[StagedFile, ...]:
        """The files that are whole, by path."""
        return tuple(sorted(self._files, key=lambda file: file.path))

    def rows(self) -> pl.LazyFrame:
        """The staged rows, partition columns included, as they are stored."""
        return scan_files(self.table, self.schema, self.partition_by, self.files)

    def beside(self) -> Stage:
        """An empty stage of the same attempt."""
        return replace(self, _files=[], _opened=[], _is_kept=False, _lock=threading.Lock())

    def keep(self, *, is_kept: bool = True) -> None:
        """From now on delete nothing: a version shows these files, or may come to show them."""
        self._is_kept = is_kept

    def discard(self) -> None:
        """Delete what was staged, unless it is kept. The table was never touched."""
        if self._is_kept:
            return
        with self._lock:
            paths, self._opened, self._files = self._opened, [], []
        self.table.store.delete(paths)

    @property
    def file_schema(self) -> pa.Schema:
        """The columns that are inside the files."""
        return pa.schema([f for f in self.schema if f.name not in self.partition_by])


class StageWriter:
    """Writes one thread's share of the rows."""

    def __init__(self, stage: Stage, worker: str) -> None:
        self.stage = stage
        self._worker = worker
        self._open: OrderedDict[tuple[str | None, ...], _OpenFile] = OrderedDict()
        self._count = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch in the stored schema."""
        for values, piece in self._parts(batch):
            file = self._file(values, piece)
            file.write(piece)
            if file.size >= self.stage.file_bytes:
                self._close(values)

    def close(self) -> None:
        """Make every open file whole."""
        for values in list(self._open):
            self._close(values)

    def abandon(self) -> None:
        """Close without making anything whole."""
        for file in self._open.values():
            file.abandon()
        self._open.clear()

    def _parts(
        self, batch: pa.RecordBatch
    ) -> Iterator[tuple[tuple[str | None, ...], pa.RecordBatch]]:
        if not self.stage.partition_by:
            yield (), batch
            return
        frame = pl.DataFrame(batch)
        keys = list(self.stage.partition_by)
        for piece in frame.partition_by(keys, maintain_order=True):
            first = piece.select(keys).row(0)
            arrow = piece.drop(keys).to_arrow().cast(self.stage.file_schema)
            values = self._texts(first)
            for part in arrow.combine_chunks().to_batches():
                yield values, part

    def _texts(self, values: tuple[object, ...]) -> tuple[str | None, ...]:
        """Partition values as text. Raises LossyCastError for one that would not come back."""
        texts = tuple(partition_text(value) for value in values)
        for name, text in zip(self.stage.partition_by, texts, strict=True):
            if reason := why_no_partition(name, text):
                promised = type_name(self.stage.schema.field(name).type)
                found = repr(text)[:_SHOWN]
                raise LossyCastError(Difference(name, promised, found, reason, is_quoting=True))
        return texts

    def _file(self, values: tuple[str | None, ...], first: pa.RecordBatch) -> _OpenFile:
        if values in self._open:
            self._open.move_to_end(values)
            return self._open[values]
        if len(self._open) >= MAX_OPEN_FILES:
            self._close(next(iter(self._open)))
        self._count += 1
        stage = self.stage
        name = f"part-{stage.attempt}-{self._worker}-{self._count:05d}.parquet"
        partition = dict(zip(stage.partition_by, values, strict=True))
        path = f"{folder_of(partition)}{name}"
        stage.opened(path)
        self._open[values] = _OpenFile(stage.table, path, partition, first)
        return self._open[values]

    def _close(self, values: tuple[str | None, ...]) -> None:
        self.stage.closed(self._open.pop(values).close())


class _OpenFile:
    """A Parquet file that is being written."""

    def __init__(
        self,
        table: Table,
        path: str,
        partition: Mapping[str, str | None],
        first: pa.RecordBatch,
    ) -> None:
        self._url = table.url
        self._path = path
        self._partition = partition
        self._schema = first.schema
        with storage_errors(self._url):
            self._sink = table.store.open_output(path)
            self._writer = pq.ParquetWriter(
                self._sink,
                first.schema,
                compression="snappy",
                use_dictionary=_dictionary_columns(first),
                write_statistics=True,
            )

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return int(self._sink.tell())

    def write(self, batch: pa.RecordBatch) -> None:
        with storage_errors(self._url):
            self._writer.write_batch(batch)

    def close(self) -> StagedFile:
        with storage_errors(self._url):
            self._writer.close()
            size = self.size
            self._sink.close()
        footer = self._writer.writer.metadata
        return StagedFile(
            path=self._path,
            size=size,
            rows=footer.num_rows,
            partition_values=self._partition,
            statistics=delta_statistics(footer, self._schema),
        )

    def abandon(self) -> None:
        self._writer.is_open = False  # a footer would make a torn file look whole
        with suppress(StorageError), storage_errors(self._url):
            self._sink.close()  # an upload that is never closed stays in the bucket, unseen


def scan_files(
    table: Table,
    schema: pa.Schema,
    partition_by: Sequence[str],
    files: Sequence[StagedFile],
    *,
    is_complete: bool = True,
) -> pl.LazyFrame:
    """The rows of data files with the columns of `schema`, partition columns included.

    Files that may lack columns, since a later minor version added them, are not `is_complete`:
    their rows have nulls there.
    """
    empty = pl.DataFrame(schema.empty_table())
    inside = {n: t for n, t in empty.schema.items() if n not in partition_by}
    frames = []
    for file in files:
        values = [
            pl.lit(
                partition_value(file.partition_values[name], schema.field(name).type),
                dtype=empty.schema[name],
            ).alias(name)
            for name in partition_by
        ]
        frame = pl.scan_parquet(
            f"{table.root}/{file.path}",
            storage_options=dict(table.options) or None,
            hive_partitioning=False,
            glob=False,
            schema=None if is_complete else inside,
            missing_columns="raise" if is_complete else "insert",
        )
        frames.append(frame.with_columns(values).select(schema.names))
    return pl.concat(frames) if frames else empty.lazy()


def _dictionary_columns(batch: pa.RecordBatch) -> list[str]:
    """Columns whose first batch repeats itself: only they gain from a dictionary."""
    if not batch.num_rows:
        return []
    flat = [f.name for f in batch.schema if not pa.types.is_nested(f.type)]
    counts = pl.DataFrame(batch.select(flat)).select(pl.all().approx_n_unique())
    limit = max(batch.num_rows * _DICTIONARY_SHARE, 1)
    return [name for name, count in zip(flat, counts.row(0), strict=True) if count <= limit]
