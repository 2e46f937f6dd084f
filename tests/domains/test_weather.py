"""The weather domain publishes what its stations report, and promises only possible weather."""

import datetime as dt

import pandera.errors
import polars as pl
import pytest

from domains.weather.products.observations import Observations, observations


@pytest.fixture(scope="module")
def hours() -> pl.DataFrame:
    return observations().collect()


def one_hour(**changes) -> pl.DataFrame:
    """One ordinary hour, with changes."""
    values = {
        "origin": "JFK",
        "observed_at": dt.datetime(2013, 6, 1, 12, tzinfo=dt.UTC),
        "temperature_f": 70.0,
        "dew_point_f": 60.0,
        "relative_humidity_percent": 71.0,
        "wind_direction_degrees": 180.0,
        "wind_speed_mph": 9.0,
        "wind_gust_mph": None,
        "precipitation_inches": 0.0,
        "sea_level_pressure_hpa": 1_015.0,
        "visibility_miles": 10.0,
    }
    types = {"observed_at": pl.Datetime("us", "UTC"), "wind_gust_mph": pl.Float64}
    return pl.DataFrame({name: [value] for name, value in (values | changes).items()}).cast(types)


def test_exactly_one_hour_breaks_the_contract_for_its_impossible_wind(hours):
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        Observations.validate(hours, lazy=True)

    assert refused.value.failure_cases["check"].to_list() == ["less_than(254)"]
    impossible = hours.filter(pl.col("wind_speed_mph") >= 254)
    assert impossible.select("origin", "observed_at").rows() == [
        ("EWR", dt.datetime(2013, 2, 12, 8, tzinfo=dt.UTC))
    ]
    assert impossible["wind_speed_mph"].item() == pytest.approx(1_048.36, abs=0.01)


def test_all_other_hours_keep_the_contract(hours):
    possible = hours.filter(pl.col("wind_speed_mph").is_null() | (pl.col("wind_speed_mph") < 254))

    Observations.validate(possible, lazy=True)
    assert (hours.height, possible.height) == (26_115, 26_114)


def test_airport_and_utc_hour_are_a_key_though_new_yorks_clock_shows_an_hour_twice(hours):
    assert hours.select("origin", "observed_at").is_duplicated().sum() == 0
    clock = hours.select(
        "origin",
        shown=pl.col("observed_at")
        .dt.convert_time_zone("America/New_York")
        .dt.replace_time_zone(None),
    )
    assert clock.is_duplicated().sum() == 6


def test_a_report_with_unknowns_keeps_the_contract():
    unknown = one_hour(temperature_f=None, dew_point_f=None, wind_direction_degrees=None)

    Observations.validate(unknown.cast(one_hour().schema), lazy=True)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"dew_point_f": 71.0}, "dew_point_is_at_most_the_temperature"),
        ({"observed_at": dt.datetime(2013, 6, 1, 12, 30, tzinfo=dt.UTC)}, "is_on_the_hour"),
        ({"origin": "BOS"}, "isin"),
        ({"precipitation_inches": -0.1}, "greater_than_or_equal_to(0)"),
    ],
)
def test_an_impossible_report_breaks_the_rule_that_says_so(change, rule):
    with pytest.raises(pandera.errors.SchemaErrors) as refused:
        Observations.validate(one_hour(**change), lazy=True)

    (broken,) = refused.value.failure_cases["check"].to_list()
    assert broken.startswith(rule)
