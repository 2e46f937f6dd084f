"""Lineitem with bad rows: a known share breaks the contract, each row one of four rules.

Owns which rows are spoiled (spread over the data by a hash, the same every time) and how.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

_OF = 10_000
_ONE_DAY = pl.duration(days=1)
_SPOILT = {
    0: ("l_quantity", pl.lit(Decimal("99.00"), pl.Decimal(15, 2))),
    1: ("l_returnflag", pl.lit("X")),
    2: ("l_receiptdate", pl.col("l_shipdate") - _ONE_DAY),
    3: ("l_comment", pl.lit("x" * 60)),
}


def spoiled(frame: pl.DataFrame, share: float) -> pl.DataFrame:
    """The frame with about this share of its rows broken."""
    chance = pl.int_range(pl.len(), dtype=pl.UInt64).hash(seed=7)
    is_spoilt = (chance % _OF) < round(share * _OF)
    which = (chance // _OF) % len(_SPOILT)
    return frame.with_columns(
        pl.when(is_spoilt & (which == number)).then(value).otherwise(pl.col(name)).alias(name)
        for number, (name, value) in _SPOILT.items()
    )
