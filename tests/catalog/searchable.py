"""Four products in three domains, and a business term, of which searches find what they mean."""

from dataclasses import replace

from mesh.contracts.model import Classification, Column, Contract, Version
from mesh.products.glossary import BusinessTerm
from mesh.products.ports import Access
from tests.catalog.factories import domain, product

WEATHER = "weather.observations_v1"
FLIGHTS = "operations.flights_v1"
ON_TIME = "punctuality.daily_on_time_v1"
STATIONS = "weather.stations_v1"


def promise(*columns: tuple[str, str], classification=Classification.INTERNAL) -> Contract:
    return Contract(
        name="C",
        version=Version(1, 0, 0),
        description="",
        columns=tuple(
            Column(name, "float64", description=text, unit="mph", classification=classification)
            for name, text in columns
        ),
        rules=(),
    )


def made(name, description, *columns, **more):
    contract = promise(*columns, classification=more.pop("classification", "internal"))
    return replace(product(name, contract), description=description, tags={}, **more)


def domains():
    weather = domain(
        "weather",
        made(
            WEATHER,
            "Hourly weather at the airports of New York.",
            ("wind_speed_mph", "Mean speed of the wind over the hour"),
            ("visibility_miles", "How far one can see"),
        ),
        made(STATIONS, "Where wind and rain are measured.", ("place", ""), access=Access.PUBLIC),
    )
    operations = domain(
        "operations",
        made(
            FLIGHTS,
            "Every flight that was scheduled. Café Zürich is not one.",
            ("departure_delay_minutes", "Minutes behind schedule at the gate"),
            ("tail_number", "Registration"),
            classification=Classification.CONFIDENTIAL,
        ),
        purpose="Runs the airport.",
    )
    punctuality = domain(
        "punctuality",
        made(ON_TIME, "Share of departures on time.", ("on_time_share", "")),
        purpose="Measures being late.",
    )
    lateness = BusinessTerm(
        id="punctuality.departure_delay",
        name="departure delay",
        definition="How late it left.",
        synonyms=("lateness", "tardiness"),
        applies_to=(f"{FLIGHTS}.departure_delay_minutes",),
    )
    return weather, operations, replace(punctuality, terms=(lateness,))
