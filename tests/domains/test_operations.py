"""The operations domain turns a log of clock times into flights on one time line."""

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from domains.fleet import sources as fleet
from domains.network import sources as network
from domains.operations import sources
from domains.operations.products.flights import Flights, flights, with_utc_times

KEY = ["carrier_code", "flight_number", "origin", "scheduled_departure_at"]
CLOCKS = {"LAX": "America/Los_Angeles", "BOS": "America/New_York", "ORD": "America/Chicago"}


@pytest.fixture(scope="module")
def year() -> pl.DataFrame:
    return flights().collect()


def logged(**changes) -> pl.LazyFrame:
    """One ordinary flight as the log writes it: 09:00 to Los Angeles, on time; with changes."""
    values = {
        "year": 2013,
        "month": 6,
        "day": 1,
        "dep_time": 900,
        "sched_dep_time": 900,
        "dep_delay": 0,
        "arr_time": 1200,
        "sched_arr_time": 1200,
        "arr_delay": 0,
        "carrier": "UA",
        "flight": 1,
        "tailnum": "N14228",
        "origin": "JFK",
        "dest": "LAX",
        "air_time": 330,
        "distance": 2475,
        "hour": 9,
        "minute": 0,
        "time_hour": dt.datetime(2013, 6, 1, 13, tzinfo=dt.UTC),
    }
    assert changes.keys() <= values.keys()
    schema = sources.flights().collect_schema()
    return pl.LazyFrame({n: [v] for n, v in (values | changes).items()}, schema=schema)


def flown(**changes) -> dict[str, object]:
    """The published flight of a logged one."""
    return with_utc_times(logged(**changes), CLOCKS).collect().row(0, named=True)


def utc(*when: int) -> dt.datetime:
    return dt.datetime(2013, *when, tzinfo=dt.UTC)


def test_every_flight_of_the_year_keeps_the_contract(year):
    Flights.validate(year, lazy=True)
    assert year.height == 336_776


def test_carrier_number_origin_and_scheduled_departure_are_a_key(year):
    assert year.select(KEY).is_duplicated().sum() == 0


def test_flights_that_never_departed_are_cancelled(year):
    assert year["is_cancelled"].sum() == 8_255
    assert year.filter("is_cancelled")["departure_delay_minutes"].null_count() == 8_255


def test_flights_that_departed_without_arrival_delay_are_diverted(year):
    diverted = year.filter("is_diverted")

    assert diverted.height == 1_175
    assert diverted["actual_arrival_at"].null_count() == 458


def test_four_destinations_are_unknown_to_the_network(year):
    known = network.airports().select(destination="faa").collect()
    unknown = year.join(known, on="destination", how="anti")

    assert unknown.height == 7_602
    assert set(unknown["destination"]) == {"BQN", "PSE", "SJU", "STT"}


def test_every_carrier_and_every_origin_is_known_to_the_network(year):
    carriers = set(network.carriers().collect()["carrier"])
    airports = set(network.airports().collect()["faa"])

    assert set(year["carrier_code"]) <= carriers
    assert set(year["origin"]) <= airports


def test_some_flights_name_an_aircraft_that_the_fleet_does_not_know(year):
    known = fleet.aircraft().select(tail_number="tailnum").collect()
    named = year.filter(pl.col("tail_number").is_not_null())

    assert named.join(known, on="tail_number", how="anti").height == 50_094
    assert year["tail_number"].null_count() == 2_512


def test_months_are_those_of_the_flight_dates(year):
    assert year["month"].n_unique() == 12
    assert (year["month"] == year["flight_date"].dt.strftime("%Y-%m")).all()


def test_flight_dates_are_days_on_new_yorks_clock(year):
    local = year["scheduled_departure_at"].dt.convert_time_zone("America/New_York").dt.date()

    assert (local == year["flight_date"]).all()


def test_all_departures_and_all_arrivals_but_one_agree_with_the_logged_times_of_day(year):
    log = sources.flights().select("dep_time", "arr_time", "dest").collect()
    clocks = sources.airport_clocks()
    zone = pl.col("dest").replace_strict(clocks, default="America/Puerto_Rico")
    both = pl.concat([year, log], how="horizontal").with_columns(zone=zone)

    def disagreeing(frame: pl.DataFrame, moment: str, logged: str, zone: str) -> pl.DataFrame:
        clock = pl.col(moment).dt.convert_time_zone(zone)
        shown = clock.dt.hour().cast(pl.Int64) * 100 + clock.dt.minute()
        return frame.filter(shown != pl.col(logged) % 2400)

    departures = disagreeing(both, "actual_departure_at", "dep_time", "America/New_York")
    arrivals = pl.concat(
        disagreeing(part, "actual_arrival_at", "arr_time", str(name))
        for (name,), part in both.group_by("zone")
    )
    assert departures.is_empty()
    assert arrivals.select("actual_arrival_at", "arr_time").rows() == [(utc(3, 10, 7, 3), 203)]


