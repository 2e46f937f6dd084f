"""Hourly weather at the New York airports, as their stations report it."""

import polars as pl
from pandera.polars import PolarsData

import mesh
from domains.weather import sources


class Observations(mesh.Contract):
    """One row per airport and hour."""

    origin: str = mesh.Field(
        key=True,
        isin=["EWR", "JFK", "LGA"],
        classification="public",
        description="IATA code of the airport whose station reports",
    )
    observed_at: mesh.UTCDatetime = mesh.Field(
        key=True, classification="public", description="Full hour that the report stands for"
    )
    temperature_f: float = mesh.Field(
        nullable=True,
        ge=-60,
        le=140,
        unit="degF",
        classification="public",
        description="Air temperature",
    )
    dew_point_f: float = mesh.Field(
        nullable=True,
        ge=-80,
        le=100,
        unit="degF",
        classification="public",
        description="Temperature at which the air would be saturated",
    )
    relative_humidity_percent: float = mesh.Field(
        nullable=True,
        ge=0,
        le=100,
        unit="%",
        classification="public",
        description="Relative humidity of the air",
    )
    wind_direction_degrees: float = mesh.Field(
        nullable=True,
        ge=0,
        le=360,
        unit="deg",
        classification="public",
        description="Where the wind comes from, clockwise from north; empty when variable",
    )
    wind_speed_mph: float = mesh.Field(
        nullable=True,
        ge=0,
        lt=254,
        unit="mph",
        classification="public",
        description="Mean wind speed; 253 mph is the strongest wind ever measured at a station",
    )
    wind_gust_mph: float = mesh.Field(
        nullable=True,
        ge=0,
        lt=254,
        unit="mph",
        classification="public",
        description="Strongest gust; empty when no gusts were reported",
    )
    precipitation_inches: float = mesh.Field(
        ge=0,
        le=15,
        unit="in",
        classification="public",
        description="Rain, and snow melted, that fell in the hour",
    )
    sea_level_pressure_hpa: float = mesh.Field(
        nullable=True,
        ge=870,
        le=1_085,
        unit="hPa",
        classification="public",
        description="Air pressure, reduced to sea level",
    )
    visibility_miles: float = mesh.Field(
        ge=0,
        le=10,
        unit="mi",
        classification="public",
        description="Visibility; 10 stands for 10 or more",
    )

    @mesh.check("observed_at")
    @classmethod
    def is_on_the_hour(cls, data: PolarsData) -> pl.LazyFrame:
        """Reports stand for full hours, so that others can join by truncating."""
        observed_at = pl.col(data.key)
        return data.lazyframe.select(observed_at == observed_at.dt.truncate("1h"))

    @mesh.dataframe_check
    @classmethod
    def dew_point_is_at_most_the_temperature(cls, data: PolarsData) -> pl.LazyFrame:
        """Air cannot be more than saturated."""
        return data.lazyframe.select(pl.col("dew_point_f") <= pl.col("temperature_f"))

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(
    contract=Observations,
    on_violation=mesh.Quarantine(tolerance=0.01),
    schedule="30 5 * * *",
    freshness=mesh.Freshness(within="1d"),
)
def observations() -> pl.LazyFrame:
    """Every hourly report, keyed by airport and UTC hour.

    The clock's own columns are left out: they show one hour twice when daylight saving time ends.
    """
    return sources.weather().select(
        origin="origin",
        observed_at="time_hour",
        temperature_f="temp",
        dew_point_f="dewp",
        relative_humidity_percent="humid",
        wind_direction_degrees="wind_dir",
        wind_speed_mph="wind_speed",
        wind_gust_mph="wind_gust",
        precipitation_inches="precip",
        sea_level_pressure_hpa="pressure",
        visibility_miles="visib",
    )
