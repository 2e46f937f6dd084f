"""The keys that a publication deletes, on a stage of their own.

Owns what is kept of a row that deletes, and what happens when the same key is written, too. Of
one's own condition that refuses: which would stay? In a change data feed it is an update, told as
what the row was and what it is, and the row stays, unless the feed itself says that the delete came
later. For that, the keys of a feed's other rows are kept beside those that delete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import stored_schema
from mesh.contracts.model import Contract
from mesh.naming import COMMIT_VERSION
from mesh.publishing.conformance import Conformance
from mesh.publishing.modes.search import MAX_SAMPLES, in_parts
from mesh.publishing.stage import Stage, StageWriter

_VERSION, _WRITTEN = "_mesh_version", "_mesh_is_written"


@dataclass(frozen=True, slots=True)
class Clashes:
    """Rows that are written under a key that is deleted: how many, and the first of their keys."""

    rows: int
    samples: pl.DataFrame


@dataclass(slots=True)
class Deletes:
    """Keys, by what is said of them. `is_feed` when rows of a change data feed say it."""

    stage: Stage
    contract: Contract
    is_feed: bool
    _writer: StageWriter | None = field(default=None, init=False)
    _keys: Conformance = field(init=False)

    def __post_init__(self) -> None:
        """Work out once how a key is stored."""
        self._keys = Conformance(self.contract)

    @staticmethod
    def schema_of(contract: Contract, key: tuple[str, ...]) -> pa.Schema:
        """The columns of the stage."""
        said = [pa.field(_VERSION, pa.int64()), pa.field(_WRITTEN, pa.bool_())]
        return pa.schema([*stored_schema(_narrow(contract, key)), *said])

    @classmethod
    def on(cls, stage: Stage, contract: Contract, *, is_feed: bool) -> Self:
        """Deletes under the key that the stage has columns for."""
        key = tuple(name for name in stage.schema.names if name not in {_VERSION, _WRITTEN})
        return cls(stage, _narrow(contract, key), is_feed)

    @property
    def key(self) -> list[str]:
        """What tells a row from another."""
        return list(self.contract.column_names)

    def add(self, rows: pa.RecordBatch, offset: int, *, is_written: bool) -> None:
        """Keep the keys of rows. Raises LossyCastError."""
        kept = self._keys.stored(self._keys.logical(rows, offset))
        there = COMMIT_VERSION in rows.schema.names
        told = rows.column(COMMIT_VERSION) if there else pa.nulls(rows.num_rows, pa.int64())
        written = pa.repeat(pa.scalar(is_written), rows.num_rows)
        columns = [*kept.columns, told.cast(pa.int64()), written]
        if self._writer is None:
            self._writer = self.stage.writer("deletes")
        names = self.stage.schema.names
        self._writer.write(pa.RecordBatch.from_arrays(columns, names=names))

    def close(self) -> None:
        """There is no more."""
        if self._writer is not None:
            self._writer.close()

    def abandon(self) -> None:
        """There will be no more, and what there is does not count."""
        if self._writer is not None:
            self._writer.abandon()

    def parts(self, budget: int) -> Iterator[pl.DataFrame]:
        """The keys to delete, in parts of about `budget` bytes, without those written again."""
        if not self.stage.files:
            return
        for part in in_parts(self._deleted.select(self.key), budget):
            yield part if not self.is_feed else self._without_written(part)

    def without_written(self, keys: pl.LazyFrame) -> pl.LazyFrame:
        """Of rows of the stage, the keys that are deleted and not written again."""
        gone = keys.filter(~pl.col(_WRITTEN)).select(self.key)
        again = keys.filter(pl.col(_WRITTEN)).select(self.key)
        return gone.join(again, on=self.key, how="anti", nulls_equal=True)

    def clashes(self, written: pl.LazyFrame, budget: int) -> Clashes | None:
        """Rows that are written although their key is deleted, and must not be; None for none."""
        if not self.stage.files:
            return None
        rows, samples = 0, pl.DataFrame()
        for part in in_parts(self._deleted.select(*self.key, _VERSION), budget):
            both = self._both(written, part)
            rows += both.height
            samples = pl.concat([samples, both.head(MAX_SAMPLES)], how="diagonal")
        return Clashes(rows, samples.head(MAX_SAMPLES)) if rows else None

    @property
    def _deleted(self) -> pl.LazyFrame:
        return self.stage.rows().filter(~pl.col(_WRITTEN))

    @property
    def _written(self) -> pl.LazyFrame:
        return self.stage.rows().filter(pl.col(_WRITTEN))

    def _without_written(self, part: pl.DataFrame) -> pl.DataFrame:
        again = (
            self._written.select(self.key)
            .join(part.lazy(), on=self.key, how="semi", nulls_equal=True)
            .collect(engine="streaming")
        )
        return part.join(again, on=self.key, how="anti", nulls_equal=True)

    def _both(self, written: pl.LazyFrame, part: pl.DataFrame) -> pl.DataFrame:
        if not self.is_feed:
            both = written.select(self.key).join(
                part.lazy(), on=self.key, how="semi", nulls_equal=True
            )
            return both.collect(engine="streaming")
        later = part.group_by(self.key).agg(pl.col(_VERSION).max().alias("_mesh_deleted"))
        both = (
            self._written.join(later.lazy(), on=self.key, nulls_equal=True)
            .filter(pl.col("_mesh_deleted") > pl.col(_VERSION))
            .select(self.key)
        )
        return both.collect(engine="streaming")


def _narrow(contract: Contract, key: tuple[str, ...]) -> Contract:
    return replace(contract, columns=tuple(contract.column(name) for name in key), rules=())
