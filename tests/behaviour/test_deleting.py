"""Rows that say that something is gone remove its key, and are not stored."""

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import GateError
from mesh.publishing import receipts_in
from tests.behaviour.products import Orders, orders, product, publish_small, rows_of, state_of

FIRST = [(number, "DE", float(number)) for number in range(10)]
BY_FEED = mesh.Upsert(on="order_id", delete_when=pl.col("_change_type") == "delete")


BY_FLAG = mesh.Upsert(on="order_id", delete_when="is_gone")


def changes(rows, kinds, versions=3) -> pl.DataFrame:
    """Rows as Delta's change data feed hands them over."""
    told = [versions] * len(rows) if isinstance(versions, int) else versions
    return orders(rows).with_columns(
        _change_type=pl.Series(kinds, dtype=pl.String),
        _commit_version=pl.Series(told, dtype=pl.Int64),
        _commit_timestamp=pl.lit(0).cast(pl.Datetime("ms", "UTC")),
    )


@pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])
def test_changes_flow_through_as_they_come(lake, partition_by):
    merging = product(write=BY_FEED, partition_by=partition_by)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    later = changes(
        [(3, "FR", 30.0), (4, "DE", 4.0), (11, "FR", 11.0), (99, "FR", 0.0)],
        ["update_postimage", "delete", "insert", "delete"],
    )
    receipt = publish_small(merging, later, lake, "second")

    expected = [*(row for row in FIRST if row[0] not in {3, 4}), (3, "FR", 30.0), (11, "FR", 11.0)]
    assert rows_of(merging, lake) == sorted(expected, key=repr)
    assert lake.table(merging.id).snapshot().schema.names == ["order_id", "country", "amount"]
    assert (receipt.rows_accepted, receipt.rows_deleted) == (2, 1)
    assert next(receipts_in(lake.table(merging.id))).rows_deleted == 1


def test_of_a_row_that_deletes_only_the_key_is_looked_at(lake):
    merging = product(write=BY_FEED)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    tombstones = changes([(4, None, -1.0), (5, "DE", None)], ["delete", "delete"])
    receipt = publish_small(merging, tombstones, lake, "second")

    assert isinstance(receipt, Receipt)
    assert receipt.rows_deleted == 2
    assert rows_of(merging, lake) == [row for row in FIRST if row[0] not in {4, 5}]


def test_a_row_that_deletes_without_a_key_breaks_the_contract(lake):
    merging = product(write=BY_FEED)
    refusal = publish_small(merging, changes([(None, "DE", 1.0)], ["delete"]), lake, "first")

    assert isinstance(refusal, Refusal)
    assert refusal.verdict.finding("order_id_not_null").failed == 1


def test_a_condition_may_be_a_column_of_booleans_that_may_be_null(lake):
    merging = product(write=mesh.Upsert(on="order_id", delete_when="is_gone"))
    flagged = orders(FIRST).with_columns(is_gone=pl.lit(None, pl.Boolean))
    publish_small(merging, flagged, lake, "first")
    publish_small(merging, flagged[:3].with_columns(is_gone=pl.lit(value=True)), lake, "second")

    assert rows_of(merging, lake) == FIRST[3:]


def test_a_condition_may_look_at_the_contracts_own_columns(lake):
    merging = product(write=mesh.Upsert(on="order_id", delete_when=pl.col("country") == "none"))
    publish_small(merging, orders(FIRST), lake, "first")
    publish_small(merging, orders([(1, "none", None)]), lake, "second")

    assert rows_of(merging, lake) == [row for row in FIRST if row[0] != 1]


def test_a_publication_that_writes_and_deletes_one_key_is_refused(lake):
    merging = product(write=BY_FLAG)
    publish_small(merging, orders(FIRST).with_columns(is_gone=False), lake, "first")
    before = state_of(lake.table(merging.id))
    rows = orders([(4, "DE", 4.0), (4, "DE", 5.0)])
    refusal = publish_small(merging, rows.with_columns(is_gone=pl.Series([True, False])), lake, "2")

    assert isinstance(refusal, Refusal)
    assert refusal.verdict.reasons == (
        "1 row has a key (order_id) that the same publication deletes",
    )
    assert refusal.verdict.finding("order_id_unique").samples == ({"order_id": 4},)
    assert state_of(lake.table(merging.id)) == before


def test_an_update_that_a_feed_tells_in_two_rows_is_one(lake):
    merging = product(write=BY_FEED)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    told = changes(
        [(3, "DE", 3.0), (3, "FR", 30.0), (4, "DE", 4.0), (4, "FR", 40.0), (5, "DE", 5.0)],
        ["update_preimage", "update_postimage", "delete", "insert", "delete"],
    )
    receipt = publish_small(merging, told, lake, "second")

    assert (receipt.rows_accepted, receipt.rows_deleted) == (2, 1)
    expected = [
        *(row for row in FIRST if row[0] not in {3, 4, 5}),
        (3, "FR", 30.0),
        (4, "FR", 40.0),
    ]
    assert rows_of(merging, lake) == sorted(expected, key=repr)


