"""Staging: accepted rows as Parquet files where the table lives, seen by nobody yet.

Owns the files' names and layout. Each worker writes files of its own, one a partition; a file is
closed at the target size. What is not committed is discarded, or left for maintenance when
the process dies.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, type_name
from mesh.lake import StagedFile, Table
from mesh.lake.partitions import folder_of, partition_text, why_no_partition
from mesh.lake.scanning import rows_in
from mesh.publishing.conformance import LossyCastError
from mesh.publishing.data_file import OpenFile
from mesh.publishing.encoding import Encoding, encoding_of
from mesh.publishing.partitioning import Partition, WaitingRows, split

STAGED_NAME = re.compile(
    r"part-(?P<attempt>(?P<publication>[0-9a-f]{32})-[0-9a-f]{8})-\w+-\d+\.parquet"
)
"""Name of a staged file: publication, attempt, worker and number.

Two processes that attempt the same publication at once never write to the same file."""
MAX_OPEN_FILES = 64
"""Partitions that one worker writes to at a time; the least recently used is closed first."""
_SHOWN = 80


@dataclass(slots=True)
class Stage:
    """The staged files of one publication of one table. Used from many threads.

    `schema` holds every stored column; those in `partition_by` go into the files' places, not into
    the files. Columns in `filtered_by` have statistics, whatever they cost; bounds of those in
    `unbounded` are told to nobody.
    """

    table: Table
    schema: pa.Schema
    partition_by: Sequence[str]
    publication: str
    file_bytes: int
    attempt: str = ""
    filtered_by: frozenset[str] = frozenset()
    unbounded: frozenset[str] = frozenset()
    _encoding: Encoding | None = None
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

    def encoding(self, first: pa.RecordBatch) -> Encoding:
        """How every file is encoded: chosen once, by the rows that came first."""
        with self._lock:
            if self._encoding is None:
                self._encoding = encoding_of(first, self.filtered_by)
            return self._encoding

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
        if not self.files:
            return pl.DataFrame(self.schema.empty_table()).lazy()
        return pl.concat(
            rows_in(self.table, [file.path], file.partition_values, self.schema)
            for file in self.files
        )

    def beside(self) -> Stage:
        """An empty stage of the same attempt."""
        return replace(
            self,
            _encoding=None,
            _files=[],
            _opened=[],
            _is_kept=False,
            _lock=threading.Lock(),
        )

    def keep(self, *, is_kept: bool = True) -> None:
        """From now on delete nothing: a version shows these files, or may come to show them."""
        self._is_kept = is_kept

    @property
    def is_kept(self) -> bool:
        """Whether nothing is to be deleted any more."""
        return self._is_kept

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
        self._open: OrderedDict[Partition, OpenFile] = OrderedDict()
        self._waiting = WaitingRows()
        self._count = 0

    def write(self, rows: pa.RecordBatch) -> None:
        """Write rows in the stored columns; texts may be in any form."""
        if not rows.num_rows:
            return
        if not self.stage.partition_by:
            self._write((), rows)
            return
        for values, piece in split(rows, self.stage.schema, self.stage.partition_by):
            self._waiting.add(self._texts(values), piece)
        self._write_due()

    def write_part(self, partition: Partition, rows: pa.RecordBatch) -> None:
        """Write rows of one partition, without the partition's columns."""
        if not self.stage.partition_by:
            self._write((), rows)
            return
        self._waiting.add(partition, rows)
        self._write_due()

    def close(self) -> None:
        """Make every open file whole."""
        for partition, together in self._waiting.rest():
            self._write(partition, together)
            self._close(partition)
        for partition in list(self._open):
            self._close(partition)

    def abandon(self) -> None:
        """Close without making anything whole."""
        for file in self._open.values():
            file.abandon()
        self._open.clear()
        self._waiting = WaitingRows()

    def _write_due(self) -> None:
        for partition, together in self._waiting.due():
            self._write(partition, together)

    def _write(self, partition: Partition, rows: pa.RecordBatch) -> None:
        file = self._file(partition, rows)
        file.write(rows)
        if file.size >= self.stage.file_bytes:
            self._close(partition)

    def _texts(self, values: tuple[object, ...]) -> Partition:
        """Partition values as text. Raises LossyCastError for one that would not come back."""
        texts = tuple(partition_text(value) for value in values)
        for name, text in zip(self.stage.partition_by, texts, strict=True):
            if reason := why_no_partition(name, text):
                promised = type_name(self.stage.schema.field(name).type)
                found = repr(text)[:_SHOWN]
                raise LossyCastError(Difference(name, promised, found, reason, is_quoting=True))
        return texts

    def _file(self, values: Partition, first: pa.RecordBatch) -> OpenFile:
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
        self._open[values] = OpenFile(
            stage.table, path, partition, first.schema, stage.encoding(first), stage.unbounded
        )
        return self._open[values]

    def _close(self, values: Partition) -> None:
        if values in self._open:
            self.stage.closed(self._open.pop(values).close())
