"""A version of a table in Delta's own words: what its log would say of it, for others to read.

Owns the words of Delta's log for protocol, columns and files as a server hands them on. Files are
one frame, since a version may have tens of thousands. Statistics are told for types whose bounds
every reader understands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, Schema

from mesh.lake.partitions import partition_text

_BOUNDED = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.String, pl.Date, pl.Boolean)
_MOMENT = "%Y-%m-%dT%H:%M:%S%.6f"


@dataclass(frozen=True, slots=True)
class Described:
    """A version of a table. `protocol` and `metadata` are what Delta's log has under these words.

    `files` has a row a file: `path` (below the table), `size`, `rows`, `modified` (milliseconds),
    `partition` and `stats` (JSON), and, by column, `low`, `high`, `nulls` and `part` as structs.
    """

    version: int
    protocol: Mapping[str, Any]
    metadata: Mapping[str, Any]
    files: pl.DataFrame = field(repr=False)

    @property
    def features(self) -> frozenset[str]:
        """What a reader has to know beyond the first version of the format, in Delta's names."""
        return frozenset(self.protocol.get("readerFeatures") or ())


def described(delta: DeltaTable) -> Described:
    """What the log says of a table at its version."""
    protocol, known = delta.protocol(), delta.metadata()
    features = {
        "readerFeatures": sorted(protocol.reader_features or ()),
        "writerFeatures": sorted(protocol.writer_features or ()),
    }
    return Described(
        version=delta.version(),
        protocol={
            "minReaderVersion": protocol.min_reader_version,
            "minWriterVersion": protocol.min_writer_version,
            **{name: told for name, told in features.items() if told},
        },
        metadata={
            **metadata_of(str(known.id), delta.schema().to_json(), known.partition_columns),
            "configuration": {
                name: value
                for name, value in known.configuration.items()
                if name.startswith("delta.columnMapping")
            },
            "createdTime": known.created_time,
        },
        files=_files(delta),
    )


def metadata_of(identity: str, schema: str, partition_by: list[str]) -> dict[str, Any]:
    """Delta's `metaData` of a table with these columns; `schema` is Delta's JSON."""
    return {
        "id": identity,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": schema,
        "partitionColumns": partition_by,
        "configuration": {},
    }


def schema_json(schema: pa.Schema) -> str:
    """Columns as Delta writes them."""
    return str(Schema.from_arrow(schema).to_json())


def protocol_of(schema: str) -> dict[str, Any]:
    """What a reader has to know of a table with these columns that nothing else was asked of."""
    if '"timestamp_ntz"' not in schema:
        return {"minReaderVersion": 1, "minWriterVersion": 2}
    features = {"readerFeatures": ["timestampNtz"], "writerFeatures": ["timestampNtz"]}
    return {"minReaderVersion": 3, "minWriterVersion": 7, **features}


def _files(delta: DeltaTable) -> pl.DataFrame:
    told = pl.DataFrame(pa.table(delta.get_add_actions(flatten=False)))
    parts = list(delta.metadata().partition_columns)
    structs = {
        name: told.get_column(own) if own in told.columns else None
        for name, own in (("low", "min"), ("high", "max"), ("nulls", "null_count"))
    }
    paths = told.get_column("path").to_list()
    frame = pl.DataFrame(
        {
            "path": [unquote(path) if "%" in path else path for path in paths],
            "size": told.get_column("size_bytes"),
            "rows": told.get_column("num_records"),
            "modified": told.get_column("modification_time"),
        }
    ).with_columns(
        *(column.alias(name) for name, column in structs.items() if column is not None),
        *([told.get_column("partition").alias("part")] if parts else []),
    )
    return frame.with_columns(
        _statistics(frame).alias("stats"), _partition(told, parts).alias("partition")
    )


def _partition(told: pl.DataFrame, parts: list[str]) -> pl.Series:
    """Values by which files are laid out, as JSON of texts, as Delta's log has them."""
    if not parts:
        return pl.Series("partition", ["{}"] * told.height, dtype=pl.String)
    rows = told.get_column("partition").to_list()
    texts = [
        json.dumps({name: partition_text(row[name]) for name in parts}, ensure_ascii=False)
        for row in rows
    ]
    return pl.Series("partition", texts, dtype=pl.String)


def _statistics(frame: pl.DataFrame) -> pl.Series:
    """What the log tells of each file's columns, as Delta's JSON; of which files, all alike."""
    told = [pl.col("rows").alias("numRecords")]
    for name, own in (("minValues", "low"), ("maxValues", "high")):
        if own in frame.columns and (bounds := _bounds(own, frame.schema[own])):
            told.append(pl.struct(bounds).alias(name))
    if "nulls" in frame.columns:
        told.append(pl.col("nulls").alias("nullCount"))
    return frame.select(pl.struct(told).struct.json_encode()).to_series()


def _bounds(own: str, kind: pl.DataType) -> list[pl.Expr]:
    assert isinstance(kind, pl.Struct)  # noqa: S101 -- delta-rs tells bounds by column
    found = []
    for column in kind.fields:
        value = pl.col(own).struct.field(column.name)
        if isinstance(column.dtype, pl.Datetime):
            zone = "" if column.dtype.time_zone is None else "Z"
            found.append(value.dt.strftime(_MOMENT + zone).alias(column.name))
        elif column.dtype in _BOUNDED:
            found.append(value.alias(column.name))
    return found
