"""Replays: rows that waited come into the table once, whatever the write mode, and nothing goes."""

import datetime as dt

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.errors import DefinitionError, NotPublishedError
from mesh.publishing import receipts_in
from mesh.reading.waiting import waiting_rows
from mesh.upkeep.waiting import Choice, Discard, Replay, history
from tests.behaviour.products import SMALL_BATCHES, Orders, orders, product, publish_small, rows_of

BAD = [(2, "DE", -2.0), (4, "FR", -4.0)]
GOOD = [(1, "DE", 1.0), (3, "FR", 3.0)]


class Looser(Orders):
    """One row per order; some are paid back."""

    amount: float = mesh.Field(ge=-3, nullable=True)

    class Config:
        version = "1.1.0"


def declared(contract=Orders, **options):
    return product(contract, on_violation=mesh.Quarantine(0.9), **options)


MODES = {
    "overwrite": {"write": mesh.Overwrite()},
    "append": {"write": mesh.Append()},
    "replace": {"write": mesh.ReplacePartitions(by="country"), "partition_by": ("country",)},
    "upsert": {"write": mesh.Upsert(on="order_id")},
}
every_mode = pytest.mark.parametrize("options", MODES.values(), ids=MODES)


@pytest.fixture
def replay(lake, catalog):
    def apply(product, choice=Choice()):  # noqa: B008 -- frozen
        return Replay(product, lake, catalog, SMALL_BATCHES, "me").apply(choice)

    return apply


@pytest.fixture
def discard(lake, catalog):
    def apply(product, choice=Choice(), why="of no use"):  # noqa: B008 -- frozen
        made = Discard(product.id, product.contract, lake, catalog, SMALL_BATCHES)
        return made.apply(choice, by="me", why=why)

    return apply


def waiting(product, lake):
    found = waiting_rows(product.id, lake)
    return sorted(found.waiting().collect()["order_id"]) if found is not None else []


@every_mode
def test_a_row_that_passes_by_now_is_in_the_table_once_and_nothing_goes(lake, replay, options):
    publish_small(declared(**options), orders([*GOOD, *BAD]), lake, "first")
    outcome = replay(declared(Looser, **options))

    assert (outcome.replayed, outcome.stayed) == (1, 1)
    assert outcome.stayed_by_rule == {"amount_greater_than_or_equal_to": 1}
    assert rows_of(declared(), lake) == sorted([*GOOD, (2, "DE", -2.0)], key=repr)
    assert waiting(declared(), lake) == [4]
    receipt = next(receipts_in(lake.table(declared().id)))
    assert receipt == outcome.receipt
    assert (receipt.contract_version, receipt.rows_accepted) == ("1.1.0", 1)
    assert [(s.run_id, s.rows) for s in receipt.replay.sources] == [("first", 1)]
    assert Receipt.from_json(receipt.as_json()) == outcome.receipt

    again = replay(declared(Looser, **options))
    assert (again.replayed, again.stayed) == (0, 1)
    assert len(rows_of(declared(), lake)) == 3


@every_mode
def test_a_row_never_takes_the_place_of_one_that_was_published_since(lake, replay, options):
    publish_small(declared(**options), orders([(1, "DE", 1.0), (2, "DE", -2.0)]), lake, "first")
    newer = [(2, "FR", 7.0)]
    publish_small(declared(**options), orders(newer), lake, "second")
    outcome = replay(declared(Looser, **options), Choice(is_all=True))

    assert (outcome.replayed, outcome.stayed_by_rule) == (0, {"order_id_unique": 1})
    assert (2, "FR", 7.0) in rows_of(declared(), lake)
    assert (2, "DE", -2.0) not in rows_of(declared(), lake)


def test_an_update_that_waited_is_upserted_when_nothing_came_since(lake, replay):
    options = MODES["upsert"]
    publish_small(declared(**options), orders([(1, "DE", 1.0), (2, "DE", 5.0)]), lake, "first")
    publish_small(declared(**options), orders([(2, "DE", -2.0), (3, "DE", 1.0)]), lake, "second")
    publish_small(declared(**options), orders([(4, "DE", 4.0)]), lake, "third")

    assert replay(declared(Looser, **options)).replayed == 1
    assert rows_of(declared(), lake) == [
        (1, "DE", 1.0),
        (2, "DE", -2.0),
        (3, "DE", 1.0),
        (4, "DE", 4.0),
    ]


