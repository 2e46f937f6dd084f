"""The reference mesh's SQL products on a handful of flights, counted by hand."""

import datetime as dt

import polars as pl
import pytest

from mesh.engines.dbt import build
from mesh.products.sql import collect_sql_products
from mesh.settings import load
from tests.house.repository import ROOT

FLIGHT = {
    "flight_date": dt.date(2013, 1, 1),
    "origin": "JFK",
    "carrier_code": "B6",
    "carrier_name": "JetBlue",
    "scheduled_departure_hour": 8,
    "is_cancelled": False,
    "departure_delay_minutes": 0,
    "temperature_f": 50.0,
    "wind_speed_mph": 5.0,
    "wind_gust_mph": None,
    "precipitation_inches": 0.0,
    "visibility_miles": 10.0,
    "aircraft_manufactured_year": 2010,
}
CANCELLED = {"is_cancelled": True, "departure_delay_minutes": None}


def built(name: str, flights: list[dict[str, object]], tmp_path) -> pl.DataFrame:
    settings = load(ROOT, state=tmp_path)
    products = collect_sql_products("punctuality", settings)
    product = next(product for product in products if product.id.name == name)
    departures = pl.DataFrame([FLIGHT | flight for flight in flights], infer_schema_length=None)
    columns = product.inputs["punctuality.departures_v1"].columns
    inputs = {"punctuality.departures_v1": departures.select(columns or pl.all())}
    with build(product.transform, product, inputs, settings=settings, run_id="run") as result:
        assert not result.failed_tests
        return pl.DataFrame(result.reader.read_all())


def test_a_departure_is_on_time_when_it_is_less_than_15_minutes_late(tmp_path):
    delays = [-5, 0, 14, 15, 60]
    flights = [
        *({"departure_delay_minutes": delay} for delay in delays),
        CANCELLED,
        CANCELLED | {"origin": "LGA", "carrier_name": None},
    ]
    jfk, lga = built("daily_on_time", flights, tmp_path).to_dicts()
    assert jfk == {
        "flight_date": dt.date(2013, 1, 1),
        "origin": "JFK",
        "carrier_code": "B6",
        "carrier_name": "JetBlue",
        "scheduled_departures": 6,
        "cancelled_departures": 1,
        "departures": 5,
        "on_time_departures": 3,
        "on_time_share": pytest.approx(0.6),
        "median_delay_minutes": 14.0,
    }
    assert (lga["scheduled_departures"], lga["departures"]) == (1, 0)
    assert lga["on_time_share"] is None
    assert lga["median_delay_minutes"] is None


def test_each_flight_counts_under_the_gravest_condition_that_holds(tmp_path):
    nothing = dict.fromkeys(["wind_speed_mph", "precipitation_inches", "visibility_miles"])
    flights = [
        {"precipitation_inches": 0.1, "temperature_f": 32.0, "visibility_miles": 1.0},
        {"precipitation_inches": 0.1, "temperature_f": None, "visibility_miles": 1.0},
        {"visibility_miles": 2.9, "wind_speed_mph": 30.0},
        {"wind_speed_mph": 25.0, "departure_delay_minutes": 20},
        {"wind_gust_mph": 35.0, "departure_delay_minutes": 10},
        {"wind_speed_mph": 24.9, "wind_gust_mph": 34.9},
        nothing,
    ]
    found = built("delay_drivers", flights, tmp_path)
    assert dict(found.select("weather_condition", "scheduled_departures").iter_rows()) == {
        "snow or ice": 1,
        "rain": 1,
        "low visibility": 1,
        "strong wind": 2,
        "fair": 1,
        "unknown": 1,
    }
    windy = found.row(by_predicate=pl.col("weather_condition") == "strong wind", named=True)
    assert (windy["mean_delay_minutes"], windy["late_share"]) == (15.0, 0.5)
    assert windy["p90_delay_minutes"] == pytest.approx(19.0)


def test_aircraft_are_banded_by_their_age_in_the_year_of_the_flight(tmp_path):
    years = [2013, 2009, 2008, 2004, 2003, 1999, 1998, 1994, 1993, 1950, 2014, None]
    flights = [{"aircraft_manufactured_year": year} for year in years]
    found = built("delay_drivers", flights, tmp_path)
    assert dict(found.select("aircraft_age_band", "departures").iter_rows()) == {
        "0 to 4 years": 2,
        "5 to 9 years": 2,
        "10 to 14 years": 2,
        "15 to 19 years": 2,
        "20 years and more": 2,
        "unknown": 2,
    }
