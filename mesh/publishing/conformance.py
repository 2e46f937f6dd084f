"""Incoming batches as the contract's columns, and those as what is stored.

Owns the casts. Only safe widening is done; a value that a cast would change stops the publication
with `LossyCastError`, which the write path turns into a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, arrow_type, stored_schema
from mesh.contracts.model import Contract
from mesh.publishing.batch import Batch, batches_in, is_text, without_unused

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


class LossyCastError(Exception):
    """A value that cannot be kept in the promised type. Never leaves the write path."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        super().__init__(str(difference))


@dataclass(frozen=True)
class Conformance:
    """A contract's columns, as types to cast to: worked out once, and asked for by every batch."""

    contract: Contract

    @cached_property
    def stored_schema(self) -> pa.Schema:
        """The table's columns."""
        return stored_schema(self.contract)

    @cached_property
    def _promised(self) -> dict[str, pa.DataType]:
        return {column.name: arrow_type(column.type) for column in self.contract.columns}

    @cached_property
    def quarantine_schema(self) -> pa.Schema:
        """The quarantine's columns: the table's, and where each row came from."""
        return pa.schema([*self.stored_schema, *PROVENANCE])

    def logical(self, rows: pa.RecordBatch, offset: int) -> Batch:
        """Rows as the contract's columns, in the contract's order. Raises LossyCastError.

        Text stays in the form that it came in.
        """
        columns = []
        for name, target in self._promised.items():
            values = rows.column(name)
            if values.type != target and not (is_text(values.type) and pa.types.is_string(target)):
                values = _cast(values, target, name, offset)
            columns.append(values)
        return Batch(pa.RecordBatch.from_arrays(columns, names=list(self._promised)), offset)

    def stored(self, batch: Batch, keeps: pl.Series | None = None) -> pa.RecordBatch:
        """The rows of a batch that are kept, all unless told, in the types of the table's columns.

        Text stays in the form that it has, and may be a dictionary.
        """
        schema = self.stored_schema
        columns = []
        for name, values in zip(schema.names, batch.rows.columns, strict=True):
            told = batch.dictionaries.get(name, values)
            if not (pa.types.is_dictionary(told.type) or is_text(told.type)):
                told = _as_stored(told, schema.field(name).type)
            columns.append(told if keeps is None else _filtered(told, keeps))
        return pa.RecordBatch.from_arrays(columns, names=schema.names)

    def restored(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Stored rows as the contract's columns again."""
        durations = [c.name for c in self.contract.columns if c.type == "duration"]
        return rows.with_columns(pl.col(durations).cast(pl.Duration("us"))) if durations else rows

    def rejected(self, rows: pl.DataFrame) -> list[pa.RecordBatch]:
        """Rejected rows, with their provenance, as batches of the quarantine's columns."""
        return batches_in(self.quarantine_schema, rows)


def _filtered(values: pa.Array, keeps: pl.Series) -> pa.Array:
    if pa.types.is_string_view(values.type):  # which Arrow cannot filter
        kept = pl.Series(values).filter(keeps)
        return kept.to_arrow(compat_level=pl.CompatLevel.newest())
    return without_unused(values.filter(keeps.to_arrow()))


def _as_stored(values: pa.Array, target: pa.DataType) -> pa.Array:
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
