"""The network's operational system: its registers of carriers and airports.

Owns how the registers are read: every column as registered, typed, nothing cleaned.
"""

import polars as pl

from domains import demo_file

_CARRIERS = {"carrier": pl.String, "name": pl.String}
_AIRPORTS = {
    "faa": pl.String,
    "name": pl.String,
    "lat": pl.Float64,
    "lon": pl.Float64,
    "alt": pl.Int64,
    "tz": pl.Int64,
    "dst": pl.String,
    "tzone": pl.String,
}


def carriers() -> pl.LazyFrame:
    """Read the register of carriers: `carrier` (its code) and `name`."""
    return pl.scan_csv(demo_file("airlines.csv"), schema=_CARRIERS, null_values="NA")


def airports() -> pl.LazyFrame:
    """Read the register of airports, altitude in feet, `tz` in hours from UTC."""
    return pl.scan_csv(demo_file("airports.csv"), schema=_AIRPORTS, null_values="NA")
