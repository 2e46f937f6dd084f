"""The history of what changes slowly is what the same input would have made in order."""

import datetime as dt
import random

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import product, publish_small, state_of

ONE_FILE = PublishingSettings(workers=1)


class Addresses(mesh.Contract):
    """One row per customer and period at an address."""

    customer: int = mesh.Field(key=True)
    since: dt.date = mesh.Field(key=True)
    until: dt.date = mesh.Field(nullable=True)
    city: str
    score: float = mesh.Field(nullable=True, ge=0)


HISTORY = mesh.SlowlyChanging(key="customer", valid_from="since", valid_to="until")
WITH_ENDS = mesh.SlowlyChanging(
    key="customer", valid_from="since", valid_to="until", delete_when="is_gone"
)
SCHEMA = {"customer": pl.Int64, "since": pl.Date, "city": pl.String, "score": pl.Float64}


def day(number: int | None) -> dt.date | None:
    return None if number is None else dt.date(2020, 1, 1) + dt.timedelta(days=number)


def said(*rows) -> pl.DataFrame:
    """Rows as `(customer, day, city)` or with a score; a city of None says that it is over."""
    frame = pl.DataFrame(
        [(who, day(when), city, *(rest or [None])) for who, when, city, *rest in rows],
        schema=SCHEMA,
        orient="row",
    )
    return frame.with_columns(is_gone=pl.col("city").is_null())


def told(*rows) -> pl.DataFrame:
    return said(*rows).drop("is_gone")


def periods(declared, lake, version=None) -> list[tuple]:
    """What the table has, as `(customer, from day, to day, city)`."""
    frame = lake.table(declared.id).scan(version).collect().sort("customer", "since")
    start = day(0)
    return [
        (who, (a - start).days, None if b is None else (b - start).days, city)
        for who, a, b, city, _ in frame.rows()
    ]


def test_a_change_ends_a_period_and_begins_another(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 0, "Rome"), (2, 0, "Oslo")), lake, "first")
    publish_small(keeping, told((1, 5, "Bern")), lake, "second")

    assert periods(keeping, lake) == [
        (1, 0, 5, "Rome"),
        (1, 5, None, "Bern"),
        (2, 0, None, "Oslo"),
    ]
    assert periods(keeping, lake, 0) == [(1, 0, None, "Rome"), (2, 0, None, "Oslo")]


def test_one_publication_may_tell_several_changes_of_a_key(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 9, "Bern"), (1, 0, "Rome"), (1, 4, "Rome")), lake, "first")

    assert periods(keeping, lake) == [(1, 0, 9, "Rome"), (1, 9, None, "Bern")]


def test_what_changes_nothing_makes_no_period(lake):
    keeping = product(Addresses, write=HISTORY)
    rows = [(1, 0, "Rome", float("nan")), (2, 0, "Oslo", 0.5)]
    publish_small(keeping, told(*rows), lake, "first")
    before = state_of(lake.table(keeping.id))[1]
    again = [(who, when + 3, *rest) for who, when, *rest in rows]
    publish_small(keeping, told(*again), lake, "second")

    assert periods(keeping, lake) == [(1, 0, None, "Rome"), (2, 0, None, "Oslo")]
    assert state_of(lake.table(keeping.id))[1] == before


def test_repeated_input_rewrites_nothing(lake):
    keeping = product(Addresses, write=WITH_ENDS)
    frame = said((1, 0, "Rome"), (1, 4, None), (1, 6, "Bern"), (2, 1, "Oslo"))
    publish_small(keeping, frame, lake, "first")
    before = state_of(lake.table(keeping.id))[1]
    receipt = publish_small(keeping, frame, lake, "second")

    assert receipt.rows_deleted == 0
    assert state_of(lake.table(keeping.id))[1] == before


