"""How the columns of a data file are encoded: as small as they get, and as fast.

Owns the choice, made once a stage on the first rows that it is given. Whole numbers, dates, times
and decimals are kept as packed differences or in a dictionary, whichever is smaller; texts that
repeat themselves in a dictionary; everything else as it is. Long texts have no statistics unless
readers are expected to filter on them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mesh.publishing.batch import is_text

_SAMPLE_ROWS = 16_384
_DICTIONARY_SHARE = 0.25
"""A dictionary pays off when a value comes four times or more."""
_PACKED_SHARE = 0.9
"""Differences that are nearly as wide as the values are better left as they are."""
_BLOCK = 32
"""Values of one width in Parquet's DELTA_BINARY_PACKED; a block's own head takes about a byte."""
_LONG_TEXT_BYTES = 16
_INT64_DIGITS = 18
Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Columns by how they are written: in a dictionary, packed, and those with statistics."""

    dictionary: tuple[str, ...]
    packed: tuple[str, ...]
    measured: tuple[str, ...]

    def writer(self, sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
        """A Parquet writer onto a sink.

        What readers see of the schema is Parquet's, not Arrow's:
        how a text was held in memory concerns nobody who reads it.
        """
        return pq.ParquetWriter(
            sink,
            schema,
            compression="snappy",
            use_dictionary=list(self.dictionary),
            column_encoding=dict.fromkeys(self.packed, "DELTA_BINARY_PACKED") or None,
            write_statistics=list(self.measured),
            store_decimal_as_integer=True,
            store_schema=False,
        )


def encoding_of(rows: pa.RecordBatch, filtered: Collection[str] = ()) -> Encoding:
    """The encoding for data that begins with these rows; `filtered` columns have statistics."""
    sample = rows.slice(0, _SAMPLE_ROWS)
    told = [f.name for f in rows.schema if pa.types.is_dictionary(f.type)]
    flat = [f.name for f in rows.schema if f.name not in told and _is_flat(f.type)]
    counts = _distinct(sample, flat)
    dictionary, packed = list(told), []
    for name in flat:
        values = sample.column(name)
        in_dictionary = _dictionary_bytes(counts[name], values)
        as_packed = _packed_bytes(values)
        if in_dictionary < min(as_packed, _width(values.type)):
            dictionary.append(name)
        elif as_packed < _PACKED_SHARE * _width(values.type):
            packed.append(name)
    measured = [n for n in flat if n in filtered or not _is_long_text(sample.column(n))]
    return Encoding(tuple(dictionary), tuple(packed), tuple(measured))


def _distinct(sample: pa.RecordBatch, columns: Sequence[str]) -> dict[str, int]:
    if not sample.num_rows or not columns:
        return dict.fromkeys(columns, 0)
    frame = pl.DataFrame(sample.select(list(columns)))
    return frame.select(pl.all().approx_n_unique()).row(0, named=True)


def _dictionary_bytes(distinct: int, values: pa.Array) -> float:
    """Bytes a value takes in a dictionary's indices; infinite when it would not pay off."""
    if not distinct or distinct > max(len(values) * _DICTIONARY_SHARE, 1):
        return float("inf")
    bits = max(math.ceil(math.log2(distinct)), 1)
    return bits / 8 + distinct * _width(values.type) / len(values)


def _packed_bytes(values: pa.Array) -> float:
    """Bytes a value takes as a packed difference; infinite for what is no whole number."""
    numbers = _numbers(values)
    if numbers is None or len(numbers) <= _BLOCK:
        return float("inf")
    with np.errstate(over="ignore"):
        steps = np.diff(numbers)
        blocks = steps[: len(steps) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
        spread = (blocks.max(axis=1) - blocks.min(axis=1)).view(np.uint64).astype(np.float64)
    bits = np.ceil(np.log2(spread + 1))
    return float(bits.mean() / 8 + 1 / _BLOCK)


def _numbers(values: pa.Array) -> Numbers | None:
    """The whole numbers that Parquet stores for a column, without nulls."""
    data_type = values.type
    if pa.types.is_decimal128(data_type):
        return _unscaled(values.drop_null()) if data_type.precision <= _INT64_DIGITS else None
    if pa.types.is_date32(data_type):
        values = values.cast(pa.int32())
    elif not (pa.types.is_integer(data_type) or pa.types.is_timestamp(data_type)):
        return None
    numbers: Numbers = values.drop_null().cast(pa.int64()).to_numpy()
    return numbers


def _unscaled(decimals: pa.Array) -> Numbers:
    words = np.frombuffer(decimals.buffers()[1] or b"", np.int64)
    return words[2 * decimals.offset : 2 * (decimals.offset + len(decimals)) : 2]


def _is_long_text(values: pa.Array) -> bool:
    if not is_text(values.type) or len(values) == values.null_count:
        return False
    texts = pl.Series(values, dtype=pl.String)
    bytes_in_all = int(texts.str.len_bytes().sum())
    present: int = len(values) - values.null_count
    return bytes_in_all > _LONG_TEXT_BYTES * present


def _is_flat(data_type: pa.DataType) -> bool:
    is_nested: bool = pa.types.is_nested(data_type)
    return not is_nested


def _width(data_type: pa.DataType) -> float:
    """Bytes of a value; for texts, what one may be expected to have."""
    try:
        return float(data_type.bit_width / 8)
    except ValueError:
        return float(_LONG_TEXT_BYTES)
