"""The aircraft behind the tail numbers, as the civil register describes them."""

import polars as pl

import mesh
from domains.fleet import sources

AIRCRAFT_TYPES = ["Fixed wing multi engine", "Fixed wing single engine", "Rotorcraft"]
ENGINE_TYPES = [
    "4 Cycle",
    "Reciprocating",
    "Turbo-fan",
    "Turbo-jet",
    "Turbo-prop",
    "Turbo-shaft",
]


class Aircraft(mesh.Contract):
    """One row per registered aircraft."""

    tail_number: str = mesh.Field(
        key=True,
        str_matches=r"^N[0-9]{1,5}[A-Z]{0,2}$",
        classification="confidential",
        description="Registration mark on the tail, such as N14228; it identifies the owner",
    )
    manufactured_year: int = mesh.Field(
        nullable=True,
        ge=1903,
        le=2100,
        classification="internal",
        description="Year of manufacture; unknown for a few aircraft",
    )
    aircraft_type: str = mesh.Field(
        isin=AIRCRAFT_TYPES, classification="internal", description="Kind of aircraft"
    )
    manufacturer: str = mesh.Field(
        str_length={"min_value": 1},
        classification="personal",
        description="Maker as registered; a person's name where an amateur built the aircraft",
    )
    model: str = mesh.Field(
        str_length={"min_value": 1},
        classification="internal",
        description="Maker's designation of the model",
    )
    engine_count: int = mesh.Field(
        ge=1, le=8, classification="internal", description="Number of engines"
    )
    engine_type: str = mesh.Field(
        isin=ENGINE_TYPES, classification="internal", description="Kind of engine"
    )
    seat_count: int = mesh.Field(
        ge=1, le=900, classification="internal", description="Number of seats, crew's included"
    )
    cruising_speed_mph: int = mesh.Field(
        nullable=True,
        gt=0,
        le=1_600,
        unit="mph",
        classification="internal",
        description="Average cruising speed; nearly always unknown",
    )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(contract=Aircraft, schedule="15 5 * * *", freshness=mesh.Freshness(within="7d"))
def aircraft() -> pl.LazyFrame:
    """Every aircraft of the register, with units and meaning in the column names."""
    return sources.aircraft().select(
        tail_number="tailnum",
        manufactured_year="year",
        aircraft_type="type",
        manufacturer="manufacturer",
        model="model",
        engine_count="engines",
        engine_type="engine",
        seat_count="seats",
        cruising_speed_mph="speed",
    )
