"""What a write mode takes in beyond the contract's columns, and what it does not ask for.

Owns the rows that delete: they are told from the others before the gate, and only their keys are
kept, on a stage of their own. Columns that only say what is to be deleted are never stored. A
period's end is Mesh's to compute, so it may be missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import Difference, arrow_type, differences, normal_type
from mesh.contracts.model import Contract
from mesh.errors import GateError
from mesh.naming import CHANGE_COLUMNS, CHANGE_TYPE, PREIMAGE
from mesh.products.modes import SlowlyChanging, Upsert, WriteMode
from mesh.publishing.conformance import LossyCastError
from mesh.publishing.modes.deletes import Deletes


@dataclass(slots=True)
class Incoming:
    """One publication's data on its way to the gate. `deletes` takes the keys of deleted rows."""

    contract: Contract
    mode: WriteMode
    deletes: Deletes | None = None

    def differences(self, schema: pa.Schema) -> tuple[Difference, ...]:
        """Every way in which the incoming columns cannot be published."""
        markers = self._markers
        missing = [
            Difference(name, "a column for delete_when", "no such column", "the transform drops it")
            for name in self._named
            if name not in schema.names
        ]
        promised = self.contract.column_names
        kept = [f for f in schema if f.name in promised or f.name not in markers]
        return (*differences(self.contract, self._completed(pa.schema(kept))), *missing)

    def rows(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows that are to be written. Raises LossyCastError and GateError."""
        if self.deletes is None:
            yield from batches
            return
        offset = 0
        try:
            for batch in batches:
                yield from self._kept(batch, offset)
                offset += batch.num_rows
            self.deletes.close()
        except BaseException:
            self.deletes.abandon()
            raise

    @property
    def is_feed(self) -> bool:
        """Whether what happened to a row is told as Delta's change data feed tells it."""
        return CHANGE_TYPE in self._named

    @property
    def _condition(self) -> pl.Expr | None:
        mode = self.mode
        if not isinstance(mode, Upsert | SlowlyChanging) or mode.delete_when is None:
            return None
        said = mode.delete_when
        return pl.col(said) if isinstance(said, str) else said

    @property
    def _named(self) -> tuple[str, ...]:
        """Columns that decide what is deleted."""
        condition = self._condition
        return () if condition is None else tuple(dict.fromkeys(condition.meta.root_names()))

    @property
    def _markers(self) -> frozenset[str]:
        """Columns that may come along and are not stored."""
        named = self._named
        return frozenset((*named, *CHANGE_COLUMNS)) if named else frozenset()

    def _completed(self, schema: pa.Schema) -> pa.Schema:
        """The schema, with the period's end when it is left out."""
        end = self._end
        if end is None or end.name in schema.names:
            return schema
        return schema.append(end)

    @property
    def _end(self) -> pa.Field | None:
        if not isinstance(self.mode, SlowlyChanging):
            return None
        name = self.mode.valid_to
        return pa.field(name, arrow_type(self.contract.column(name).type))

    def _kept(self, batch: pa.RecordBatch, offset: int) -> Iterator[pa.RecordBatch]:
        batch = self._without_deletes(batch, offset)
        end = self._end
        if end is not None and end.name not in batch.schema.names:
            batch = batch.append_column(end, pa.nulls(batch.num_rows, end.type))
        elif end is not None and batch.column(end.name).null_count < batch.num_rows:
            hint = "leave it out: Mesh computes it from the next change"
            raise LossyCastError(Difference(end.name, "no value", "values", hint))
        if batch.num_rows:
            yield batch

    def _without_deletes(self, batch: pa.RecordBatch, offset: int) -> pa.RecordBatch:
        condition = self._condition
        if condition is None or self.deletes is None or not batch.num_rows:
            return batch
        deleted = self._deleted(batch, condition)
        if self.is_feed:
            return self._without_changes(batch, deleted, offset)
        if not deleted.any():
            return batch
        self.deletes.add(_filtered(batch, deleted), offset, is_written=False)
        return _filtered(batch, ~deleted)

    def _without_changes(
        self, batch: pa.RecordBatch, deleted: pl.Series, offset: int
    ) -> pa.RecordBatch:
        """A feed's rows that say what is. What a row was is deleted, or no news in a history."""
        if self.deletes is None:
            return batch
        before = pl.Series(batch.column(CHANGE_TYPE), dtype=pl.String).eq_missing(PREIMAGE)
        gone = deleted if isinstance(self.mode, SlowlyChanging) else deleted | before
        passed = ~(deleted | before)
        if gone.any():
            self.deletes.add(_filtered(batch, gone), offset, is_written=False)
        kept = batch if passed.all() else _filtered(batch, passed)
        self.deletes.add(kept, offset, is_written=True)
        return kept

    def _deleted(self, batch: pa.RecordBatch, condition: pl.Expr) -> pl.Series:
        """Which rows delete. One whose key is null where it must not be does not: it is checked."""
        keyed = [name for name in self._on if not self.contract.column(name).is_nullable]
        names = list(dict.fromkeys([*self._named, *keyed]))
        frame = pl.DataFrame(batch.select(names))
        has_key = [pl.col(name).is_not_null() for name in keyed]
        try:
            found = frame.select(condition.alias("_mesh_deleted"), *_and(has_key)).to_dict()
        except pl.exceptions.PolarsError as error:
            raise _undecided(str(error)) from error
        deleted = found["_mesh_deleted"]
        if deleted.dtype == pl.Null:
            return pl.Series([False]).new_from_index(0, batch.num_rows)
        if deleted.dtype != pl.Boolean:
            raise _undecided(f"it is {deleted.dtype}, not true or false")
        return deleted.fill_null(value=False) & found["_mesh_keyed"]

    @property
    def _on(self) -> Sequence[str]:
        return self.mode.on if isinstance(self.mode, Upsert | SlowlyChanging) else ()


def _filtered(batch: pa.RecordBatch, wanted: pl.Series) -> pa.RecordBatch:
    mask = pa.array(wanted.to_numpy())
    try:
        return batch.filter(mask)
    except pa.ArrowNotImplementedError:  # Arrow 26 takes nothing out of views of texts
        columns = [
            values if pa.types.is_dictionary(values.type) else values.cast(normal_type(values.type))
            for values in batch.columns
        ]
        return pa.RecordBatch.from_arrays(columns, names=batch.schema.names).filter(mask)


def _and(conditions: Sequence[pl.Expr]) -> list[pl.Expr]:
    whole = pl.all_horizontal(conditions) if conditions else pl.lit(value=True)
    return [whole.alias("_mesh_keyed")]


def _undecided(why: str) -> GateError:
    return GateError(
        f"delete_when cannot be decided: {why.splitlines()[0]}",
        hint="try the expression in a test with a small frame",
    )
