"""Rejected rows wait beside the product, and tell where they came from."""

import datetime as dt

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal, publication_id
from mesh.reading import rejected_rows
from tests.behaviour.products import Orders, orders, product, publish_small, rows_of, state_of

MIXED = [(1, "DE", 1.0), (2, "DE", -2.0), (3, "FR", None), (4, None, -4.0), (5, "IT", 5.0)]


def test_rejected_rows_are_kept_with_the_rules_they_broke_and_their_origin(lake):
    declared = product(on_violation=mesh.Quarantine(0.5))
    before = dt.datetime.now(dt.UTC)
    receipt = publish_small(declared, orders(MIXED), lake, "run")

    assert (receipt.rows_accepted, receipt.rows_rejected) == (3, 2)
    assert rows_of(declared, lake) == [(1, "DE", 1.0), (3, "FR", None), (5, "IT", 5.0)]
    kept = rejected_rows(declared.id, lake).sort("order_id").collect()
    assert kept.select(list(Orders.to_schema().columns)).rows() == [
        (2, "DE", -2.0),
        (4, None, -4.0),
    ]
    assert [sorted(rules) for rules in kept["_mesh_rules"].to_list()] == [
        ["amount_greater_than_or_equal_to"],
        ["amount_greater_than_or_equal_to", "country_not_null"],
    ]
    assert kept["_mesh_row"].to_list() == [1, 3]
    assert set(kept["_mesh_run"]) == {"run"}
    assert set(kept["_mesh_publication"]) == {publication_id(str(declared.id), "run")}
    assert kept["_mesh_rejected_at"].dtype == pl.Datetime("us", "UTC")
    assert before <= kept["_mesh_rejected_at"].min() <= dt.datetime.now(dt.UTC)


def test_more_rejected_rows_than_tolerated_publish_and_keep_nothing(lake):
    declared = product(on_violation=mesh.Quarantine(0.39))
    outcome = publish_small(declared, orders(MIXED), lake, "run")

    assert isinstance(outcome, Refusal)
    assert "2 of 5 rows (40.00%)" in outcome.verdict.reasons[0]
    assert state_of(lake.table(declared.id)) == (None, [], [])
    assert state_of(lake.quarantine(declared.id)) == (None, [], [])
    assert rejected_rows(declared.id, lake) is None


def test_exactly_as_many_as_tolerated_publish(lake):
    declared = product(on_violation=mesh.Quarantine(0.4))
    assert isinstance(publish_small(declared, orders(MIXED), lake, "run"), Receipt)


def test_no_rejected_rows_leave_no_quarantine(lake):
    declared = product(on_violation=mesh.Quarantine(0.4))
    publish_small(declared, orders([(1, "DE", 1.0)]), lake, "run")

    assert state_of(lake.quarantine(declared.id)) == (None, [], [])


def test_rejected_rows_of_every_publication_stay(lake):
    declared = product(on_violation=mesh.Quarantine(0.5), partition_by=("country",))
    publish_small(declared, orders(MIXED), lake, "first")
    publish_small(declared, orders(MIXED), lake, "first")
    publish_small(declared, orders(MIXED), lake, "second")

    kept = rejected_rows(declared.id, lake).collect()
    assert sorted(kept["_mesh_run"]) == ["first", "first", "second", "second"]


def test_a_rejected_row_takes_no_key(lake):
    declared = product(on_violation=mesh.Quarantine(0.5), write=mesh.Append())
    first = publish_small(declared, orders([(1, "DE", -1.0), (1, "DE", 1.0)]), lake, "first")
    second = publish_small(declared, orders([(2, "DE", 2.0), (3, "DE", -1.0)]), lake, "second")

    assert (first.rows_accepted, second.rows_accepted) == (1, 1)
    assert rows_of(declared, lake) == [(1, "DE", 1.0), (2, "DE", 2.0)]


def test_duplicate_keys_among_accepted_rows_refuse_and_keep_no_rejected_rows(lake):
    declared = product(on_violation=mesh.Quarantine(0.9))
    outcome = publish_small(declared, orders([*MIXED, (1, "XX", 1.0)]), lake, "run")

    assert isinstance(outcome, Refusal)
    assert state_of(lake.quarantine(declared.id)) == (None, [], [])


def test_a_later_contract_with_one_more_column_adds_it_to_the_quarantine(lake):
    class Wider(Orders):
        note: str = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    before = product(on_violation=mesh.Quarantine(0.5))
    publish_small(before, orders(MIXED), lake, "first")
    after = product(Wider, on_violation=mesh.Quarantine(0.5))
    publish_small(after, orders(MIXED).with_columns(note=pl.lit("n")), lake, "second")

    kept = rejected_rows(after.id, lake).collect()
    assert sorted(kept["note"].to_list(), key=repr) == ["n", "n", None, None]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_tolerance_is_a_share(share):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        mesh.Quarantine(share)
