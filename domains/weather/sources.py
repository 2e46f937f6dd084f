"""The weather stations' operational system: its hourly export.

Owns how the export is read: every column as reported, typed, nothing cleaned.
"""

import polars as pl

from domains import demo_file

_WEATHER = {
    "origin": pl.String,
    "year": pl.Int64,
    "month": pl.Int64,
    "day": pl.Int64,
    "hour": pl.Int64,
    "temp": pl.Float64,
    "dewp": pl.Float64,
    "humid": pl.Float64,
    "wind_dir": pl.Float64,
    "wind_speed": pl.Float64,
    "wind_gust": pl.Float64,
    "precip": pl.Float64,
    "pressure": pl.Float64,
    "visib": pl.Float64,
    "time_hour": pl.String,
}


def weather() -> pl.LazyFrame:
    """Read the hourly reports of three airports.

    `year`, `month`, `day` and `hour` are on New York's clock, which shows one hour twice when
    daylight saving time ends; `time_hour` is the same hour in UTC.
    """
    export = pl.scan_csv(demo_file("weather.csv"), schema=_WEATHER, null_values="NA")
    return export.with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )
