"""Measuring rows: every column of every batch, on any number of threads.

Owns what is looked at of a batch, once, for all measures. Counts, nulls, bounds, means and lengths
are of all rows; quantiles, and the most frequent of many values, are of a sample of them; distinct
values are estimated. How well, `sketches` says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from mesh.contracts.arrow import name_of
from mesh.contracts.profiling.columns import ColumnMeasure
from mesh.contracts.profiling.kinds import Form, Kind, Scratch
from mesh.contracts.profiling.profile import Profile
from mesh.contracts.profiling.sketches import RowSample, Weights

LONGEST_SAMPLED = 4_096
"""Characters of a text that the sample keeps: longer ones are taken to be so long."""
FEW_TEXTS = 64
_BATCH_ROWS = 131_072
Dictionaries = Mapping[str, pa.DictionaryArray]


class Measures:
    """What one thread knows of the rows. Of `hidden` columns no value is looked at."""

    def __init__(self, schema: pa.Schema, hidden: Collection[str]) -> None:
        scratch = (Scratch(), Scratch())
        types = pl.DataFrame(schema.empty_table()).schema
        self._types = {field.name: name_of(field.type) for field in schema}
        self._columns = {
            name: ColumnMeasure(Form.of(data_type), scratch, is_hidden=name in hidden)
            for name, data_type in types.items()
        }
        self._decimals = {name: Scratch() for name in self._columns}
        self._sample = RowSample()
        self._rows = 0

    def add(
        self,
        rows: pa.RecordBatch,
        offset: int,
        *,
        dictionaries: Dictionaries | None = None,
        keeps: pl.Series | None = None,
    ) -> None:
        """Take in a batch, or those of its rows that are kept.

        `offset` is the position of its first row; `dictionaries` are columns told so, too.
        """
        mask = None if keeps is None else keeps.to_numpy()
        kept = rows.num_rows if mask is None else int(mask.sum())
        self._rows += kept
        if not kept:
            return
        seen: dict[str, pl.Series | _Told] = {}
        for name, measure in self._columns.items():
            told = (dictionaries or {}).get(name)
            if told is None:
                scratch = self._decimals[name]
                seen[name] = _measured(rows.column(name), measure, mask, scratch)
            else:
                seen[name] = _counted(told, measure, mask)
        sampled = {name: v for name, v in seen.items() if self._columns[name].is_sampled}
        if sampled:
            positions, drawn = self._sample.choose(rows.num_rows, offset, mask)
            self._sample.add(drawn, _taken(sampled, positions))

    def merge(self, other: Measures) -> None:
        """Take in what another thread knows of other rows."""
        self._rows += other._rows
        self._sample.merge(other._sample)
        for name, measure in self._columns.items():
            measure.merge(other._columns[name])

    @property
    def profile(self) -> Profile:
        """What it all comes to."""
        sample = self._sample.rows
        columns = []
        for name, measure in self._columns.items():
            values = sample.get_column(name) if sample is not None and name in sample else None
            told = measure.told(name, self._types[name], values)
            columns.append(told)
        return Profile(self._rows, tuple(columns))


@dataclass(frozen=True, slots=True)
class _Told:
    """A column of texts that is told as a dictionary, and the place of every row's text in it."""

    texts: pa.Array
    places: Any


def _taken(sampled: Mapping[str, pl.Series | _Told], positions: Any) -> pl.DataFrame:
    """Some rows' values, as they are measured."""
    plain = {n: v for n, v in sampled.items() if isinstance(v, pl.Series)}
    found = pl.DataFrame(plain)[positions] if plain else pl.DataFrame()
    told = [
        pl.Series(n, v.texts.take(pa.array(v.places[positions])), dtype=pl.String)
        for n, v in sampled.items()
        if isinstance(v, _Told)
    ]
    found = found.with_columns(told) if told else found
    is_text = pl.selectors.string()
    return found.with_columns(is_text.str.head(LONGEST_SAMPLED)) if len(found.columns) else found


def _measured(column: pa.Array, measure: ColumnMeasure, mask: Any, scratch: Scratch) -> pl.Series:
    """Measure a column; returns its values as they are measured, nulls included."""
    if measure.form.kind is Kind.OTHER:
        nulls = column.is_null().to_numpy(zero_copy_only=False)
        measure.add(pl.Series(), int((nulls if mask is None else nulls[mask]).sum()))
        return pl.Series()
    values = measure.form.values(column, scratch)
    values = values if mask is None else values.filter(pl.Series(mask))
    nulls = values.null_count()
    measure.add(values.drop_nulls() if nulls else values, nulls)
    return values


def _counted(told: pa.DictionaryArray, measure: ColumnMeasure, mask: Any) -> _Told:
    """The same for texts that are told as a dictionary: each of them is looked at once."""
    texts, nowhere = told.dictionary, len(told.dictionary)
    indices = told.indices.fill_null(nowhere) if told.null_count else told.indices
    places = indices.to_numpy() if mask is None else indices.to_numpy()[mask]
    counts: Weights = np.bincount(places, minlength=nowhere + 1)
    nulls, used = int(counts[nowhere]), np.flatnonzero(counts[:nowhere])
    found = texts if used.size == nowhere else texts.take(pa.array(used))
    if used.size > FEW_TEXTS or not measure.add_texts(
        found.to_pylist(), nulls, counts[used].tolist()
    ):
        measure.add(pl.Series(found, dtype=pl.String), nulls, counts[used])
    return _Told(texts, places)


def profile(
    schema: pl.Schema, frames: Iterable[pl.DataFrame], *, hidden: Collection[str] = ()
) -> Profile:
    """Measure the rows of frames with these columns, each read once and in order.

    Of `hidden` columns no value is told.
    """
    found = Measures(pl.DataFrame(schema=schema).to_arrow().schema, hidden)
    offset = 0
    for frame in frames:
        for batch in frame.to_arrow().to_batches(max_chunksize=_BATCH_ROWS):
            found.add(batch, offset)
            offset += batch.num_rows
    return found.profile
