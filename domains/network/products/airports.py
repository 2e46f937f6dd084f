"""The airports of the United States: where they lie, and which clock they follow."""

import polars as pl

import mesh
from domains.network import sources

DAYLIGHT_SAVING = {"A": "us-canada", "N": "none", "U": "unknown"}
"""What the register's `dst` codes mean."""


class Airports(mesh.Contract):
    """One row per airport."""

    airport_code: str = mesh.Field(
        key=True,
        str_matches=r"^[A-Z0-9]{3}$",
        classification="public",
        description="FAA code of the airport, which is its IATA code where it has one, such as JFK",
    )
    airport_name: str = mesh.Field(
        str_length={"min_value": 1},
        classification="public",
        description="Usual name of the airport; not unique",
    )
    latitude_degrees: float = mesh.Field(
        ge=-90,
        le=90,
        unit="deg",
        classification="public",
        description="Latitude in decimal degrees, north positive, as registered",
    )
    longitude_degrees: float = mesh.Field(
        ge=-180,
        le=180,
        unit="deg",
        classification="public",
        description="Longitude in decimal degrees, east positive, as registered",
    )
    altitude_feet: int = mesh.Field(
        ge=-1_400,
        le=15_000,
        unit="ft",
        classification="public",
        description="Height above mean sea level",
    )
    utc_offset_hours: int = mesh.Field(
        ge=-12,
        le=14,
        unit="h",
        classification="public",
        description="Hours from UTC in standard time",
    )
    daylight_saving: str = mesh.Field(
        isin=list(DAYLIGHT_SAVING.values()),
        classification="public",
        description="Whose daylight saving time the airport follows",
    )
    time_zone: str = mesh.Field(
        nullable=True,
        str_matches=r"^[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+$",
        classification="public",
        description="IANA name of the time zone; unknown for a few airports",
    )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(contract=Airports, schedule="0 5 * * *", freshness=mesh.Freshness(within="7d"))
def airports() -> pl.LazyFrame:
    """Every airport of the register, with the daylight saving code spelled out."""
    return sources.airports().select(
        airport_code="faa",
        airport_name="name",
        latitude_degrees="lat",
        longitude_degrees="lon",
        altitude_feet="alt",
        utc_offset_hours="tz",
        daylight_saving=pl.col("dst").replace(DAYLIGHT_SAVING),
        time_zone="tzone",
    )