def test_late_input_splits_the_period_that_it_falls_into(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 0, "Rome"), (1, 9, "Bern")), lake, "first")
    publish_small(keeping, told((1, 4, "Oslo")), lake, "late")
    publish_small(keeping, told((1, -3, "Lima")), lake, "before all")

    assert periods(keeping, lake) == [
        (1, -3, 0, "Lima"),
        (1, 0, 4, "Rome"),
        (1, 4, 9, "Oslo"),
        (1, 9, None, "Bern"),
    ]


def test_late_input_does_not_outlast_what_was_confirmed_after_it(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 0, "Rome")), lake, "first")
    publish_small(keeping, told((1, 7, "Rome")), lake, "confirmed")
    publish_small(keeping, told((1, 4, "Oslo")), lake, "late")

    assert periods(keeping, lake) == [
        (1, 0, 4, "Rome"),
        (1, 4, 7, "Oslo"),
        (1, 7, None, "Rome"),
    ]


def test_a_correction_replaces_what_was_said_of_that_moment(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 0, "Rome"), (1, 5, "Bern"), (1, 9, "Oslo")), lake, "first")
    publish_small(keeping, told((1, 5, "Rome")), lake, "corrected")
    assert periods(keeping, lake) == [(1, 0, 9, "Rome"), (1, 9, None, "Oslo")]

    publish_small(keeping, told((1, 5, "Bonn")), lake, "again")
    assert periods(keeping, lake) == [(1, 0, 5, "Rome"), (1, 5, 9, "Bonn"), (1, 9, None, "Oslo")]


def test_a_delete_ends_a_period_and_later_input_begins_another(lake):
    keeping = product(Addresses, write=WITH_ENDS)
    publish_small(keeping, said((1, 0, "Rome"), (2, 0, "Oslo")), lake, "first")
    receipt = publish_small(keeping, said((1, 4, None), (3, 4, None)), lake, "over")
    assert receipt.rows_deleted == 1
    assert periods(keeping, lake) == [(1, 0, 4, "Rome"), (2, 0, None, "Oslo")]

    publish_small(keeping, said((1, 8, "Rome"), (3, 0, "Lima")), lake, "back")
    assert periods(keeping, lake) == [
        (1, 0, 4, "Rome"),
        (1, 8, None, "Rome"),
        (2, 0, None, "Oslo"),
        (3, 0, 4, "Lima"),
    ]


def test_files_of_other_keys_and_of_closed_periods_stay(lake):
    keeping = product(Addresses, write=HISTORY)
    for who in (1, 50):
        publish(keeping, told((who, 0, "Rome"), (who + 9, 0, "Rome")), lake=lake,
                run_id=f"of {who}", settings=ONE_FILE)  # fmt: skip
    publish(keeping, told((1, 5, "Bern")), lake=lake, run_id="change", settings=ONE_FILE)
    before = {file.path for file in lake.table(keeping.id).snapshot().files}
    publish(keeping, told((1, 7, "Oslo")), lake=lake, run_id="again", settings=ONE_FILE)

    after = {file.path for file in lake.table(keeping.id).snapshot().files}
    assert len(before - after) == 1


def test_two_states_of_a_key_at_one_moment_are_refused(lake):
    keeping = product(Addresses, write=WITH_ENDS)
    twice = publish_small(keeping, said((1, 0, "Rome"), (1, 0, "Bern")), lake, "twice")
    assert twice.verdict.reasons == ("2 rows break `(customer, since) is unique`",)
    both = publish_small(keeping, said((1, 0, "Rome"), (1, 0, None)), lake, "both")
    assert both.verdict.reasons == (
        "1 row has a key (customer, since) that the same publication deletes",
    )


def test_the_end_may_come_along_empty_and_no_other_way(lake):
    keeping = product(Addresses, write=HISTORY)
    empty = told((1, 0, "Rome")).with_columns(until=pl.lit(None, pl.Date))
    assert isinstance(publish_small(keeping, empty, lake, "empty"), Receipt)
    full = empty.with_columns(until=pl.lit(day(3)))
    refusal = publish_small(keeping, full, lake, "full")
    assert isinstance(refusal, Refusal)
    assert "Mesh computes it" in str(refusal.verdict.differences[0])


