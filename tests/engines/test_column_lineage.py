"""Each column is traced to its true sources, and to how it is made of them; else it is unknown."""

import polars as pl
import pytest

from mesh.catalog.derivation import Derivation
from mesh.engines.plans import WatchedInput, read_plan
from mesh.engines.probing import probe
from mesh.engines.sql_lineage import lineage_of
from mesh.products.collection import load_organization
from mesh.settings import load
from tests.house.repository import ROOT

FLIGHTS, WEATHER = "operations.flights_v1", "weather.observations_v1"
CARRIERS, AIRCRAFT = "network.carriers_v1", "fleet.aircraft_v1"
DEPARTURES = "punctuality.departures_v1"

SAME = "IDENTITY"
OF_DEPARTURES = {
    "flight_date": {(FLIGHTS, "flight_date", SAME)},
    "scheduled_departure_hour": {(FLIGHTS, "scheduled_departure_at", "TRANSFORMATION")},
    "carrier_code": {(FLIGHTS, "carrier_code", SAME)},
    "carrier_name": {(CARRIERS, "carrier_name", SAME)},
    "flight_number": {(FLIGHTS, "flight_number", SAME)},
    "origin": {(FLIGHTS, "origin", SAME)},
    "destination": {(FLIGHTS, "destination", SAME)},
    "scheduled_departure_at": {(FLIGHTS, "scheduled_departure_at", SAME)},
    "departure_delay_minutes": {(FLIGHTS, "departure_delay_minutes", SAME)},
    "arrival_delay_minutes": {(FLIGHTS, "arrival_delay_minutes", SAME)},
    "is_cancelled": {(FLIGHTS, "is_cancelled", SAME)},
    "distance_miles": {(FLIGHTS, "distance_miles", SAME)},
    "weather_observed_at": {(WEATHER, "observed_at", SAME)},
    "temperature_f": {(WEATHER, "temperature_f", SAME)},
    "wind_speed_mph": {(WEATHER, "wind_speed_mph", SAME)},
    "wind_gust_mph": {(WEATHER, "wind_gust_mph", SAME)},
    "precipitation_inches": {(WEATHER, "precipitation_inches", SAME)},
    "visibility_miles": {(WEATHER, "visibility_miles", SAME)},
    "aircraft_manufacturer": {(AIRCRAFT, "manufacturer", SAME)},
    "aircraft_manufactured_year": {(AIRCRAFT, "manufactured_year", SAME)},
    "aircraft_seat_count": {(AIRCRAFT, "seat_count", SAME)},
}
ROWS_OF_DEPARTURES = {
    (FLIGHTS, "origin", "JOIN"),
    (FLIGHTS, "scheduled_departure_at", "JOIN"),
    (FLIGHTS, "carrier_code", "JOIN"),
    (FLIGHTS, "tail_number", "JOIN"),
    (WEATHER, "origin", "JOIN"),
    (WEATHER, "observed_at", "JOIN"),
    (CARRIERS, "carrier_code", "JOIN"),
    (AIRCRAFT, "tail_number", "JOIN"),
}
DELAY = "departure_delay_minutes"
OF_DAILY = {
    "flight_date": {("flight_date", SAME)},
    "origin": {("origin", SAME)},
    "carrier_code": {("carrier_code", SAME)},
    "carrier_name": {("carrier_name", "AGGREGATION")},
    "scheduled_departures": set(),
    "cancelled_departures": {("is_cancelled", "CONDITIONAL")},
    "departures": {(DELAY, "AGGREGATION")},
    "on_time_departures": {(DELAY, "CONDITIONAL")},
    "on_time_share": {(DELAY, "CONDITIONAL"), (DELAY, "AGGREGATION")},
    "median_delay_minutes": {(DELAY, "AGGREGATION")},
}
ROWS_OF_DAILY = {
    (name, how)
    for name in ("flight_date", "origin", "carrier_code")
    for how in ("GROUP_BY", "SORT")
}
CONDITIONS = {
    "precipitation_inches",
    "visibility_miles",
    "wind_speed_mph",
    "wind_gust_mph",
    "temperature_f",
}
AGE = {"flight_date", "aircraft_manufactured_year"}
OF_DRIVERS = {
    "weather_condition": {(name, "CONDITIONAL") for name in CONDITIONS},
    "aircraft_age_band": {(name, "CONDITIONAL") for name in AGE},
    "scheduled_departure_hour": {("scheduled_departure_hour", SAME)},
    "scheduled_departures": set(),
    "cancelled_departures": {("is_cancelled", "CONDITIONAL")},
    "departures": {(DELAY, "AGGREGATION")},
    "mean_delay_minutes": {(DELAY, "AGGREGATION")},
    "median_delay_minutes": {(DELAY, "AGGREGATION")},
    "p90_delay_minutes": {(DELAY, "AGGREGATION")},
    "late_share": {(DELAY, "AGGREGATION"), (DELAY, "CONDITIONAL")},
}
ROWS_OF_DRIVERS = {
    (name, how)
    for name in {*CONDITIONS, *AGE, "scheduled_departure_hour"}
    for how in ("GROUP_BY", "SORT")
}


