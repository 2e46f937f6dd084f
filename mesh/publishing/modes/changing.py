"""The history of what changes slowly: from files to periods and back.

Owns which stored periods are looked at: those of the keys that are told of, as far as they had not
ended before the first thing that is told. Events that changed nothing are kept in a table beside
the product, as key and moment: without them, late input could not be put in its place (see
`modes.timeline`). Keys are worked on in groups by hash, each in memory: what is told of its keys,
and their periods from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from mesh.catalog.receipts import transaction_of
from mesh.lake import DataFile, Snapshot
from mesh.products.modes import SlowlyChanging
from mesh.publishing.batch import batches_in
from mesh.publishing.modes.deletes import Deletes
from mesh.publishing.modes.files import TableFiles
from mesh.publishing.modes.search import Found, Hits, Search
from mesh.publishing.modes.timeline import Timeline
from mesh.publishing.stage import Stage, StageWriter
from mesh.settings import PublishingSettings

GROUP_BYTES = 64 * 1024 * 1024
"""Staged Parquet that one group of keys has, about: in memory it is several times that."""
PUBLICATION = "_mesh_publication"
_HISTORY, _KEY = b"mesh.history", b"key"
"""What a column's metadata says of its part in a history."""


def silent_schema(keyed: pa.Schema, mode: SlowlyChanging) -> pa.Schema:
    """The columns of the table of events that changed nothing, given those of key and moment."""
    key = (keyed.field(name) for name in mode.key)
    marked = [field.with_metadata({**(field.metadata or {}), _HISTORY: _KEY}) for field in key]
    return pa.schema([*marked, keyed.field(mode.valid_from), pa.field(PUBLICATION, pa.string())])


def is_key_of_history(column: pa.Field) -> bool:
    """Whether a column of that table is one of the key, rather than the moment."""
    return bool((column.metadata or {}).get(_HISTORY) == _KEY)


