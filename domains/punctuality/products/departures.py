"""Every departure with what may have delayed it: the weather, the carrier and the aircraft."""

import datetime as dt

import polars as pl

import mesh

NEW_YORK = "America/New_York"


class Departures(mesh.Contract):
    """One row per scheduled flight, as in `operations.flights_v1`."""

    flight_date: dt.date = mesh.Field(
        classification="internal", description="Day of the scheduled departure on New York's clock"
    )
    scheduled_departure_hour: int = mesh.Field(
        ge=0,
        le=23,
        unit="h",
        classification="internal",
        description="Hour of the scheduled departure on New York's clock",
    )
    carrier_code: str = mesh.Field(
        key=True, classification="internal", description="IATA code of the carrier"
    )
    carrier_name: str = mesh.Field(
        nullable=True, classification="internal", description="Registered name of the carrier"
    )
    flight_number: int = mesh.Field(
        key=True,
        ge=1,
        le=9_999,
        classification="internal",
        description="The carrier's number of the flight",
    )
    origin: str = mesh.Field(
        key=True,
        isin=["EWR", "JFK", "LGA"],
        classification="internal",
        description="IATA code of the airport of departure",
    )
    destination: str = mesh.Field(
        classification="internal",
        description="IATA code of the airport that the flight is scheduled to",
    )
    scheduled_departure_at: mesh.UTCDatetime = mesh.Field(
        key=True, classification="internal", description="When the flight should have left the gate"
    )
    departure_delay_minutes: int = mesh.Field(
        nullable=True,
        ge=-120,
        le=2_880,
        unit="min",
        classification="internal",
        description="Actual less scheduled departure; negative when early, empty when cancelled",
    )
    arrival_delay_minutes: int = mesh.Field(
        nullable=True,
        ge=-180,
        le=2_880,
        unit="min",
        classification="internal",
        description="Actual less scheduled arrival; negative when early, "
        "empty when cancelled or diverted",
    )
    is_cancelled: bool = mesh.Field(
        classification="internal", description="Whether the flight never departed"
    )
    distance_miles: int = mesh.Field(
        gt=0,
        le=12_500,
        unit="mi",
        classification="internal",
        description="Distance between the two airports",
    )
    weather_observed_at: mesh.UTCDatetime = mesh.Field(
        nullable=True,
        classification="internal",
        description="Hour of the weather report below; empty when the station reported none",
    )
    temperature_f: float = mesh.Field(
        nullable=True,
        ge=-60,
        le=140,
        unit="degF",
        classification="internal",
        description="Air temperature in the scheduled hour of departure",
    )
    wind_speed_mph: float = mesh.Field(
        nullable=True,
        ge=0,
        lt=254,
        unit="mph",
        classification="internal",
        description="Mean wind speed in the scheduled hour of departure",
    )
    wind_gust_mph: float = mesh.Field(
        nullable=True,
        ge=0,
        lt=254,
        unit="mph",
        classification="internal",
        description="Strongest gust in the scheduled hour of departure; empty when there were none",
    )
    precipitation_inches: float = mesh.Field(
        nullable=True,
        ge=0,
        le=15,
        unit="in",
        classification="internal",
        description="Rain, and snow melted, in the scheduled hour of departure",
    )
    visibility_miles: float = mesh.Field(
        nullable=True,
        ge=0,
        le=10,
        unit="mi",
        classification="internal",
        description="Visibility in the scheduled hour of departure; 10 stands for 10 or more",
    )
    aircraft_manufacturer: str = mesh.Field(
        nullable=True,
        classification="personal",
        description="Maker as registered, sometimes a person; empty when unknown",
    )
    aircraft_manufactured_year: int = mesh.Field(
        nullable=True,
        ge=1903,
        le=2100,
        classification="internal",
        description="Year of manufacture, where it is known",
    )
    aircraft_seat_count: int = mesh.Field(
        nullable=True,
        ge=1,
        le=900,
        classification="internal",
        description="Number of seats, where the aircraft is known",
    )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(
    contract=Departures,
    inputs={
        "flights": mesh.Input(
            "operations.flights_v1",
            columns=[
                "flight_date",
                "carrier_code",
                "flight_number",
                "origin",
                "destination",
                "tail_number",
                "scheduled_departure_at",
                "departure_delay_minutes",
                "arrival_delay_minutes",
                "is_cancelled",
                "distance_miles",
            ],
            purpose="punctuality reporting; tail numbers only to find the aircraft",
        ),
        "weather": mesh.Input(
            "weather.observations_v1",
            columns=[
                "origin",
                "observed_at",
                "temperature_f",
                "wind_speed_mph",
                "wind_gust_mph",
                "precipitation_inches",
                "visibility_miles",
            ],
            purpose="weather at departure",
        ),
        "carriers": mesh.Input(
            "network.carriers_v1",
            columns=["carrier_code", "carrier_name"],
            purpose="names of carriers in reports",
        ),
        "aircraft": mesh.Input(
            "fleet.aircraft_v1",
            columns=["tail_number", "manufacturer", "manufactured_year", "seat_count"],
            purpose="delay by age and size of aircraft",
        ),
    },
    freshness=mesh.Freshness(within="1d"),
)
def departures(
    flights: pl.LazyFrame,
    weather: pl.LazyFrame,
    carriers: pl.LazyFrame,
    aircraft: pl.LazyFrame,
) -> pl.LazyFrame:
    """Join each flight with its scheduled hour's weather, its carrier and its aircraft.

    Every flight stays, once: whatever is unknown is empty. The scheduled hour is taken, not the
    actual one, because cancelled flights have no other. Tail numbers serve the join and are not
    published.
    """
    departs_at = pl.col("scheduled_departure_at")
    hourly = weather.with_columns(hour=pl.col("observed_at")).rename(
        {"observed_at": "weather_observed_at"}
    )
    airframes = aircraft.select(
        "tail_number",
        aircraft_manufacturer="manufacturer",
        aircraft_manufactured_year="manufactured_year",
        aircraft_seat_count="seat_count",
    )
    return (
        flights.with_columns(
            hour=departs_at.dt.truncate("1h"),
            scheduled_departure_hour=departs_at.dt.convert_time_zone(NEW_YORK)
            .dt.hour()
            .cast(pl.Int64),
        )
        .join(hourly, on=["origin", "hour"], how="left", validate="m:1", maintain_order="left")
        .join(carriers, on="carrier_code", how="left", validate="m:1", maintain_order="left")
        .join(airframes, on="tail_number", how="left", validate="m:1", maintain_order="left")
        .select(*Departures.to_schema().columns)
    )
