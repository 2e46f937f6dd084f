"""Every flight scheduled out of New York: planned and actual times, delays, cancellations.

The log writes times of day on the clock of the airport that they belong to, without a date. Here
they become UTC timestamps:

- the scheduled departure is the log's UTC hour and its minute;
- the scheduled arrival is the first time after it that the destination's clock shows the scheduled
  time of day, which rolls overnight arrivals to the next day;
- actual times are scheduled times plus the logged delay: unlike times of day, delays tell a flight
  that left 23 hours late from one that left an hour early. Against the logged times of day this
  agrees for every departure, and for all arrivals but one, whose clock had not yet been put
  forward on 10 March;
- a flight without arrival delay, but with a time of arrival, was diverted and arrived later: it
  arrived the first time after its departure that the clock showed that time.
"""

import datetime as dt

import polars as pl
from pandera.polars import PolarsData

import mesh
from domains.operations import sources

CLOCKS_NOT_IN_TIMETABLE = dict.fromkeys(["BQN", "PSE", "SJU", "STT"], "America/Puerto_Rico")
"""Puerto Rico's airports and St. Thomas, which the timetable leaves out. All keep one time."""


class Flights(mesh.Contract):
    """One row per scheduled flight."""

    month: str = mesh.Field(
        str_matches=r"^[0-9]{4}-(0[1-9]|1[0-2])$",
        description="Month of the flight date, such as 2013-01; the table is partitioned by it",
    )
    flight_date: dt.date = mesh.Field(
        description="Day of the scheduled departure on New York's clock"
    )
    carrier_code: str = mesh.Field(
        key=True,
        references="network.carriers_v1.carrier_code",
        description="IATA code of the carrier",
    )
    flight_number: int = mesh.Field(
        key=True, ge=1, le=9_999, description="The carrier's number of the flight"
    )
    origin: str = mesh.Field(
        key=True, isin=["EWR", "JFK", "LGA"], description="IATA code of the airport of departure"
    )
    destination: str = mesh.Field(
        str_matches=r"^[A-Z]{3}$",
        references=mesh.Reference("network.airports_v1.airport_code", severity="warning"),
        description="IATA code of the airport that the flight is scheduled to",
    )
    tail_number: str = mesh.Field(
        nullable=True,
        str_matches=r"^[A-Z][0-9A-Z]{1,5}$",
        references=mesh.Reference("fleet.aircraft_v1.tail_number", severity="warning"),
        classification="confidential",
        description="Aircraft as the carrier reports it: its registration mark or a fleet number",
    )
    scheduled_departure_at: mesh.UTCDatetime = mesh.Field(
        key=True, description="When the flight should have left the gate"
    )
    actual_departure_at: mesh.UTCDatetime = mesh.Field(
        nullable=True, description="When the flight left the gate; empty when cancelled"
    )
    departure_delay_minutes: int = mesh.Field(
        nullable=True,
        ge=-120,
        le=2_880,
        unit="min",
        description="Actual less scheduled departure; negative when early, empty when cancelled",
    )
    scheduled_arrival_at: mesh.UTCDatetime = mesh.Field(
        description="When the flight should have reached the gate"
    )
    actual_arrival_at: mesh.UTCDatetime = mesh.Field(
        nullable=True, description="When the flight reached the gate; empty when it never did"
    )
    arrival_delay_minutes: int = mesh.Field(
        nullable=True,
        ge=-180,
        le=2_880,
        unit="min",
        description="Actual less scheduled arrival; negative when early, "
        "empty when cancelled or diverted",
    )
    air_time_minutes: int = mesh.Field(
        nullable=True,
        gt=0,
        le=1_200,
        unit="min",
        description="Time between take-off and landing; empty when cancelled or diverted",
    )
    distance_miles: int = mesh.Field(
        gt=0, le=12_500, unit="mi", description="Distance between the two airports"
    )
    is_cancelled: bool = mesh.Field(description="Whether the flight never departed")
    is_diverted: bool = mesh.Field(
        description="Whether the flight departed without a recorded arrival delay, "
        "which is how carriers report diversions"
    )

    @mesh.dataframe_check
    @classmethod
    def month_is_that_of_the_flight_date(cls, data: PolarsData) -> pl.LazyFrame:
        """A flight lies in the partition of its day."""
        return data.lazyframe.select(pl.col("month") == pl.col("flight_date").dt.strftime("%Y-%m"))

    @mesh.dataframe_check
    @classmethod
    def departure_delay_is_actual_less_scheduled(cls, data: PolarsData) -> pl.LazyFrame:
        """Times and delay tell the same story; both are empty when the flight was cancelled."""
        late = pl.col("actual_departure_at") - pl.col("scheduled_departure_at")
        return data.lazyframe.select(
            late.dt.total_minutes().eq_missing(pl.col("departure_delay_minutes"))
        )

    @mesh.dataframe_check
    @classmethod
    def arrival_delay_is_actual_less_scheduled(cls, data: PolarsData) -> pl.LazyFrame:
        """Times and delay tell the same story, where a delay is recorded."""
        late = pl.col("actual_arrival_at") - pl.col("scheduled_arrival_at")
        delay = pl.col("arrival_delay_minutes")
        return data.lazyframe.select(delay.is_null() | late.dt.total_minutes().eq_missing(delay))

    @mesh.dataframe_check
    @classmethod
    def scheduled_arrival_follows_departure(cls, data: PolarsData) -> pl.LazyFrame:
        """No flight arrives before it departs."""
        return data.lazyframe.select(
            pl.col("scheduled_arrival_at") > pl.col("scheduled_departure_at")
        )

    @mesh.dataframe_check
    @classmethod
    def cancelled_flights_neither_depart_nor_arrive(cls, data: PolarsData) -> pl.LazyFrame:
        """The flag says whether there is a departure, and without one there is no arrival."""
        has_departed = pl.col("actual_departure_at").is_not_null()
        has_arrived = pl.col("actual_arrival_at").is_not_null()
        return data.lazyframe.select(
            (pl.col("is_cancelled") != has_departed) & (has_departed | ~has_arrived)
        )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(
    contract=Flights,
    on_violation=mesh.Quarantine(tolerance=0.001),
    partition_by=["month"],
    schedule="0 6 * * *",
    freshness=mesh.Freshness(within="1d"),
)
def flights() -> pl.LazyFrame:
    """Every flight of the log, with its times in UTC."""
    return with_utc_times(sources.flights(), sources.airport_clocks())