def test_a_row_whose_key_was_deleted_since_does_not_come_back(lake, replay):
    write = mesh.Upsert(on="order_id", delete_when="is_gone")
    options = {"write": write}

    def told(rows, *, is_gone=False):
        return orders(rows).with_columns(is_gone=pl.lit(is_gone))

    publish_small(declared(**options), told([(1, "DE", 1.0), (2, "DE", 2.0)]), lake, "first")
    publish_small(declared(**options), told([(2, "DE", -2.0), (1, "DE", 1.0)]), lake, "second")
    publish_small(declared(**options), told([(2, "DE", 2.0)], is_gone=True), lake, "third")

    assert replay(declared(Looser, **options)).replayed == 0
    assert rows_of(declared(), lake) == [(1, "DE", 1.0)]


def test_of_rows_with_one_key_the_latest_is_replayed(lake, replay):
    options = MODES["append"]
    publish_small(declared(**options), orders([(1, "DE", 1.0), (2, "DE", -1.0)]), lake, "first")
    publish_small(declared(**options), orders([(3, "DE", 1.0), (2, "FR", -2.0)]), lake, "second")
    outcome = replay(declared(Looser, **options))

    assert (outcome.replayed, outcome.stayed_by_rule) == (1, {"order_id_unique": 1})
    assert (2, "FR", -2.0) in rows_of(declared(), lake)


def test_rows_of_an_overwritten_run_do_not_wait_any_more(lake, replay):
    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    publish_small(declared(), orders([*GOOD, *BAD]), lake, "second")

    assert waiting(declared(), lake) == [2, 4]
    outcome = replay(declared(Looser))
    assert [s.run_id for s in outcome.receipt.replay.sources] == ["second"]
    assert replay(declared(Looser), Choice(run="first")).stayed_by_rule == {
        "order_id_unique": 1,
        "amount_greater_than_or_equal_to": 1,
    }


def test_the_next_overwrite_takes_the_rows_as_its_source_has_them(lake, replay):
    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    replay(declared(Looser))
    publish_small(declared(Looser), orders([*GOOD, *BAD]), lake, "second")

    assert sorted(row[0] for row in rows_of(declared(), lake)) == [1, 2, 3]
    assert waiting(declared(), lake) == [4]


def test_a_history_takes_what_waited_in_its_place(lake, replay):
    class Prices(mesh.Contract):
        """One row per product and period."""

        sku: int = mesh.Field(key=True)
        since: dt.date = mesh.Field(key=True)
        until: dt.date = mesh.Field(nullable=True)
        price: float = mesh.Field(ge=0)

    class Cheaper(Prices):
        price: float = mesh.Field(ge=-5)

        class Config:
            version = "1.1.0"

    write = mesh.SlowlyChanging(key="sku", valid_from="since", valid_to="until")

    def told(*rows):
        schema = {"sku": pl.Int64, "since": pl.Date, "price": pl.Float64}
        days = [(sku, dt.date(2026, 1, day), price) for sku, day, price in rows]
        return pl.DataFrame(days, schema=schema, orient="row")

    options = {"name": "prices", "write": write}
    before, after = declared(Prices, **options), declared(Cheaper, **options)
    publish_small(before, told((1, 1, 1.0), (1, 10, -2.0), (2, 1, 2.0)), lake, "first")
    publish_small(before, told((1, 20, 3.0), (2, 5, 2.0)), lake, "second")

    assert replay(after).replayed == 1
    of_one = [row for row in rows_of(after, lake) if row[0] == 1]
    day = dt.date(2026, 1, 1).replace
    assert of_one == [
        (1, day(day=1), day(day=10), 1.0),
        (1, day(day=10), day(day=20), -2.0),
        (1, day(day=20), None, 3.0),
    ]


def test_a_column_that_came_later_is_null_in_a_replayed_row(lake, replay):
    class Wider(Looser):
        note: str = mesh.Field(nullable=True)

        class Config:
            version = "1.2.0"

    publish_small(declared(write=mesh.Append()), orders([*GOOD, *BAD]), lake, "first")

    assert replay(declared(Wider, write=mesh.Append())).replayed == 1
    assert (2, "DE", -2.0, None) in rows_of(declared(Wider), lake)


def test_a_column_that_must_not_be_null_and_came_later_is_broken(lake, replay):
    class Wider(Looser):
        note: str

        class Config:
            version = "1.2.0"

    publish_small(declared(write=mesh.Append()), orders([*GOOD, *BAD]), lake, "first")
    outcome = replay(declared(Wider, write=mesh.Append()))

    assert outcome.stayed_by_rule["note_not_null"] == 2


