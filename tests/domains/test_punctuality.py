"""The punctuality domain joins what may have delayed a flight, and loses no flight by it."""

import datetime as dt

import polars as pl
import pytest

from domains.fleet.products.aircraft import aircraft
from domains.network.products.carriers import carriers
from domains.operations.products.flights import flights
from domains.punctuality.products.departures import Departures, departures
from domains.weather.products.observations import observations

NINE = dt.datetime(2013, 6, 1, 13, tzinfo=dt.UTC)
"""09:00 in New York."""


def flight(**changes) -> dict[str, object]:
    """One ordinary flight, with changes."""
    values = {
        "flight_date": dt.date(2013, 6, 1),
        "carrier_code": "UA",
        "flight_number": 1,
        "origin": "JFK",
        "destination": "LAX",
        "tail_number": "N14228",
        "scheduled_departure_at": NINE + dt.timedelta(minutes=59),
        "departure_delay_minutes": 5,
        "arrival_delay_minutes": -2,
        "is_cancelled": False,
        "distance_miles": 2_475,
    }
    return values | changes


def frame_of(rows: list[dict[str, object]]) -> pl.LazyFrame:
    moment = {"scheduled_departure_at": pl.Datetime("us", "UTC")}
    numbers = dict.fromkeys(["departure_delay_minutes", "arrival_delay_minutes"], pl.Int64)
    return pl.LazyFrame(rows, schema_overrides=moment | numbers | {"tail_number": pl.String})


def weather_at(*hours: dt.datetime, origin: str = "JFK") -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "origin": [origin] * len(hours),
            "observed_at": list(hours),
            "temperature_f": [60.0 + n for n, _ in enumerate(hours)],
            "wind_speed_mph": [10.0] * len(hours),
            "wind_gust_mph": [25.0] * len(hours),
            "precipitation_inches": [0.0] * len(hours),
            "visibility_miles": [10.0] * len(hours),
        },
        schema_overrides={"observed_at": pl.Datetime("us", "UTC")},
    )


CARRIERS = pl.LazyFrame({"carrier_code": ["UA"], "carrier_name": ["United Air Lines Inc."]})
AIRCRAFT = pl.LazyFrame(
    {
        "tail_number": ["N14228"],
        "manufacturer": ["BOEING"],
        "manufactured_year": [1999],
        "seat_count": [149],
    }
)


def joined(*rows: dict[str, object], weather: pl.LazyFrame | None = None) -> pl.DataFrame:
    reports = weather_at(NINE) if weather is None else weather
    return departures(frame_of([*rows]), reports, CARRIERS, AIRCRAFT).collect()


def test_a_departure_has_the_weather_of_its_scheduled_hour():
    hours = [NINE + dt.timedelta(hours=n) for n in (-1, 0, 1)]
    row = joined(flight(), weather=weather_at(*hours)).row(0, named=True)

    assert row["weather_observed_at"] == NINE
    assert row["temperature_f"] == 61.0


def test_a_departure_has_its_own_airports_weather():
    row = joined(flight(), weather=weather_at(NINE, origin="EWR")).row(0, named=True)

    assert row["weather_observed_at"] is None


def test_a_departure_names_its_carrier_and_describes_its_aircraft():
    row = joined(flight()).row(0, named=True)

    assert row["carrier_name"] == "United Air Lines Inc."
    assert row["aircraft_manufacturer"] == "BOEING"
    assert row["aircraft_manufactured_year"] == 1999
    assert row["aircraft_seat_count"] == 149


@pytest.mark.parametrize("tail_number", [None, "N0UNKN"])
def test_an_unknown_aircraft_leaves_the_flight_with_empty_columns(tail_number):
    result = joined(flight(tail_number=tail_number))

    Departures.validate(result, lazy=True)
    assert result.height == 1
    assert result["aircraft_seat_count"].item() is None


def test_a_missing_report_leaves_the_flight_with_empty_weather():
    result = joined(flight(), weather=weather_at(NINE - dt.timedelta(hours=1)))

    Departures.validate(result, lazy=True)
    assert result["temperature_f"].item() is None


def test_a_cancelled_flight_stays_with_its_weather():
    never = flight(is_cancelled=True, departure_delay_minutes=None, arrival_delay_minutes=None)
    row = joined(never).row(0, named=True)

    assert row["is_cancelled"]
    assert row["wind_speed_mph"] == 10.0


def test_the_scheduled_hour_is_on_new_yorks_clock():
    assert joined(flight())["scheduled_departure_hour"].item() == 9


def test_tail_numbers_are_not_published():
    assert "tail_number" not in joined(flight()).columns


def test_no_flights_make_no_departures_of_the_same_columns():
    nothing = frame_of([flight()]).clear()
    result = departures(nothing, weather_at(NINE), CARRIERS, AIRCRAFT).collect()

    Departures.validate(result, lazy=True)
    assert result.is_empty()


def test_two_reports_of_one_hour_are_refused_rather_than_doubling_flights():
    with pytest.raises(pl.exceptions.ComputeError, match="m:1"):
        joined(flight(), weather=weather_at(NINE, NINE))


def test_every_flight_of_the_year_departs_once():
    year = flights().collect().lazy()
    result = departures(year, observations(), carriers(), aircraft()).collect()

    Departures.validate(result, lazy=True)
    assert result.height == 336_776
    assert result["carrier_name"].null_count() == 0
    assert result["aircraft_seat_count"].null_count() == 50_094 + 2_512
    assert result["weather_observed_at"].null_count() == 1_556