def test_what_a_row_was_is_deleted_when_its_key_is_another_now(lake):
    merging = product(write=BY_FEED)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    told = changes([(3, "DE", 3.0), (33, "DE", 3.0)], ["update_preimage", "update_postimage"])
    assert publish_small(merging, told, lake, "second").rows_deleted == 1
    numbers = [row[0] for row in rows_of(merging, lake)]
    assert sorted(numbers) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 33]


def test_a_feed_in_which_a_key_is_deleted_after_it_was_written_is_refused(lake):
    merging = product(write=BY_FEED)
    told = changes([(3, "DE", 3.0), (3, "DE", 3.0)], ["insert", "delete"], versions=[3, 4])
    refusal = publish_small(merging, told, lake, "first")
    assert refusal.verdict.reasons == (
        "1 row has a key (order_id) that the same publication deletes",
    )


def test_a_row_of_a_feed_that_breaks_a_rule_leaves_what_was_there(lake):
    merging = product(write=BY_FEED, on_violation=mesh.Quarantine(0.5))
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    told = changes(
        [(3, "DE", 3.0), (3, "DE", -3.0), (7, "DE", 70.0)],
        ["update_preimage", "update_postimage", "update_postimage"],
    )
    receipt = publish_small(merging, told, lake, "second")
    assert (receipt.rows_accepted, receipt.rows_rejected, receipt.rows_deleted) == (1, 1, 0)
    assert (3, "DE", 3.0) in rows_of(merging, lake)


def test_files_without_a_deleted_key_stay_as_they_are(lake):
    merging = product(write=BY_FEED)
    for start in (0, 10):
        rows = [(number, "DE", 1.0) for number in range(start, start + 4)]
        publish_small(merging, changes(rows, ["insert"] * 4), lake, f"from {start}")
    before = lake.table(merging.id).snapshot().files
    publish_small(merging, changes([(11, "DE", 1.0)], ["delete"]), lake, "third")

    after = {file.path for file in lake.table(merging.id).snapshot().files}
    assert {file.path for file in before if file.bounds["order_id"][0] == 0} <= after
    assert len(rows_of(merging, lake)) == 7


def test_nothing_is_left_of_what_was_only_staged(lake):
    merging = product(write=BY_FEED)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    publish_small(merging, changes(FIRST[:6], ["delete"] * 6), lake, "second")

    table = lake.table(merging.id)
    shown = {file.path for v in (0, 1) for file in table.snapshot(v).files}
    assert {path for path in state_of(table)[2] if path.endswith(".parquet")} == shown


def test_everything_may_be_deleted_and_published_again(lake):
    merging = product(write=BY_FEED)
    publish_small(merging, changes(FIRST, ["insert"] * 10), lake, "first")
    gone = publish_small(merging, changes(FIRST, ["delete"] * 10), lake, "second")
    assert (gone.rows_accepted, gone.rows_deleted, rows_of(merging, lake)) == (0, 10, [])

    publish_small(merging, changes(FIRST[:1], ["insert"]), lake, "third")
    assert rows_of(merging, lake) == FIRST[:1]


def test_a_first_publication_has_nothing_to_delete(lake):
    merging = product(write=BY_FEED)
    receipt = publish_small(merging, changes(FIRST, ["insert"] * 9 + ["delete"]), lake, "first")

    assert (receipt.rows_deleted, rows_of(merging, lake)) == (0, FIRST[:9])


def test_a_column_that_decides_must_come_along(lake):
    refusal = publish_small(product(write=BY_FEED), orders(FIRST), lake, "first")

    (difference,) = refusal.verdict.differences
    assert str(difference) == (
        "_change_type: promised a column for delete_when, found no such column "
        "(the transform drops it)"
    )


def test_other_columns_are_refused_as_ever(lake):
    merging = product(write=BY_FEED)
    frame = changes(FIRST, ["insert"] * 10).with_columns(note=pl.lit("x"))
    refusal = publish_small(merging, frame, lake, "first")

    assert [difference.column for difference in refusal.verdict.differences] == ["note"]
    plain = product(write=mesh.Upsert(on="order_id"))
    refusal = publish_small(plain, changes(FIRST, ["insert"] * 10), lake, "first")
    assert len(refusal.verdict.differences) == 3


@pytest.mark.parametrize(
    ("condition", "message"),
    [("amount", "it is Float64, not true or false"), (pl.col("order_id") == "x", "compare")],
)
def test_a_condition_that_cannot_be_decided_is_no_statement_about_the_data(
    lake, condition, message
):
    merging = product(Orders, write=mesh.Upsert(on="order_id", delete_when=condition))
    with pytest.raises(GateError, match=message):
        publish_small(merging, orders(FIRST), lake, "first")
