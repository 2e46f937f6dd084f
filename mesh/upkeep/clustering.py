"""The order of rows that serves readers' filters: sorted by one column, or on a Z-order curve.

Owns the curve: each column's ranks are cut to a few bits, and the bits of all columns are taken in
turns, so that rows near each other in every column come to lie in one file (G. M. Morton, 1966).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

_BITS = 48
"""Bits of a place on the curve, for all columns together; Polars' integers have 63 to spare."""
_CURVE = "_mesh_curve"


def ordered(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The rows in the order of one column, or of the Z-order curve through several."""
    if len(columns) == 1:
        return rows.sort(columns[0])
    bits = min(16, _BITS // len(columns))
    ranks = rows.select(_rank(name, bits) for name in columns)
    curve = sum(
        (
            ((ranks[name].cast(pl.Int64) // 2**bit) % 2) * 2 ** (bit * len(columns) + place)
            for place, name in enumerate(reversed(columns))
            for bit in range(bits)
        ),
        start=pl.zeros(rows.height, dtype=pl.Int64, eager=True),
    )
    return rows.with_columns(curve.alias(_CURVE)).sort(_CURVE, *columns).drop(_CURVE)


def mark_of(columns: Sequence[str]) -> str:
    """A part of file names that tells in which order the rows are; empty for none."""
    if not columns:
        return ""
    return f"by{hashlib.sha256(repr(tuple(columns)).encode()).hexdigest()[:8]}x"


def _rank(name: str, bits: int) -> pl.Expr:
    """Where a value stands among all, in `bits` bits; nulls stand first."""
    place = pl.col(name).rank("dense").cast(pl.Int64).fill_null(0)
    highest = pl.max_horizontal(place.max(), pl.lit(1))
    share: pl.Expr = (place * (2**bits - 1)).floordiv(highest)
    return share.alias(name)
