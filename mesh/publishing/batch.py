"""One batch on its way through the gate onto the stage.

Owns its two faces: the Polars frame that rules are asked about, and the Arrow columns that are
stored. Texts that repeat themselves are dictionaries in the second: each of their values is checked
once, and written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

SAMPLE_ROWS = 8_192
"""Rows that tell whether a column repeats itself."""
_REPEATING_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """The contract's columns of some rows; the first row is the `offset`-th of the data, from 0."""

    rows: pa.RecordBatch
    offset: int
    dictionaries: Mapping[str, pa.DictionaryArray] = field(default_factory=dict)

    def frame(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows as rules see them, or only some columns of them."""
        return pl.DataFrame(self.rows if columns is None else self.rows.select(list(columns)))

    def distinct(self, column: str) -> pl.Series | None:
        """Every value of a column, null included, each once; None when they are not known."""
        dictionary = self.dictionaries.get(column)
        if dictionary is None:
            return None
        values = pl.Series(column, dictionary.dictionary, dtype=pl.String)
        return values.extend_constant(None, 1) if dictionary.null_count else values

    def with_dictionaries(self, columns: Sequence[str]) -> Batch:
        """The same rows, with these texts told as dictionaries, too."""
        found = {name: _dictionary(self.rows.column(name)) for name in columns}
        return Batch(self.rows, self.offset, found)


def batches_in(
    schema: pa.Schema, frame: pl.DataFrame, batch_rows: int | None = None
) -> list[pa.RecordBatch]:
    """A frame's rows as batches of these columns, in their types."""
    table = frame.select(schema.names).to_arrow()
    columns = [
        values if values.type == item.type else values.cast(item.type)
        for item, values in zip(schema, table.columns, strict=True)
    ]
    whole = pa.table(columns, schema=schema).combine_chunks()
    batches: list[pa.RecordBatch] = whole.to_batches(max_chunksize=batch_rows)
    return batches


def repeating_texts(rows: pa.RecordBatch) -> tuple[str, ...]:
    """Columns of text whose first rows repeat themselves."""
    texts = [field.name for field in rows.schema if is_text(field.type)]
    sample = rows.slice(0, SAMPLE_ROWS).select(texts)
    limit = max(sample.num_rows * _REPEATING_SHARE, 1)
    counts = (
        len(column.dictionary_encode().dictionary) for column in sample.columns if len(column)
    )
    return tuple(name for name, count in zip(texts, counts, strict=False) if count <= limit)


def without_unused(values: pa.Array) -> pa.Array:
    """The same values; a dictionary holds only those that some row has."""
    if not pa.types.is_dictionary(values.type):
        return values
    used = values.indices.unique().drop_null()
    if len(used) == len(values.dictionary):
        return values
    places = np.zeros(len(values.dictionary) + 1, np.int32)
    places[used.to_numpy()] = np.arange(len(used), dtype=np.int32)
    indices = pa.array(places).take(values.indices)
    return pa.DictionaryArray.from_arrays(indices, values.dictionary.take(used))


def is_text(data_type: pa.DataType) -> bool:
    """Whether a type is text, in any of its forms."""
    return bool(
        pa.types.is_string(data_type)
        or pa.types.is_large_string(data_type)
        or pa.types.is_string_view(data_type)
    )


def _dictionary(values: pa.Array) -> pa.DictionaryArray:
    encoded = values.dictionary_encode()
    texts = encoded.dictionary.cast(pa.string())  # Parquet's writer takes no dictionary of views
    return pa.DictionaryArray.from_arrays(encoded.indices, texts)
