"""Rows that are meant, by a condition or by their keys, wherever they are below a table.

Owns the search through every data file that lies there: those of the current version, of earlier
ones, and those that no version ever showed. It trusts no statistics, and no log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl
import pyarrow as pa

from mesh.lake import DataFile, Table
from mesh.lake.partitions import NULL_FOLDER
from mesh.lake.shown import Log, ShownFile, read_log
from mesh.lake.store import StoredFile
from mesh.reading.filtering import marked
from mesh.upkeep.rewriting import rows_of
from mesh.upkeep.vacuum import data_files

HIT = "_mesh_hit"
Mark = Callable[[pl.LazyFrame], pl.LazyFrame]
"""Adds a column `HIT` to rows: whether each is one of those that are searched for."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found in one file: its rows, and those for which the condition holds.

    `rows` is None for a file that cannot be read.
    """

    file: StoredFile
    rows: int | None
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Everything below one table, and its log as it was after the files were listed."""

    log: Log
    files: tuple[Searched, ...]

    @property
    def hits(self) -> dict[str, int]:
        """Files that hold such rows, and how many."""
        return {item.file.path: item.hits for item in self.files if item.hits}

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Files of which nothing can be said."""
        return tuple(item.file.path for item in self.files if item.rows is None)

    @property
    def is_clean(self) -> bool:
        """Whether no such row is anywhere, for certain."""
        return not self.hits and not self.unreadable

    def shown(self, *, now: bool) -> list[ShownFile]:
        """Files with such rows that the latest version shows, or that only earlier ones did."""
        hits = self.hits
        current = {file.path for file in self.log.files if file.until is None}
        return [
            file for file in self.log.files if file.path in hits and (file.path in current) is now
        ]


@dataclass(slots=True)
class Search:
    """Marked rows in one table. `schema` has the columns that the mark looks at."""

    table: Table
    mark: Mark
    schema: pa.Schema
    partition_by: Sequence[str]
    workers: int
    _known: dict[str, Searched] = field(default_factory=dict)

    def run(self) -> Found:
        """Look into every file that was not looked into before; a data file never changes."""
        stored = [file for file in data_files(self.table) if file.path.endswith(".parquet")]
        log = read_log(self.table)
        values = {file.path: file for file in log.files}
        fresh = [file for file in stored if file.path not in self._known]
        with ThreadPoolExecutor(self.workers, "mesh-search") as pool:
            for item in pool.map(lambda file: self._searched(file, values), fresh):
                if item.rows is not None:
                    self._known[item.file.path] = item
        return Found(log, tuple(self._known.get(f.path, Searched(f, None)) for f in stored))

    def again(self) -> Search:
        """The same search, which knows nothing yet."""
        return Search(self.table, self.mark, self.schema, self.partition_by, self.workers)

    def values_of_hits(self, columns: pa.Schema) -> pl.DataFrame:
        """What marked rows have in some columns, in any file: each combination once."""
        found = self.run()
        shown = {file.path: file for file in found.log.files}
        needed = pa.unify_schemas([self.schema, columns])
        frames = [pl.DataFrame(columns.empty_table()).lazy()]
        for item in found.files:
            if item.hits:
                rows = rows_of(self.table, self._place(item.file, shown), needed)
                frames.append(self.mark(rows).filter(HIT).select(columns.names))
        return pl.concat(frames).unique().collect(engine="streaming")

    def _place(self, file: StoredFile, shown: Mapping[str, ShownFile]) -> ShownFile:
        told = _values(file.path, self.partition_by)
        return shown.get(file.path) or ShownFile(file.path, file.size, told, 0)

    def _searched(self, file: StoredFile, shown: Mapping[str, ShownFile]) -> Searched:
        frame = rows_of(self.table, self._place(file, shown), self.schema)
        counted = self.mark(frame).select(pl.len().alias("rows"), pl.col(HIT).sum().alias("hits"))
        try:
            rows, hits = counted.collect(engine="streaming").row(0)
        except (OSError, pl.exceptions.PolarsError):
            return Searched(file, None)
        return Searched(file, rows, hits or 0)


def where(condition: str) -> Mark:
    """Marks the rows for which a SQL condition holds."""
    return lambda frame: marked(frame, condition, HIT)


def having(keys: pl.DataFrame) -> Mark:
    """Marks the rows that have one of some keys; each is there once."""
    told = keys.lazy().with_columns(pl.lit(value=True).alias(HIT))

    def mark(frame: pl.LazyFrame) -> pl.LazyFrame:
        beside = frame.join(
            told, on=keys.columns, how="left", nulls_equal=True, maintain_order="left"
        )
        return beside.with_columns(pl.col(HIT).fill_null(value=False))

    return mark


def rows_without(
    table: Table, file: DataFile | ShownFile, mark: Mark, schema: pa.Schema
) -> pl.LazyFrame:
    """The rows of a file that are not marked."""
    return mark(rows_of(table, file, schema)).filter(~pl.col(HIT)).drop(HIT)


def _values(path: str, partition_by: Sequence[str]) -> dict[str, str | None]:
    """Partition values as a file's folders tell them."""
    found: dict[str, str | None] = dict.fromkeys(partition_by)
    for folder in path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if equals and unquote(name) in found:
            found[unquote(name)] = None if value == NULL_FOLDER else unquote(value)
    return found
