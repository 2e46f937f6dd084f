"""Transforms of every kind, as domains write them."""

import duckdb
import pandas as pd
import polars as pl
import polars.selectors as cs
import pyarrow as pa


def joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    hourly = weather.select("origin", "wind", at="hour")
    return (
        flights.with_columns(at=pl.col("left_at").dt.truncate("1h"))
        .join(hourly, on=["origin", "at"], how="left")
        .select("flight", "wind", late=pl.col("delay") > 15)
    )


def joined_with_suffix(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    both = flights.join(weather, on="origin", how="inner", suffix="_there")
    return both.select("flight", here="note", there="note_there")


def right_joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    both = flights.select("origin", "delay").join(weather, on="origin", how="right")
    return both.select("origin", "delay", "rain")


def fully_joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    both = flights.join(weather, on="origin", how="full", coalesce=True)
    return both.select("origin", "rain")


def asof_joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    both = flights.sort("left_at").join_asof(
        weather.sort("hour"), left_on="left_at", right_on="hour", by="origin"
    )
    return both.select("flight", "wind")


def semi_joined(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    windy = weather.filter(pl.col("wind") > 5)
    return flights.join(windy, on="origin", how="semi").select("flight")


def grouped(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.group_by("carrier").agg(
        flights=pl.len(),
        mean_delay=pl.col("delay").mean(),
        far=pl.col("delay").filter(pl.col("distance") > 1_200).max(),
    )


def grouped_by_time(flights: pl.LazyFrame) -> pl.LazyFrame:
    by_day = flights.sort("left_at").group_by_dynamic("left_at", every="1d", group_by="origin")
    return by_day.agg(pl.col("delay").sum())


def windowed(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select(
        "flight",
        share=pl.col("delay") / pl.col("delay").sum().over("carrier"),
        place=pl.col("distance").rank().over("origin", order_by="left_at"),
    )


def renamed(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.rename({"delay": "delay_minutes"}).select("flight", "delay_minutes")


def dropped(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.drop("note", "left_at")


def mentioned_and_dropped(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select("flight", "note", "delay").select("flight", "delay")


def selected(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select(cs.numeric())


def summed_across(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select("flight", total=pl.sum_horizontal(cs.starts_with("d")))


def distinct(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.select("origin", "carrier", "note").unique().select("origin")


def filtered(flights: pl.LazyFrame) -> pl.LazyFrame:
    kept = flights.filter(pl.col("carrier") == "UA", pl.col("delay").is_not_null())
    return kept.select("flight")


def latest(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.sort("left_at", descending=True).unique("carrier", keep="first").select("flight")


def unpivoted(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.unpivot(["delay", "note"], index="flight")


def unpivoted_numbers(weather: pl.LazyFrame) -> pl.LazyFrame:
    return weather.unpivot(["wind", "rain"], index="origin")


def pivoted(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.pivot(
        "origin",
        on_columns=["EWR", "JFK"],
        index="carrier",
        values="distance",
        aggregate_function="sum",
    )


def exploded(weather: pl.LazyFrame) -> pl.LazyFrame:
    return weather.explode("tags").select("origin", tag="tags")


def unnested(weather: pl.LazyFrame) -> pl.LazyFrame:
    return weather.select("origin", "place").unnest("place").drop("lon")


def stacked(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    parts = [flights.select("origin", value="delay"), weather.select("origin", value="wind")]
    return pl.concat(parts)


def numbered(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.with_row_index("row").select("row", "flight")


def mapped_expression(flights: pl.LazyFrame) -> pl.LazyFrame:
    double = pl.col("delay").map_batches(lambda s: s * 2, return_dtype=pl.Float64)
    return flights.select("flight", twice=double)


def mapped_frame(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.map_batches(
        lambda frame: frame.select("flight", "delay"),
        schema={"flight": pl.Int64, "delay": pl.Float64},
    )


def with_sql(flights: pl.LazyFrame) -> pl.LazyFrame:
    query = "select carrier, sum(delay) as delay from flights where distance > 0 group by carrier"
    return pl.SQLContext(flights=flights).execute(query)


def with_own_data(flights: pl.LazyFrame) -> pl.LazyFrame:
    names = pl.LazyFrame({"carrier": ["UA", "AA"], "name": ["United", "American"]})
    return flights.join(names, on="carrier", how="left").select("flight", "name")


def changed(flights: pl.LazyFrame) -> pl.LazyFrame:
    return flights.filter(pl.col("_change_type") != "delete").select("flight", "delay")


def collected(flights: pl.LazyFrame) -> pl.LazyFrame:
    seen = flights.select("carrier").collect().get_column("carrier").unique().to_list()
    return flights.filter(pl.col("carrier").is_in(seen)).select("flight", "delay")


def eager(flights: pl.DataFrame) -> pl.DataFrame:
    return flights.filter(pl.col("delay") > 0).group_by("carrier").agg(pl.col("distance").sum())


def eagerly_pivoted(flights: pl.DataFrame) -> pl.DataFrame:
    return flights.pivot("origin", index="carrier", values="flight", aggregate_function="len")


def with_pandas(flights: pd.DataFrame) -> pd.DataFrame:
    late = flights[flights["delay"] > 0]
    return late.groupby("carrier", as_index=False)["distance"].sum()


def with_arrow(flights: pa.Table) -> pa.Table:
    return flights.select(["flight", "delay"])


def with_arrow_batches(flights: pa.RecordBatchReader) -> pa.Table:
    return flights.read_all().group_by("carrier").aggregate([("distance", "sum")])


def with_duckdb(flights: pa.Table, weather: pa.Table) -> duckdb.DuckDBPyRelation:
    connection = duckdb.connect()
    connection.register("f", flights)
    connection.register("w", weather)
    return connection.sql("select f.flight, w.wind from f left join w using (origin)")
