"""Rows that a product promises to keep no longer: removed from what is published.

Owns which rows these are, by the product's retention. Files that hold no others are removed whole,
which is all there is to do where the table is partitioned by the column; the rest are rewritten.
Versions from before keep the rows until nothing holds them any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from mesh.lake import DataFile, Snapshot, Table
from mesh.publishing.stage import Stage
from mesh.settings import PublishingSettings
from mesh.upkeep.reporting import Work
from mesh.upkeep.rewriting import (
    UPKEEP_KEY,
    Rewrite,
    count,
    land_rewrites,
    rows_of,
    stage_for,
    without_some,
)
from mesh.upkeep.rewriting import stored_schema as columns_of


@dataclass(frozen=True, slots=True)
class OldRows:
    """The rows of one table whose `column` is before a moment."""

    table: Table
    part: str
    column: str
    before: datetime
    settings: PublishingSettings

    def plan(self) -> list[Work]:
        """How many rows would go."""
        snapshot = self.table.find()
        return self._work([] if snapshot is None else self._touched(snapshot))

    def apply(self) -> list[Work]:
        """Remove them in one commit."""
        snapshot = self.table.find()
        touched = [] if snapshot is None else self._touched(snapshot)
        if snapshot is None or not touched:
            return []
        stage = stage_for(snapshot, self.settings)
        try:
            rewrites = [self._rewrite(stage, file, old) for file, old in touched]
            told = {
                "action": "remove old rows",
                "rows": sum(rows for _, rows in touched),
                "column": self.column,
                "before": self.before.isoformat(),
            }
            landed = land_rewrites(
                stage, rewrites, metadata={UPKEEP_KEY: json.dumps(told)}, is_data_change=True
            )
        finally:
            stage.discard()
        done = {file.path for rewrite in landed for file in rewrite.removes}
        return self._work([(file, rows) for file, rows in touched if file.path in done])

    def _work(self, touched: list[tuple[DataFile, int]]) -> list[Work]:
        if not touched:
            return []
        return [
            Work(
                "remove old rows",
                self.part,
                f"{self.column} is before {self.before.date().isoformat()}",
                files=len(touched),
                bytes=sum(file.size for file, _ in touched),
                rows=sum(rows for _, rows in touched),
            )
        ]

    def _touched(self, snapshot: Snapshot) -> list[tuple[DataFile, int]]:
        """Files that hold old rows, and how many."""
        schema = columns_of(snapshot)
        if self.column not in schema.names:
            return []
        kind = schema.field(self.column).type
        limit = _limit(self.before, kind)
        found = []
        for file in snapshot.files:
            low = file.bounds.get(self.column, (None, None))[0]
            if type(low) is type(limit) and low >= limit:
                continue
            rows = self._old_rows(snapshot, file, pa.schema([schema.field(self.column)]))
            if rows:
                found.append((file, rows))
        return found

    def _old_rows(self, snapshot: Snapshot, file: DataFile, schema: pa.Schema) -> int:
        frame = rows_of(self.table, file, schema)
        if (
            self.column in snapshot.partition_by
        ):  # the value is the folder's: the same for every row
            is_old = frame.head(1).select(self._is_old(schema)).collect()
            return file.rows if is_old.height and is_old.item() else 0
        counted = frame.filter(self._is_old(schema)).select(pl.len())
        return int(counted.collect(engine="streaming").item())

    def _rewrite(self, stage: Stage, file: DataFile, old: int) -> Rewrite:
        rows = rows_of(stage.table, file, stage.schema)
        return without_some(
            stage,
            file,
            rows.filter(~self._is_old(stage.schema)),
            expected=count(rows) - old,
            batch_rows=self.settings.batch_rows,
        )

    def _is_old(self, schema: pa.Schema) -> pl.Expr:
        """Whether a row is too old; one without a time is not."""
        limit = _limit(self.before, schema.field(self.column).type)
        return (pl.col(self.column) < limit).fill_null(value=False)


def _limit(moment: datetime, kind: Any) -> date | datetime:
    """A moment as a column's type has it."""
    if pa.types.is_date(kind):
        return moment.astimezone(UTC).date()
    return moment if kind.tz is not None else moment.astimezone(UTC).replace(tzinfo=None)