@pytest.fixture(scope="module")
def probes():
    organization = load_organization(load(ROOT))
    contracts = {name: product.contract for name, product in organization.products.items()}
    return lambda name: probe(organization.product(name), contracts)


def test_every_column_of_departures_has_its_true_sources(probes):
    found = probes(DEPARTURES)

    assert found.origins == OF_DEPARTURES
    assert found.rows == ROWS_OF_DEPARTURES


@pytest.mark.parametrize(
    ("product", "columns", "rows"),
    [
        ("punctuality.daily_on_time_v1", OF_DAILY, ROWS_OF_DAILY),
        ("punctuality.delay_drivers_v1", OF_DRIVERS, ROWS_OF_DRIVERS),
    ],
)
def test_every_column_of_the_sql_products_has_its_true_sources(probes, product, columns, rows):
    found = probes(product)

    assert found.origins == {
        name: {(DEPARTURES, column, how) for column, how in origins}
        for name, origins in columns.items()
    }
    assert found.rows == {(DEPARTURES, column, how) for column, how in rows}


ORDERS = pl.DataFrame(schema={"id": pl.Int64, "who": pl.String, "amount": pl.Int64, "n": pl.Int64})
PEOPLE = pl.DataFrame(schema={"who": pl.String, "region": pl.String})


def _traced(make):
    inputs = [WatchedInput("orders", ORDERS), WatchedInput("people", PEOPLE)]
    told = read_plan(make(*(item.frame for item in inputs)), inputs)
    return _short(told.lineage), None if told.rows is None else _sorted(told.rows)


def _short(lineage):
    return {n: None if found is None else _sorted(found) for n, found in lineage.items()}


def _sorted(origins):
    return sorted(f"{owner}.{column} {how}" for owner, column, how in origins)


def test_a_filter_and_an_order_decide_about_rows():
    columns, rows = _traced(
        lambda orders, _: orders.filter(pl.col("amount") > pl.col("n")).sort("who").select("id")
    )

    assert columns == {"id": ["orders.id IDENTITY"]}
    assert rows == ["orders.amount FILTER", "orders.n FILTER", "orders.who SORT"]


def test_a_group_is_made_by_its_key_and_aggregates_the_rest():
    columns, rows = _traced(
        lambda orders, _: orders.group_by("who").agg(
            pl.col("amount").sum(), big=pl.col("id").filter(pl.col("n") > 1).max(), rows=pl.len()
        )
    )

    assert columns == {
        "who": ["orders.who IDENTITY"],
        "amount": ["orders.amount AGGREGATION"],
        "big": ["orders.id AGGREGATION", "orders.n CONDITIONAL"],
        "rows": [],
    }
    assert rows == ["orders.who GROUP_BY"]


def test_a_condition_and_a_window_are_not_in_the_value():
    columns, _ = _traced(
        lambda orders, _: orders.select(
            chosen=pl.when(pl.col("n") > 1).then("amount").otherwise(0),
            running=pl.col("amount").sum().over("who", order_by="id"),
        )
    )

    assert columns == {
        "chosen": ["orders.amount TRANSFORMATION", "orders.n CONDITIONAL"],
        "running": ["orders.amount AGGREGATION", "orders.id WINDOW", "orders.who WINDOW"],
    }