def test_columns_that_are_gone_or_of_another_type_are_all_named_and_nothing_moves(lake, replay):
    class Other(mesh.Contract):
        """One row per order."""

        order_id: str = mesh.Field(key=True)
        amount: float = mesh.Field(nullable=True)

        class Config:
            version = "1.2.0"

    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    with pytest.raises(DefinitionError) as caught:
        replay(declared(Other))

    told = str(caught.value)
    assert "column 'country', which is gone" in told
    assert "column 'order_id' waits as int64, and is promised as string" in told
    assert waiting(declared(), lake) == [2, 4]


def test_rules_on_the_whole_are_asked_of_the_table_with_the_rows(lake, replay):
    class Two(Looser):
        class Config:
            version = "1.1.0"
            row_count = mesh.RowCount(at_least=2, at_most=2)

    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    outcome = replay(declared(Two))

    assert outcome.receipt is None
    assert "the data has 3 rows" in str(outcome.refusal)
    assert (outcome.stayed, waiting(declared(), lake)) == (2, [2, 4])
    assert len(rows_of(declared(), lake)) == 2


def test_a_publication_rule_is_no_reason_to_keep_a_row_from_a_product_that_grows(lake, replay):
    class Many(Looser):
        class Config:
            version = "1.1.0"
            row_count = mesh.RowCount(at_least=2)

    options = MODES["append"]
    publish_small(declared(**options), orders([*GOOD, *BAD]), lake, "first")

    assert replay(declared(Many, **options)).replayed == 1


def test_rows_that_refer_to_nothing_wait_and_the_others_pass(lake, replay):
    class Countries(mesh.Contract):
        """One row per country."""

        country: str = mesh.Field(key=True)

    class Referring(mesh.Contract):
        """One row per order."""

        order_id: int = mesh.Field(key=True)
        country: str = mesh.Field(references=mesh.Reference("shop.countries_v1.country"))
        amount: float = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    publish_small(
        product(Countries, name="countries"), pl.DataFrame({"country": ["DE"]}), lake, "countries"
    )
    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    outcome = replay(declared(Referring))

    assert (outcome.replayed, outcome.stayed_by_rule) == (1, {"country_references": 1})
    assert waiting(declared(), lake) == [4]


def test_rows_that_stay_are_told_the_rules_that_they_break_now(lake, replay):
    class Stricter(Orders):
        country: str = mesh.Field(isin=["IT"])
        amount: float = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    publish_small(declared(), orders([*GOOD, *BAD]), lake, "first")
    replay(declared(Stricter))
    rows = waiting_rows(declared().id, lake).waiting().collect()

    assert rows["_mesh_rules"].to_list() == [["country_isin"], ["country_isin"]]
    assert set(rows["_mesh_run"]) == {"first"}


def test_only_what_was_chosen_is_replayed_or_discarded(lake, replay, discard):
    publish_small(declared(write=mesh.Append()), orders([*GOOD, *BAD]), lake, "first")
    after = declared(Looser, write=mesh.Append())

    assert replay(after, Choice(where="country = 'FR'")).replayed == 0
    assert discard(after, Choice(where="country = 'FR'")).rows == 1
    assert waiting(after, lake) == [2]
    assert replay(after, Choice(rule="amount_greater_than_or_equal_to", run="first")).replayed == 1
    assert discard(after) is None
    changes = [(change.what, change.rows) for change in history(after.id, lake)]
    assert sorted(changes) == [("discarded", -1), ("rejected", 2), ("replayed", -1)]


def test_durations_survive_a_replay(lake, replay):
    class Rides(mesh.Contract):
        """One row per ride."""

        ride_id: int = mesh.Field(key=True)
        lasted: dt.timedelta
        amount: float = mesh.Field(ge=0)

    class Free(Rides):
        amount: float = mesh.Field(ge=-1)

        class Config:
            version = "1.1.0"

    rides = pl.DataFrame(
        {"ride_id": [1, 2], "lasted": [dt.timedelta(minutes=5)] * 2, "amount": [1.0, -1.0]}
    )
    publish_small(declared(Rides, name="rides"), rides, lake, "first")
    after = declared(Free, name="rides")

    assert replay(after).replayed == 1
    assert rows_of(after, lake)[1] == (2, dt.timedelta(minutes=5), -1.0)


def test_nothing_published_is_said(lake, replay):
    with pytest.raises(NotPublishedError, match="is not published yet"):
        replay(declared())


def test_a_replay_is_no_news_for_a_product_that_reads_changes_itself(lake, replay):
    """Its own receipt does not hide what it consumed: a replay has consumed nothing."""
    publish_small(declared(write=mesh.Append()), orders([*GOOD, *BAD]), lake, "first")
    outcome = replay(declared(Looser, write=mesh.Append()))
    assert [item for item in outcome.receipt.inputs if item.port] == []
