"""Rows by partition, and those that wait until there are enough to write.

Owns the splitting of a batch, and what is kept back: a row group of a few rows costs its readers
more than its rows do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa

from mesh.publishing.batch import without_unused

MAX_WAITING_BYTES = 96 * 1024 * 1024
"""What one worker keeps back at most. When it is more, the largest go until half of it is left."""
ROW_GROUP_ROWS = 65_536
"""Rows of a partition that are worth a row group of their own."""
_PLACE = "_mesh_place"
Partition = tuple[str | None, ...]
"""The values of the partition columns, as Delta writes them."""


def split(
    rows: pa.RecordBatch, schema: pa.Schema, by: Sequence[str]
) -> Iterator[tuple[tuple[object, ...], pa.RecordBatch]]:
    """Each partition's values, in the types of `schema`, with its rows without those columns."""
    values = [rows.column(name).cast(schema.field(name).type) for name in by]
    keys = pl.DataFrame(pa.RecordBatch.from_arrays(values, names=list(by)))
    grouped = keys.with_row_index(_PLACE).group_by(list(by), maintain_order=True).agg(_PLACE)
    inside = rows.select([name for name in rows.schema.names if name not in by])
    own = inside if grouped.height == 1 else _without_views(inside)
    places = grouped.get_column(_PLACE).to_arrow()
    for number, found in enumerate(grouped.drop(_PLACE).iter_rows()):
        yield found, _taken(own, places[number].values)


class WaitingRows:
    """Rows of partitions that one worker has not written yet."""

    def __init__(self) -> None:
        self._pieces: dict[Partition, list[pa.RecordBatch]] = {}
        self._rows: dict[Partition, int] = {}
        self._bytes: dict[Partition, int] = {}
        self._total = 0

    def add(self, partition: Partition, piece: pa.RecordBatch) -> None:
        """Keep rows back."""
        size = piece.nbytes
        self._pieces.setdefault(partition, []).append(piece)
        self._rows[partition] = self._rows.get(partition, 0) + piece.num_rows
        self._bytes[partition] = self._bytes.get(partition, 0) + size
        self._total += size

    def due(self) -> Iterator[tuple[Partition, pa.RecordBatch]]:
        """What is to be written now: enough for a row group, or too much to keep."""
        for partition in [p for p, count in self._rows.items() if count >= ROW_GROUP_ROWS]:
            yield partition, self._take(partition)
        if self._total <= MAX_WAITING_BYTES:
            return
        for partition in sorted(self._bytes, key=self._bytes.__getitem__, reverse=True):
            if self._total <= MAX_WAITING_BYTES // 2:
                return
            yield partition, self._take(partition)

    def rest(self) -> Iterator[tuple[Partition, pa.RecordBatch]]:
        """Everything that is left."""
        for partition in list(self._pieces):
            yield partition, self._take(partition)

    def _take(self, partition: Partition) -> pa.RecordBatch:
        pieces = self._pieces.pop(partition)
        del self._rows[partition]
        self._total -= self._bytes.pop(partition)
        return pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)


def _taken(rows: pa.RecordBatch, places: pa.Array) -> pa.RecordBatch:
    """Rows by their places, without a copy when they follow each other."""
    first, count = places[0].as_py(), len(places)
    is_run = places[-1].as_py() - first + 1 == count
    found = rows.slice(first, count) if is_run else rows.take(places)
    columns = [without_unused(column) for column in found.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _without_views(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows whose texts are their own: a view of one text keeps all texts of its batch in memory."""
    columns = [
        column.cast(pa.string()) if pa.types.is_string_view(column.type) else column
        for column in rows.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)
