"""Where in a version a row may be that has certain values: files, and row groups of them.

Owns what is concluded from bounds, of the log and of files' footers, each of which is read once.
Leaves nothing out that may have the row: of floats, moments and whatever else bounds may not tell
all of, nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from mesh.lake.scanning import rows_in
from mesh.lake.table import DataFile, Snapshot, restored

_ORDERED = frozenset({int, str, date})
Bounds = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of a file, with bounds of the columns that were asked for, and its bytes."""

    first: int
    rows: int
    size: int
    bounds: Bounds


def may_hold(bounds: Bounds, values: Mapping[str, Any]) -> bool:
    """Whether these bounds leave room for the values."""
    return all(_leaves_room(*bounds.get(n, (None, None)), value) for n, value in values.items())


def files_with(snapshot: Snapshot, values: Mapping[str, Any]) -> list[DataFile]:
    """The files of a version that may have a row with these values."""
    return [file for file in snapshot.files if may_hold(file.bounds, values)]


def groups_of(snapshot: Snapshot, file: DataFile, columns: Sequence[str]) -> list[Group]:
    """The row groups of a file, by its footer. Raises what reading it does."""
    with snapshot.table.store.open_input(file.path, file.size) as source:
        footer = pq.ParquetFile(source).metadata
    places = {footer.schema.column(n).path: n for n in range(footer.num_columns)}
    first, found = 0, []
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        bounds = {
            name: (told.min, told.max)
            for name in columns
            if name in places
            and (told := group.column(places[name]).statistics) is not None
            and told.has_min_max
        }
        found.append(Group(first, group.num_rows, group.total_byte_size, bounds))
        first += group.num_rows
    return found


def rows_of(snapshot: Snapshot, file: DataFile) -> pl.LazyFrame:
    """The rows of one file, as `Snapshot.promised` has them, of a version that `is_plain`.

    Their order is that of the file.
    """
    stored = rows_in(snapshot.table, [file.path], file.partition_values, snapshot.schema)
    return restored(stored, snapshot.schema)


def _leaves_room(low: Any, high: Any, value: Any) -> bool:
    kind = type(value)
    if kind not in _ORDERED or type(low) is not kind or type(high) is not kind:
        return True
    return bool(low <= value <= high)