def with_utc_times(log: pl.LazyFrame, clocks: dict[str, str]) -> pl.LazyFrame:
    """Turn the log's times of day into UTC timestamps, and name its columns.

    `clocks` gives the time zone of each destination. A destination without one is left without
    scheduled arrival, which the contract refuses.
    """
    clocks = CLOCKS_NOT_IN_TIMETABLE | clocks
    departs_at, arrives_at = pl.col("scheduled_departure_at"), pl.col("scheduled_arrival_at")
    departed_at, delay = pl.col("actual_departure_at"), pl.col("arr_delay")
    return (
        log.with_columns(
            flight_date=pl.date("year", "month", "day"),
            clock=pl.col("dest").replace_strict(clocks, default=None, return_dtype=pl.String),
            scheduled_departure_at=pl.col("time_hour") + pl.duration(minutes="minute"),
        )
        .with_columns(
            actual_departure_at=departs_at + pl.duration(minutes="dep_delay"),
            scheduled_arrival_at=_next_time(departs_at, pl.col("sched_arr_time"), clocks),
        )
        .with_columns(
            actual_arrival_at=pl.when(delay.is_not_null())
            .then(arrives_at + pl.duration(minutes=delay))
            .otherwise(_next_time(departed_at, pl.col("arr_time"), clocks))
        )
        .select(
            pl.col("flight_date").dt.strftime("%Y-%m").alias("month"),
            "flight_date",
            carrier_code="carrier",
            flight_number="flight",
            origin="origin",
            destination="dest",
            tail_number="tailnum",
            scheduled_departure_at=departs_at,
            actual_departure_at=departed_at,
            departure_delay_minutes="dep_delay",
            scheduled_arrival_at=arrives_at,
            actual_arrival_at="actual_arrival_at",
            arrival_delay_minutes=delay,
            air_time_minutes="air_time",
            distance_miles="distance",
            is_cancelled=departed_at.is_null(),
            is_diverted=departed_at.is_not_null() & delay.is_null(),
        )
    )


def _next_time(after: pl.Expr, time_of_day: pl.Expr, clocks: dict[str, str]) -> pl.Expr:
    """Return when, after a UTC moment, the clock of the row's zone first shows a time of day.

    Of a time that the clock shows twice, the first counts; a time that it skips is null, which the
    contract refuses in a schedule. Polars converts one zone at a time, so each zone is converted
    for itself: ten zones of 336,776 flights take about 0.3 s.
    """
    zones = sorted(set(clocks.values()))
    return pl.coalesce(
        pl.when(pl.col("clock") == zone).then(_next_time_in(zone, after, time_of_day))
        for zone in zones
    )


def _next_time_in(zone: str, after: pl.Expr, time_of_day: pl.Expr) -> pl.Expr:
    midnight = after.dt.convert_time_zone(zone).dt.replace_time_zone(None).dt.truncate("1d")
    # The log writes midnight as 2400 as well as 0.
    clock_time = midnight + pl.duration(hours=time_of_day // 100 % 24, minutes=time_of_day % 100)
    today, tomorrow = (
        moment.dt.replace_time_zone(
            zone, ambiguous="earliest", non_existent="null"
        ).dt.convert_time_zone("UTC")
        for moment in (clock_time, clock_time.dt.offset_by("1d"))
    )
    # Written this way round, a time that the clock skips today stays null.
    return pl.when(today <= after).then(tomorrow).otherwise(today)