@dataclass(slots=True)
class HistoryChange:
    """What becomes of the table: rows of its files that are removed, and how many periods ended."""

    removed: dict[str, Hits] = field(default_factory=dict)
    ended: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The periods of one table at a version, and the events beside it that changed nothing.

    `silent` takes new ones of these.
    """

    mode: SlowlyChanging
    files: TableFiles
    settings: PublishingSettings
    base: Snapshot | None
    silent: Stage

    def merge(self, told: Stage, ends: Deletes, rewritten: Stage, name: str) -> HistoryChange:
        """Put staged states and ends among what is stored; new periods go onto `rewritten`.

        `name` tells this attempt's files apart.
        """
        change = HistoryChange()
        groups = sum(file.size for file in (*told.files, *ends.stage.files)) // GROUP_BYTES + 1
        writer, quiet = rewritten.writer(f"{name}new"), self.silent.writer(f"{name}silent")
        try:
            for number in range(groups):
                self._merge_group((number, groups), (told, ends), (writer, quiet), change)
            writer.close()
            quiet.close()
        except BaseException:
            writer.abandon()
            quiet.abandon()
            raise
        return change

    def _merge_group(
        self,
        group: tuple[int, int],
        told_by: tuple[Stage, Deletes],
        writers: tuple[StageWriter, StageWriter],
        change: HistoryChange,
    ) -> None:
        told = self._group(told_by[0], *group).collect()
        ends = told_by[1].without_written(self._group(told_by[1].stage, *group)).collect()
        key, moment = list(self.mode.key), pl.col(self.mode.valid_from)
        since = (
            pl.concat([told.select(self.mode.on), ends.select(self.mode.on)])
            .group_by(key)
            .agg(moment.min().alias("_mesh_since"))
        )
        if since.is_empty():
            return
        found = self._search(self.files, self.mode.valid_to, self._files_of(self.base), since)
        stored, places = self._rows(self.files, found)
        timeline = Timeline(self.files.schema.names, key, self.mode.valid_from, self.mode.valid_to)
        merged = timeline.merged(stored, told, ends, self._silent(since))
        change.ended += merged.ended
        self._note(merged.removed, places, found, change)
        rows = self.settings.batch_rows
        for batch in batches_in(self.files.schema, merged.added, rows):
            writers[0].write(batch)
        publication = pl.lit(self.silent.publication).alias(PUBLICATION)
        quiet = merged.silent.with_columns(publication)
        for batch in batches_in(self.silent.schema, quiet, rows):
            writers[1].write(batch)

    def _group(self, stage: Stage, number: int, groups: int) -> pl.LazyFrame:
        rows = stage.rows()
        if groups > 1:
            rows = rows.filter(pl.struct(self.mode.key).hash() % groups == number)
        return rows

    def _search(
        self, files: TableFiles, column: str, among: Sequence[DataFile], since: pl.DataFrame
    ) -> Found:
        search = Search(files, self.mode.key, self.settings.workers, column)
        return search.run(among, [since])

    def _files_of(self, snapshot: Snapshot | None) -> tuple[DataFile, ...]:
        return () if snapshot is None else snapshot.files

    def _silent(self, since: pl.DataFrame) -> pl.DataFrame:
        """Known events that changed nothing, of publications that have landed."""
        table, schema = self.silent.table, self.silent.schema
        empty = pl.DataFrame(schema.empty_table())
        snapshot = None if self.base is None else table.find()
        if snapshot is None or self.base is None:
            return empty.select(self.mode.on)
        files = TableFiles(table, schema, ())
        found = self._search(files, self.mode.valid_from, snapshot.files, since)
        rows, _ = self._rows(files, found)
        made_by = rows.get_column(PUBLICATION).unique().to_list()
        landed = [name for name in made_by if self.base.has_transaction(transaction_of(name))]
        kept = rows.filter(pl.col(PUBLICATION).is_in(landed))
        return kept.select(self.mode.on).unique()

    def _rows(self, files: TableFiles, found: Found) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that were found, whole, and where each is: `file` by number and `row`."""
        empty = pl.DataFrame(files.schema.empty_table())
        with ThreadPoolExecutor(self.settings.workers, thread_name_prefix="mesh-history") as pool:
            read = list(pool.map(lambda hits: self._rows_of(files, hits), found.hits.values()))
        places = [
            pl.DataFrame(
                {"file": np.full(rows.size, number, np.int64), "row": rows.astype(np.int64)}
            )
            for number, (_, rows) in enumerate(read)
        ]
        nowhere = pl.DataFrame(schema={"file": pl.Int64, "row": pl.Int64})
        return pl.concat([empty, *(frame for frame, _ in read)]), pl.concat([nowhere, *places])

    def _rows_of(
        self, files: TableFiles, hits: Hits
    ) -> tuple[pl.DataFrame, np.ndarray[tuple[int], np.dtype[np.intp]]]:
        mask = hits.mask()
        pieces = [pl.DataFrame(files.schema.empty_table())]
        start = 0
        with files.open(hits.file) as opened:
            for group in opened.groups:
                end = start + opened.rows_of(group)
                if mask[start:end].any():
                    position = start
                    names = files.schema.names
                    for batch in opened.batches([group], names, self.settings.batch_rows):
                        wanted = pa.array(mask[position : position + batch.num_rows])
                        pieces.append(pl.DataFrame(batch.filter(wanted)))
                        position += batch.num_rows
                start = end
        return pl.concat(pieces), np.flatnonzero(mask)

    def _note(
        self, removed: pl.Series, places: pl.DataFrame, found: Found, change: HistoryChange
    ) -> None:
        looked_at = list(found.hits.values())
        for (number,), rows in places[removed].partition_by("file", as_dict=True).items():
            was = looked_at[number]
            hits = change.removed.setdefault(was.file.path, Hits(was.file, was.rows))
            hits.add(rows.get_column("row").to_numpy())
