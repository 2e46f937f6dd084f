"""Incoming batches as the contract's columns, and those as what is stored.

Owns the casts. Only safe widening is done; a value that a cast would change stops the publication
with `LossyCastError`, which the write path turns into a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, arrow_type, stored_schema
from mesh.contracts.model import Contract

PROVENANCE = pa.schema(
    [
        pa.field("_mesh_rules", pa.list_(pa.string())),
        pa.field("_mesh_row", pa.int64()),
        pa.field("_mesh_run", pa.string()),
        pa.field("_mesh_publication", pa.string()),
        pa.field("_mesh_rejected_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""What the quarantine knows of a rejected row beside the row itself: the broken rules' ids, its
position in the data from 0, the run, the publication and the time."""


Stored = TypeVar("Stored", pa.Array, pa.ChunkedArray)


class LossyCastError(Exception):
    """A value that cannot be kept in the promised type. Never leaves the write path."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        super().__init__(str(difference))


@dataclass(frozen=True, slots=True)
class Conformance:
    """A contract's columns, as types to cast to."""

    contract: Contract

    @property
    def stored_schema(self) -> pa.Schema:
        """The table's columns."""
        return stored_schema(self.contract)

    @property
    def quarantine_schema(self) -> pa.Schema:
        """The quarantine's columns: the table's, and where each row came from."""
        return pa.schema([*self.stored_schema, *PROVENANCE])

    def logical(self, batch: pa.RecordBatch, offset: int) -> pa.RecordBatch:
        """A batch as the contract's columns, in the contract's order. Raises LossyCastError."""
        columns = []
        for column in self.contract.columns:
            values = batch.column(column.name)
            target = arrow_type(column.type)
            if values.type != target:
                values = _cast(values, target, column.name, offset)
            columns.append(values)
        return pa.RecordBatch.from_arrays(columns, names=list(self.contract.column_names))

    def stored(self, rows: pa.RecordBatch | pl.DataFrame) -> Iterator[pa.RecordBatch]:
        """Accepted rows as batches of the table's columns."""
        yield from _batches(rows, self.stored_schema)

    def restored(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Stored rows as the contract's columns again."""
        durations = [c.name for c in self.contract.columns if c.type == "duration"]
        return rows.with_columns(pl.col(durations).cast(pl.Duration("us"))) if durations else rows

    def rejected(self, rows: pl.DataFrame) -> Iterator[pa.RecordBatch]:
        """Rejected rows, with their provenance, as batches of the quarantine's columns."""
        yield from _batches(rows, self.quarantine_schema)


def _batches(rows: pa.RecordBatch | pl.DataFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    arrow = rows.to_arrow() if isinstance(rows, pl.DataFrame) else rows
    columns = [_as_stored(arrow.column(name), schema.field(name).type) for name in schema.names]
    if isinstance(arrow, pa.RecordBatch):
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
    else:
        yield from pa.table(columns, schema=schema).combine_chunks().to_batches()


def _as_stored(values: Stored, target: pa.DataType) -> Stored:
    return values if values.type == target else values.cast(target)


def _cast(values: pa.Array, target: pa.DataType, column: str, offset: int) -> pa.Array:
    try:
        return _fitting(values, target)
    except pa.ArrowInvalid as error:
        text = str(error).splitlines()[0]
        raise LossyCastError(
            Difference(
                column,
                str(target),
                str(values.type),
                f"a value from row {offset:,} on would be changed: {text}",
                is_quoting=True,
            )
        ) from error


def _fitting(values: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        return values.cast(target)
    except pa.ArrowNotImplementedError:
        # Arrow cannot decode a dictionary of string views, which is how Polars exports an Enum.
        wanted = pl.Series(pa.array([], target)).dtype
        return pl.Series(values).cast(wanted).to_arrow().cast(target)
    except pa.ArrowInvalid:
        # A slice of a column of more than 2 GiB keeps offsets that do not fit, though its texts do.
        return values.take(pa.array(range(len(values)))).cast(target)
