"""Rows of data files by themselves: staged, committed, or shown by no version any more.

Owns how files are read as the columns that somebody expects of them: those that a file lacks are
null, others are left out, and partition columns come from where the file is said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from mesh.lake.partitions import partition_value

if TYPE_CHECKING:
    from mesh.lake.table import Table

_CASTS = pl.ScanCastOptions(
    integer_cast="upcast",
    float_cast="upcast",
    datetime_cast=["nanosecond-downcast", "convert-timezone"],
    missing_struct_fields="insert",
    extra_struct_fields="ignore",
)
"""Other writers widen a column's type without writing its files anew."""


def rows_in(
    table: Table,
    paths: Sequence[str],
    partition: Mapping[str, str | None],
    schema: pa.Schema,
    *,
    besides: Mapping[str, pl.DataType] | None = None,
) -> pl.LazyFrame:
    """The rows of files of one partition, with the columns of `schema` and those `besides`.

    `paths` are relative to the table, or URLs.
    """
    types = pl.DataFrame(schema.empty_table()).schema
    inside = {name: kind for name, kind in types.items() if name not in partition}
    frame = pl.scan_parquet(
        [path if "://" in path else f"{table.root}/{path}" for path in paths],
        **table.scan_options,
        schema={**inside, **(besides or {})},
        hive_partitioning=False,
        glob=False,
        missing_columns="insert",
        extra_columns="ignore",
        cast_options=_CASTS,
    )
    values = [
        pl.lit(partition_value(text, schema.field(name).type), dtype=types[name]).alias(name)
        for name, text in partition.items()
        if name in types
    ]
    return frame.with_columns(values).select(*schema.names, *(besides or {}))
