"""Rows for which a condition holds, wherever they are below a table.

Owns the search through every data file that lies there: those of the current version, of earlier
ones, and those that no version ever showed. It trusts no statistics, and no log.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl
import pyarrow as pa

from mesh.lake import DataFile, Table
from mesh.lake.partitions import NULL_FOLDER
from mesh.lake.shown import Log, ShownFile, read_log
from mesh.lake.store import StoredFile
from mesh.reading.filtering import columns_in, marked
from mesh.upkeep.rewriting import rows_of
from mesh.upkeep.vacuum import data_files

HIT = "_mesh_hit"


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
    """One condition in one table. `schema` has the columns that the condition names."""

    table: Table
    condition: str
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
            for item in pool.map(lambda file: self._searched(file, values.get(file.path)), fresh):
                if item.rows is not None:
                    self._known[item.file.path] = item
        return Found(log, tuple(self._known.get(f.path, Searched(f, None)) for f in stored))

    def again(self) -> Search:
        """The same search, which knows nothing yet."""
        return Search(self.table, self.condition, self.schema, self.partition_by, self.workers)

    def _searched(self, file: StoredFile, shown: ShownFile | None) -> Searched:
        place = shown or ShownFile(file.path, file.size, _values(file.path, self.partition_by), 0)
        frame = rows_of(self.table, place, schema=self.schema, partition_by=self.partition_by)
        counted = marked(frame, self.condition, HIT).select(
            pl.len().alias("rows"), pl.col(HIT).sum().alias("hits")
        )
        try:
            rows, hits = counted.collect(engine="streaming").row(0)
        except (OSError, pl.exceptions.PolarsError):
            return Searched(file, None)
        return Searched(file, rows, hits or 0)


def condition_schema(table: pa.Schema, condition: str, where: str) -> pa.Schema:
    """The columns of a table that a condition names."""
    names = set(columns_in(condition, where))
    return pa.schema([column for column in table if column.name in names])


def rows_without(
    table: Table, file: DataFile, condition: str, schema: pa.Schema, parts: Sequence[str]
) -> pl.LazyFrame:
    """The rows of a file for which a condition does not hold."""
    rows = rows_of(table, file, schema=schema, partition_by=parts)
    return marked(rows, condition, HIT).filter(~pl.col(HIT)).drop(HIT)


def _values(path: str, partition_by: Sequence[str]) -> dict[str, str | None]:
    """Partition values as a file's folders tell them."""
    found: dict[str, str | None] = dict.fromkeys(partition_by)
    for folder in path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if equals and unquote(name) in found:
            found[unquote(name)] = None if value == NULL_FOLDER else unquote(value)
    return found