def test_gate_to_gate_takes_longer_than_the_time_in_the_air(year):
    taxi = year.select(
        (pl.col("actual_arrival_at") - pl.col("actual_departure_at")).dt.total_minutes()
        - pl.col("air_time_minutes")
    ).to_series()

    assert taxi.min() == 5
    assert taxi.max() == 235


def test_an_arrival_is_read_on_the_destinations_clock():
    assert flown()["scheduled_arrival_at"] == utc(6, 1, 19)


def test_an_overnight_flight_arrives_the_next_day():
    flight = flown(
        dest="BOS",
        sched_dep_time=2330,
        sched_arr_time=30,
        arr_time=30,
        hour=23,
        minute=30,
        time_hour=utc(6, 2, 3),
    )

    assert flight["flight_date"] == dt.date(2013, 6, 1)
    assert flight["scheduled_departure_at"] == utc(6, 2, 3, 30)
    assert flight["scheduled_arrival_at"] == utc(6, 2, 4, 30)


def test_a_flight_may_land_at_an_earlier_time_of_day_than_it_left_without_being_overnight():
    flight = flown(dest="ORD", sched_arr_time=855, arr_time=855)

    assert flight["scheduled_arrival_at"] == utc(6, 1, 13, 55)


def test_actual_times_are_scheduled_times_plus_delays_even_past_midnight():
    flight = flown(dep_time=800, dep_delay=23 * 60, arr_time=1110, arr_delay=23 * 60 + 10)

    assert flight["actual_departure_at"] == utc(6, 2, 12)
    assert flight["actual_arrival_at"] == utc(6, 2, 18, 10)


def test_an_early_departure_lies_before_the_scheduled_one():
    assert flown(dep_time=857, dep_delay=-3)["actual_departure_at"] == utc(6, 1, 12, 57)


def test_puerto_ricos_airports_have_a_clock_though_the_timetable_leaves_them_out():
    flight = flown(dest="SJU", sched_arr_time=1250, arr_time=1250)

    assert flight["scheduled_arrival_at"] == utc(6, 1, 16, 50)


def test_a_destination_without_a_clock_is_left_without_scheduled_arrival():
    assert flown(dest="XXX")["scheduled_arrival_at"] is None


def test_a_diverted_flight_arrives_when_the_clock_next_shows_its_time_of_arrival():
    flight = flown(arr_time=530, arr_delay=None, air_time=None)

    assert flight["is_diverted"]
    assert flight["actual_arrival_at"] == utc(6, 2, 12, 30)
    assert flight["arrival_delay_minutes"] is None


def test_midnight_is_written_as_2400():
    flight = flown(arr_time=2400, arr_delay=None, air_time=None)

    assert flight["actual_arrival_at"] == utc(6, 2, 7)


def test_a_cancelled_flight_has_a_schedule_and_nothing_else():
    never = dict.fromkeys(["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"])
    frame = with_utc_times(logged(**never), CLOCKS).collect()

    Flights.validate(frame, lazy=True)
    flight = frame.row(0, named=True)
    assert flight["is_cancelled"]
    assert not flight["is_diverted"]
    assert flight["scheduled_arrival_at"] == utc(6, 1, 19)
    assert flight["actual_departure_at"] is None
    assert flight["actual_arrival_at"] is None


def test_the_spring_clock_change_shortens_no_flight():
    flight = flown(
        month=3,
        day=9,
        dest="BOS",
        sched_dep_time=2330,
        sched_arr_time=310,
        time_hour=utc(3, 10, 4),
        hour=23,
        minute=30,
    )

    assert flight["scheduled_departure_at"] == utc(3, 10, 4, 30)
    assert flight["scheduled_arrival_at"] == utc(3, 10, 7, 10)


def test_a_scheduled_time_that_the_clock_skips_is_unknown_rather_than_a_day_off():
    flight = flown(
        month=3, day=9, dest="BOS", sched_dep_time=2330, sched_arr_time=230, time_hour=utc(3, 10, 4)
    )

    assert flight["scheduled_arrival_at"] is None


def test_the_order_of_the_log_is_kept(year):
    log = sources.flights().select(carrier_code="carrier", flight_number="flight").collect()

    assert_frame_equal(year.select(log.columns), log)
