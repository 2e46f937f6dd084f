"""A data file that is being written: Parquet, with what Delta wants to know of it.

Owns one file from its first row group to its footer. What is abandoned is never whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

import pyarrow as pa

from mesh.errors import StorageError
from mesh.lake import StagedFile, Table
from mesh.lake.failures import storage_errors
from mesh.publishing.batch import is_text
from mesh.publishing.encoding import Encoding
from mesh.publishing.statistics import TextStatistics, delta_statistics


class OpenFile:
    """A Parquet file that is being written. `schema` is that of its first rows."""

    def __init__(
        self,
        table: Table,
        path: str,
        partition: Mapping[str, str | None],
        schema: pa.Schema,
        encoding: Encoding,
        unbounded: Collection[str],
    ) -> None:
        self._url = table.url
        self._path = path
        self._partition = partition
        self._schema = schema
        self._unbounded = unbounded
        self._texts = {
            field.name: TextStatistics()
            for field in schema
            if field.name not in encoding.measured
            and (is_text(field.type) or pa.types.is_dictionary(field.type))
        }
        with storage_errors(self._url):
            self._sink = table.store.open_output(path)
            self._writer = encoding.writer(self._sink, schema)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return int(self._sink.tell())

    def write(self, rows: pa.RecordBatch) -> None:
        """Write rows as a row group."""
        rows = rows if rows.schema.equals(self._schema) else rows.cast(self._schema)
        for name, found in self._texts.items():
            found.add(rows.column(name))
        with storage_errors(self._url):
            self._writer.write_batch(rows)

    def close(self) -> StagedFile:
        """Make it whole."""
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
            statistics=delta_statistics(
                footer, self._schema, self._texts, without_bounds=self._unbounded
            ),
        )

    def abandon(self) -> None:
        """Close without making it whole."""
        self._writer.is_open = False  # a footer would make a torn file look whole
        with suppress(StorageError), storage_errors(self._url):
            self._sink.abort()