def test_a_row_that_breaks_a_rule_waits_in_quarantine_and_says_nothing(lake):
    keeping = product(Addresses, write=HISTORY, on_violation=mesh.Quarantine(0.5))
    receipt = publish_small(
        keeping, told((1, 0, "Rome"), (1, 5, "Bern", -1.0), (2, 0, "Oslo")), lake, "first"
    )
    assert (receipt.rows_accepted, receipt.rows_rejected) == (2, 1)
    assert periods(keeping, lake) == [(1, 0, None, "Rome"), (2, 0, None, "Oslo")]


def test_a_period_moves_to_the_partition_of_its_new_values(lake):
    keeping = product(Addresses, write=HISTORY, partition_by=["city"])
    publish_small(keeping, told((1, 0, "Rome"), (2, 0, "Rome")), lake, "first")
    publish_small(keeping, told((1, 5, "Bern"), (2, 0, "Oslo")), lake, "second")

    assert periods(keeping, lake) == [
        (1, 0, 5, "Rome"),
        (1, 5, None, "Bern"),
        (2, 0, None, "Oslo"),
    ]


def test_the_same_run_again_changes_nothing(lake):
    keeping = product(Addresses, write=HISTORY)
    publish_small(keeping, told((1, 0, "Rome")), lake, "first")
    publish_small(keeping, told((1, 3, "Bern")), lake, "second")
    again = publish_small(keeping, told((1, 3, "Bern")), lake, "second")

    assert again.is_repeated
    assert lake.table(keeping.id).version() == 1


def test_a_feed_says_what_is_and_what_is_over(lake):
    write = mesh.SlowlyChanging(
        key="customer",
        valid_from="since",
        valid_to="until",
        delete_when=pl.col("_change_type") == "delete",
    )
    keeping = product(Addresses, write=write)
    rows = told((1, 0, "Rome"), (2, 0, "Oslo"))
    publish_small(keeping, rows.with_columns(_change_type=pl.lit("insert")), lake, "first")
    rows = told((1, 0, "Rome"), (1, 5, "Bern"), (2, 4, "Oslo"))
    kinds = pl.Series(["update_preimage", "update_postimage", "delete"])
    receipt = publish_small(keeping, rows.with_columns(_change_type=kinds), lake, "second")

    assert receipt.rows_deleted == 1
    assert periods(keeping, lake) == [
        (1, 0, 5, "Rome"),
        (1, 5, None, "Bern"),
        (2, 0, 4, "Oslo"),
    ]


def naive(events: dict[tuple[int, int], str | None]) -> list[tuple]:
    """The periods that these events make, by going through them in order."""
    found = []
    for who in sorted({who for who, _ in events}):
        city, begun = None, 0
        for when in sorted(when for known, when in events if known == who):
            if events[who, when] != city:
                if city is not None:
                    found.append((who, begun, when, city))
                city, begun = events[who, when], when
        if city is not None:
            found.append((who, begun, None, city))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_arrival_leads_to_the_same_history(tmp_path, seed):
    chance = random.Random(seed)
    places = [(who, when) for who in (1, 2) for when in range(8)]
    events = {
        place: chance.choice(["Rome", "Rome", "Bern", None]) for place in chance.sample(places, 11)
    }
    for number in range(2):
        arriving = list(events)
        chance.shuffle(arriving)
        arriving += chance.choices(arriving, k=4)  # some are told again
        keeping = product(Addresses, write=WITH_ENDS)
        lake = Lake(str(tmp_path / str(number)))
        while arriving:
            batch = list(dict.fromkeys(arriving.pop() for _ in arriving[: chance.randint(1, 5)]))
            frame = said(*((*place, events[place]) for place in batch))
            outcome = publish_small(keeping, frame, lake, f"{len(arriving)} left")
            assert isinstance(outcome, Receipt)
        assert periods(keeping, lake) == naive(events)
