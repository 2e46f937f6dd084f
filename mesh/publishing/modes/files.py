"""Data files of a table, read in pieces and in the columns that are stored today.

Owns which files, and which row groups of a file, can hold values of a range: by the bounds of the
commit, of the partition and of the Parquet footer. Where bounds might not say all, they are not
believed. Keeps one batch in memory for each file that is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mesh.lake import DataFile, Table
from mesh.lake.failures import storage_errors
from mesh.lake.partitions import partition_value

_MILLISECOND = timedelta(milliseconds=1)

Range = tuple[Any, Any] | None
"""Lowest and highest value; None where there is no telling."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """How the files of one table are read. `schema` holds every stored column."""

    table: Table
    schema: pa.Schema
    partition_by: Sequence[str]

    @contextmanager
    def open(self, file: DataFile, encoded: Sequence[str] = ()) -> Iterator[OpenFile]:
        """A committed data file, read with `encoded` columns as dictionaries."""
        with storage_errors(f"{self.table.url}/{file.path}"):
            source = self.table.store.open_input(file.path, file.size)
            try:
                parquet = pq.ParquetFile(
                    source,
                    pre_buffer=True,
                    read_dictionary=list(encoded),
                    coerce_int96_timestamp_unit="us",
                )
                yield OpenFile(self, file, parquet, frozenset(encoded))
            finally:
                source.close()

    def may_hold(self, file: DataFile, ranges: Mapping[str, Range]) -> bool:
        """Whether a file can have a row within every one of these ranges."""
        return all(may_overlap(self._bounds(file, name), wanted) for name, wanted in ranges.items())

    def _bounds(self, file: DataFile, name: str) -> Range:
        if name not in self.partition_by:
            return file.bounds.get(name)
        value = partition_value(file.partition_values.get(name), self.schema.field(name).type)
        return None if value is None else (value, value)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A data file that is being read."""

    files: TableFiles
    file: DataFile
    parquet: pq.ParquetFile
    encoded: frozenset[str] = frozenset()

    @property
    def dictionaries(self) -> list[str]:
        """Columns of texts that the file keeps as dictionaries: cheaper to copy as they are."""
        texts = {f.name for f in self.files.schema if pa.types.is_string(f.type)}
        found: dict[str, bool] = {}
        for group in self.groups:
            chunks = self.parquet.metadata.row_group(group)
            for number in range(chunks.num_columns):
                chunk = chunks.column(number)
                name = chunk.path_in_schema
                found[name] = found.get(name, True) and chunk.has_dictionary_page
        return [name for name, is_one in found.items() if is_one and name in texts]

    @property
    def groups(self) -> range:
        """The row groups, by number."""
        return range(self.parquet.num_row_groups)

    def rows_of(self, group: int) -> int:
        """How many rows a row group has."""
        return int(self.parquet.metadata.row_group(group).num_rows)

    def range_of(self, group: int, column: str) -> Range:
        """The bounds of a column in a row group; None with nulls, and where they are not kept."""
        if column in self.files.partition_by:
            return None
        found = self.parquet.metadata.row_group(group)
        for number in range(found.num_columns):
            chunk = found.column(number)
            if chunk.path_in_schema == column:
                known = chunk.statistics if chunk.is_stats_set else None
                is_whole = known is not None and known.has_min_max and known.null_count == 0
                return _values(known) if is_whole else None
        return None

    def batches(
        self, groups: Sequence[int], columns: Sequence[str], batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Rows of some row groups in the stored types; a column that the file lacks is null."""
        there = set(self.parquet.schema_arrow.names)
        wanted = [name for name in columns if name in there]
        read = self.parquet.iter_batches(
            batch_rows, row_groups=list(groups), columns=wanted, use_threads=False
        )
        for batch in read:
            yield self._stored(batch, columns)

    def _stored(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        schema = pa.schema([self._field(name) for name in columns])
        arrays = [self._column(batch, field) for field in schema]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _field(self, name: str) -> pa.Field:
        found = self.files.schema.field(name)
        if name not in self.encoded:
            return found
        return found.with_type(pa.dictionary(pa.int32(), found.type))

    def _column(self, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
        if field.name in self.files.partition_by:
            text = self.file.partition_values.get(field.name)
            value = pa.scalar(partition_value(text, field.type), field.type)
            return pa.repeat(value, batch.num_rows)
        if field.name not in batch.schema.names:
            return pa.nulls(batch.num_rows, field.type)
        values = batch.column(field.name)
        if values.type == field.type:
            return values
        if field.name in self.encoded:
            return values.cast(field.type.value_type).dictionary_encode()
        return values.cast(field.type)


def range_of(values: pl.Series) -> Range:
    """Lowest and highest; None where they would not say all: nulls and NaN lie outside of them."""
    if values.has_nulls() or (values.dtype.is_float() and values.is_nan().any()):
        return None
    try:
        return values.min(), values.max()
    except (OverflowError, ValueError):  # a time outside of Python's calendar
        return None


def may_overlap(bounds: Range, wanted: Range) -> bool:
    """Whether two ranges overlap, as far as that is certain."""
    if bounds is None or wanted is None or type(bounds[0]) is not type(wanted[0]):
        return True
    low, high = bounds
    if low is None or high is None or isinstance(low, Decimal):  # other writers round decimals
        return True
    if isinstance(high, datetime):
        if (high.tzinfo is None) != (wanted[0].tzinfo is None):
            return True
        return bool(wanted[0] - high < _MILLISECOND and wanted[1] >= low)  # others cut the rest
    return bool(wanted[0] <= high and wanted[1] >= low)


def _values(known: pq.Statistics) -> Range:
    try:
        return known.min, known.max
    except (OverflowError, ValueError):  # a time outside of Python's calendar
        return None
