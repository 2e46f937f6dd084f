"""The fleet's operational system: the civil aircraft register.

Owns how the register is read: every column as registered, typed, nothing cleaned.
"""

import polars as pl

from domains import demo_file

_AIRCRAFT = {
    "tailnum": pl.String,
    "year": pl.Int64,
    "type": pl.String,
    "manufacturer": pl.String,
    "model": pl.String,
    "engines": pl.Int64,
    "seats": pl.Int64,
    "speed": pl.Int64,
    "engine": pl.String,
}


def aircraft() -> pl.LazyFrame:
    """Read the register of aircraft, `year` being the year of manufacture and `speed` in mph."""
    return pl.scan_csv(demo_file("planes.csv"), schema=_AIRCRAFT, null_values="NA")
