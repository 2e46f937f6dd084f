"""The flight operations' system: its log of flights, and its timetable's airport clocks.

Owns how they are read: every column as logged, typed, nothing cleaned.
"""

import zipfile

import polars as pl

from domains import demo_file

_FLIGHTS = {
    "year": pl.Int64,
    "month": pl.Int64,
    "day": pl.Int64,
    "dep_time": pl.Int64,
    "sched_dep_time": pl.Int64,
    "dep_delay": pl.Int64,
    "arr_time": pl.Int64,
    "sched_arr_time": pl.Int64,
    "arr_delay": pl.Int64,
    "carrier": pl.String,
    "flight": pl.Int64,
    "tailnum": pl.String,
    "origin": pl.String,
    "dest": pl.String,
    "air_time": pl.Int64,
    "distance": pl.Int64,
    "hour": pl.Int64,
    "minute": pl.Int64,
    "time_hour": pl.String,
}


def flights() -> pl.LazyFrame:
    """Read the log of flights, in the order of their scheduled days.

    Times of day are numbers such as 517 for 05:17, on the clock of the airport they belong to;
    `time_hour` is the scheduled hour of departure in UTC. Delays are in minutes. The unpacked log
    takes 31 MB.
    """
    with zipfile.ZipFile(demo_file("flights.csv.zip")) as archive:
        log = archive.read("flights.csv")
    return pl.scan_csv(log, schema=_FLIGHTS, null_values="NA").with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )


def airport_clocks() -> dict[str, str]:
    """Read which IANA time zone each airport's clock follows, for the airports that say so."""
    columns = {"faa": pl.String, "tzone": pl.String}
    clocks = pl.read_csv(
        demo_file("airports.csv"), columns=list(columns), schema_overrides=columns, null_values="NA"
    ).drop_nulls()
    return dict(clocks.iter_rows())
