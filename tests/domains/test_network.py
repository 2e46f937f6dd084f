"""The network domain publishes its registers as they are."""

import polars as pl
import pytest

from domains.network.products.airports import Airports, airports
from domains.network.products.carriers import Carriers, carriers


@pytest.fixture(scope="module")
def known_airports() -> pl.DataFrame:
    return airports().collect()


def test_sixteen_carriers_keep_their_contract():
    found = carriers().collect()

    Carriers.validate(found, lazy=True)
    assert found.height == 16
    assert found.row(by_predicate=pl.col("carrier_code") == "UA")[1] == "United Air Lines Inc."


def test_every_registered_airport_keeps_the_contract(known_airports):
    Airports.validate(known_airports, lazy=True)
    assert known_airports.height == 1_458
    assert known_airports["airport_code"].n_unique() == 1_458


def test_three_airports_have_no_time_zone_name(known_airports):
    nameless = known_airports.filter(pl.col("time_zone").is_null())

    assert sorted(nameless["airport_code"]) == ["EEN", "LRO", "YAK"]


def test_daylight_saving_is_spelled_out(known_airports):
    counted = dict(known_airports["daylight_saving"].value_counts().iter_rows())

    assert counted == {"us-canada": 1_388, "unknown": 47, "none": 23}


def test_new_yorks_three_airports_are_registered(known_airports):
    assert {"EWR", "JFK", "LGA"} <= set(known_airports["airport_code"])