def test_a_join_decides_about_rows_by_both_sides():
    columns, rows = _traced(
        lambda orders, people: orders.join(
            people.filter(pl.col("region") == "north"), on="who", how="semi"
        ).unique(subset=["id"])
    )

    assert columns["amount"] == ["orders.amount IDENTITY"]
    assert rows == [
        "orders.id GROUP_BY",
        "orders.who JOIN",
        "people.region FILTER",
        "people.who JOIN",
    ]


def test_what_a_plan_does_not_show_is_unknown():
    columns, rows = _traced(
        lambda orders, _: orders.map_batches(lambda rows: rows, schema=ORDERS.schema)
    )

    assert columns == dict.fromkeys(ORDERS.columns)
    assert rows is None


TABLES = {
    "shop.orders_v1": ("id", "customer", "amount", "ordered_at"),
    "shop.customers_v1": ("customer", "region", "Name"),
}
ORDER, BUYER = '"shop"."orders_v1"', '"shop"."customers_v1"'


@pytest.mark.parametrize(
    ("sql", "columns", "rows"),
    [
        (
            f"select id, name from {ORDER} join {BUYER} using (customer) where region = 'x'",
            {"id": ["orders.id IDENTITY"], "name": ["customers.Name IDENTITY"]},
            ["customers.customer JOIN", "customers.region FILTER", "orders.customer JOIN"],
        ),
        (
            f"select sum(amount) over (partition by customer order by ordered_at) as s from {ORDER}",
            {
                "s": [
                    "orders.amount AGGREGATION",
                    "orders.customer WINDOW",
                    "orders.ordered_at WINDOW",
                ]
            },
            [],
        ),
        (
            f"select distinct customer from {ORDER} where customer in (select customer from {BUYER})",
            {"customer": ["orders.customer IDENTITY"]},
            ["customers.customer FILTER", "orders.customer FILTER", "orders.customer GROUP_BY"],
        ),
        (
            f"select (select max(region) from {BUYER} c where c.customer = o.customer) r from {ORDER} o",
            {"r": ["customers.region AGGREGATION"]},
            ["customers.customer FILTER", "orders.customer FILTER"],
        ),
        (
            f"select id from {ORDER} union all select customer from {BUYER}",
            {"id": ["customers.customer IDENTITY", "orders.id IDENTITY"]},
            [],
        ),
        (
            f"select first(id order by ordered_at) f, arg_max(id, amount) m from {ORDER} group by customer",
            {
                "f": ["orders.id AGGREGATION", "orders.ordered_at SORT"],
                "m": ["orders.amount AGGREGATION", "orders.id AGGREGATION"],
            },
            ["orders.customer GROUP_BY"],
        ),
        (
            f"select id, case customer when 'a' then amount else 0 end v from {ORDER} order by v",
            {
                "id": ["orders.id IDENTITY"],
                "v": ["orders.amount TRANSFORMATION", "orders.customer CONDITIONAL"],
            },
            ["orders.amount SORT", "orders.customer SORT"],
        ),
    ],
)  # fmt: skip
def test_sql_is_traced_through_its_scopes(sql, columns, rows):
    found = lineage_of({"m": sql}, "m", TABLES)

    named = {
        name: frozenset((_table(t), c, how) for t, c, how in origins)
        for name, origins in found.columns.items()
    }
    assert _short(named) == columns
    assert found.rows is not None
    assert _sorted((_table(t), c, how) for t, c, how in found.rows) == rows


@pytest.mark.parametrize(
    "sql",
    [
        f"with recursive r as (select id from {ORDER} union all select id + 1 from r) select * from r",
        f"pivot {ORDER} on customer using sum(amount)",
        f"select columns('a.*') from {ORDER}",
        "select * from somewhere.else_v1",
        "not SQL at all (",
    ],
)
def test_sql_that_cannot_be_traced_is_unknown(sql):
    assert lineage_of({"m": sql}, "m", TABLES).columns == {}


def _table(name):
    return name.removeprefix("shop.").removesuffix("_v1")


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("IDENTITY", "AGGREGATION", "AGGREGATION"),
        ("AGGREGATION", "TRANSFORMATION", "AGGREGATION"),
        ("TRANSFORMATION", "FILTER", "FILTER"),
        ("CONDITIONAL", "AGGREGATION", "CONDITIONAL"),
    ],
)
def test_two_steps_amount_to_one(first, second, together):
    assert Derivation(first).then(Derivation(second)) is Derivation(together)
