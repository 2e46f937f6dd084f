"""One column, measured batch by batch.

Owns the choice between counting every value, while there are few, and sketching them, once there
are many; both come to the same account. Of a hidden column hashes are all that is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from mesh.contracts.profiling.counting import FEW, Counts, Ranged
from mesh.contracts.profiling.kinds import Form, Kind, Scratch
from mesh.contracts.profiling.profile import (
    MOST_FREQUENT,
    QUANTILES,
    ColumnProfile,
    TextLengths,
)
from mesh.contracts.profiling.sketches import Distinct, Extent, Hashes, Moments, Weights, mixed

_WIDE = (pl.Int128, pl.UInt64, pl.UInt128)
_LEAST_SHARE = 0.01
"""Of columns with many values, those are told that so many rows have."""


class ColumnMeasure:
    """What one thread knows of one column."""

    def __init__(self, form: Form, scratch: tuple[Scratch, Scratch], *, is_hidden: bool) -> None:
        self.form = form
        self.is_hidden = is_hidden
        self.nulls = 0
        self._present = 0
        self._scratch = scratch
        self._counts = _counting(form, scratch[0]) if not is_hidden else None
        self._before: list[pl.DataFrame] = []
        self._distinct = Distinct()
        self._extent = Extent()
        self._moments = Moments()

    def add(self, values: pl.Series, nulls: int, weights: Weights | None = None) -> None:
        """Take in a batch's values, without its nulls; each once or so many times."""
        self.nulls += nulls
        if not values.len() or self.form.kind is Kind.OTHER:
            return
        self._present += values.len() if weights is None else int(weights.sum())
        is_counted = self._counts is not None and self._counts.add(values, weights)
        if self._counts is not None and self._counts.is_too_much:
            self.stop_counting()
        if not is_counted:
            self._sketch(values, weights)

    def add_texts(self, texts: Sequence[str], nulls: int, rows: Sequence[int]) -> bool:
        """Take in a handful of texts, each so many times. False when they are not counted."""
        if not isinstance(self._counts, Counts):
            return False
        self.nulls += nulls
        self._present += sum(rows)
        self._counts.add_texts(texts, rows)
        if self._counts.is_too_much:
            self.stop_counting()
        return True

    def merge(self, other: ColumnMeasure) -> None:
        """Take in what another thread knows."""
        self.nulls += other.nulls
        self._present += other._present
        if self._is_merged_exactly(other):
            return
        self.stop_counting()
        other.stop_counting()
        self._before += other._before
        self._distinct.merge(other._distinct)
        self._extent.add(other._extent.low, other._extent.high)
        self._moments.merge(other._moments)

    def _is_merged_exactly(self, other: ColumnMeasure) -> bool:
        match self._counts, other._counts:
            case (Counts() as own, Counts() as others) | (Ranged() as own, Ranged() as others):
                is_taken = own.merge(others)  # type: ignore[arg-type]
                if own.is_too_much:
                    self.stop_counting()
                return is_taken
        return False

    @property
    def is_sampled(self) -> bool:
        """Whether a sample is to stand for its values: they are neither counted nor hidden."""
        can_be = self.form.kind not in {Kind.OTHER, Kind.BINARY}
        return can_be and not self.is_hidden and self._counts is None

    def told(self, name: str, type_name: str, sample: pl.Series | None) -> ColumnProfile:
        """What it comes to; `sample` are some of the column's values."""
        plain = ColumnProfile(name, type_name, self.nulls, is_hidden=self.is_hidden)
        if self.form.kind is Kind.OTHER:
            return plain
        if self._counts is not None:
            return self._of_counts(plain, self._counts.whole)
        return self._of_sketches(plain, sample)

    def stop_counting(self) -> None:
        """Go on with sketches, from what was counted so far."""
        if self._counts is None:
            return
        counted, self._counts = self._counts.whole, None
        if counted.height:
            self._before.append(counted)
            self._sketch(counted.get_column("value"), counted.get_column("rows").to_numpy())

    def _sketch(self, values: pl.Series, weights: Weights | None) -> None:
        self._distinct.add(self._hashes(values))
        if self.is_hidden or self.form.kind is Kind.BINARY:
            return
        self._bound(values)
        if self.form.kind is Kind.NUMBER:
            self._moments.add(_as_numbers(values), weights)

    def _hashes(self, values: pl.Series) -> Hashes:
        if not values.dtype.is_integer() or values.dtype in _WIDE:
            return values.hash().to_numpy()
        one, other = (scratch.numbers(values.len()).view(np.uint64) for scratch in self._scratch)
        return mixed(values.to_numpy(), one, other)

    def _bound(self, values: pl.Series) -> None:
        low, high = self._extent.low, self._extent.high
        if self.form.kind is not Kind.TEXT or low is None:
            self._extent.add(values.min(), values.max())
            return
        # Texts are compared with the bounds so far in half the time that bounds are found in.
        outside = values.filter((values < low) | (values > high))
        self._extent.add(outside.min(), outside.max())

    def _of_counts(self, plain: ColumnProfile, counted: pl.DataFrame) -> ColumnProfile:
        if not counted.height:
            return plain.with_measures(distinct=0)
        values, rows = counted.get_column("value"), counted.get_column("rows").to_numpy()
        if self.form.kind is Kind.NUMBER:
            self._moments.add(_as_numbers(values), rows)
        self._extent.add(values[0], values[-1])
        is_true_or_false = self.form.kind is Kind.BOOLEAN
        return self._with_measures(plain, counted).with_measures(
            distinct=counted.height,
            true_share=_true_share(counted) if is_true_or_false else None,
        )

    def _of_sketches(self, plain: ColumnProfile, sample: pl.Series | None) -> ColumnProfile:
        distinct = min(self._distinct.estimate, self._present)
        if self.is_hidden or self.form.kind is Kind.BINARY:
            return plain.with_measures(distinct=distinct)
        told = self._with_measures(plain, self._likely(sample))
        return told.with_measures(distinct=distinct, is_estimated=self._is_likely(sample))

    def _is_likely(self, sample: pl.Series | None) -> bool:
        """Whether some rows were sampled, and others not."""
        seen = 0 if sample is None else sample.len() - sample.null_count()
        return sum(frame.get_column("rows").sum() for frame in self._before) + seen < self._present

    def _likely(self, sample: pl.Series | None) -> pl.DataFrame:
        """Values with rows: those that were counted, and a sample in the place of the others."""
        frames = list(self._before)
        counted = sum(int(frame.get_column("rows").sum()) for frame in frames)
        seen = pl.Series() if sample is None else sample.drop_nulls()
        if seen.len():
            each = (self._present - counted) / seen.len()
            frames.append(
                seen.alias("value")
                .value_counts(name="rows")
                .with_columns((pl.col("rows") * each).round().cast(pl.Int64))
            )
        every = pl.concat(frame.select("value", pl.col("rows").cast(pl.Int64)) for frame in frames)
        return every.group_by("value").agg(pl.col("rows").sum()).sort("value")

    def _with_measures(self, plain: ColumnProfile, counted: pl.DataFrame) -> ColumnProfile:
        mean, spread = self._moments.told
        values, rows = counted.get_column("value"), counted.get_column("rows").to_numpy()
        return plain.with_measures(
            low=self.form.restored(self._extent.low),
            high=self.form.restored(self._extent.high),
            mean=self.form.number(mean),
            stddev=self.form.number(spread),
            lengths=_lengths(values, rows) if self.form.kind is Kind.TEXT else None,
            top=self._frequent(counted),
            quantiles=self._quantiles(values, np.cumsum(rows)),
        )

    def _quantiles(self, values: pl.Series, until: Any) -> tuple[tuple[float, Any], ...]:
        """Values at some ranks, of values in order with the number of rows up to each."""
        if self.form.kind not in {Kind.NUMBER, Kind.TIME} or not values.len():
            return ()
        places = np.searchsorted(until, np.ceil(np.array(QUANTILES) * until[-1]))
        found = values.gather(places)
        return tuple(
            (share, self.form.restored(value))
            for share, value in zip(QUANTILES, found, strict=True)
        )

    def _frequent(self, counted: pl.DataFrame) -> tuple[tuple[Any, int], ...]:
        """The most frequent values with their rows; of many those that have a share worth it."""
        least = _LEAST_SHARE * (self._present + self.nulls) if counted.height > FEW else 0
        often = counted.filter(pl.col("rows") >= least)
        most = often.sort("rows", "value", descending=[True, False]).head(MOST_FREQUENT)
        return tuple((self.form.restored(value), count) for value, count in most.iter_rows())


def _counting(form: Form, scratch: Scratch) -> Counts | Ranged | None:
    """How values are counted to begin with; None for those that are not."""
    if form.kind in {Kind.OTHER, Kind.BINARY}:
        return None
    measured = form.measured
    is_ranged = measured.is_integer() and measured not in _WIDE
    return Ranged(measured, scratch) if is_ranged else Counts()


def _as_numbers(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64) if isinstance(values.dtype, pl.Decimal) else values


def _lengths(texts: pl.Series, rows: Weights) -> TextLengths | None:
    """Characters of texts that come so many times."""
    found = texts.str.len_chars()
    if not found.len():
        return None
    mean = float((found.to_numpy() * rows).sum() / rows.sum())
    return TextLengths(int(found.min()), int(found.max()), mean)  # type: ignore[arg-type]


def _true_share(counted: pl.DataFrame) -> float:
    rows = counted.get_column("rows").to_numpy()
    return float(rows[counted.get_column("value").to_numpy() == 1].sum() / rows.sum())
