"""`kill -9` at any moment: the table is the old version or the new one, and a retry publishes once."""

import signal
from datetime import timedelta

import pytest

import mesh
from mesh.publishing import publish
from mesh.reading import rejected_rows
from tests.behaviour.products import history_of, orders, product, publish_small, rows_of, state_of
from tests.behaviour.upkeep import remove_leftovers
from tests.faults.publisher import MODES, numbered

PLACES = ["staging", "before the commit", "after the commit"]
OLD = [(1, "C1", 1.0), (9_999, "C0", 1.0)]
NEW = (0, 8_000)
AT_ONCE = timedelta(0)


ROWS_AFTER = {"overwrite": 8_000, "append": 8_001, "replace": 8_000, "upsert": 8_001}


@pytest.mark.parametrize(
    ("place", "write"),
    [
        ("staging", "overwrite"),
        ("staging", "replace"),
        *(("before the commit", write) for write in MODES),
        ("after the commit", "append"),
        ("after the commit", "upsert"),
    ],
)
def test_a_killed_publication_is_whole_or_not_at_all_and_its_retry_publishes_once(
    disk, start, place, write
):
    assert_whole_or_not_at_all(disk, start, place, write)


@pytest.mark.parametrize(
    ("place", "write"),
    [("staging", "append"), ("before the commit", "upsert")],
)
def test_the_same_holds_in_a_bucket(bucket, start, place, write):
    assert_whole_or_not_at_all(bucket.lake(), start, place, write)


def assert_whole_or_not_at_all(lake, start, place, write) -> None:
    partition_by = ("country",) if write == "replace" else ()
    declared = product(write=MODES[write], partition_by=partition_by)
    old = [row for row in OLD if write != "append" or row[0] == 9_999]
    publish_small(declared, orders(old), lake, "old")
    table = lake.table(declared.id)

    child = start(stop_at=place)
    child.tell(lake, {"write": write, "partition_by": partition_by}, "new", numbers=NEW)
    child.await_stop(place)
    child.kill()

    has_landed = place == "after the commit"
    assert table.version() == int(has_landed)
    assert len(rows_of(declared, lake)) == (ROWS_AFTER[write] if has_landed else len(old))

    retried = publish(declared, numbered(*NEW), lake=lake, run_id="new")
    assert (retried.table_version, retried.is_repeated) == (1, has_landed)
    assert history_of(declared, lake) == [(0, "old"), (1, "new")]
    assert len(rows_of(declared, lake)) == ROWS_AFTER[write]

    shown = {file.path for version in (0, 1) for file in table.snapshot(version).files}
    removed = remove_leftovers(lake, [declared.id], older_than=AT_ONCE)
    # Rows of a partition wait in memory until there are enough of them.
    is_staged = place == "staging" and lake.is_local and write != "replace"
    assert bool(removed) is (place == "before the commit" or is_staged)
    assert {path for path in state_of(table)[2] if path.endswith(".parquet")} == shown
    assert len(rows_of(declared, lake, version=0)) == len(old)
    assert len(rows_of(declared, lake)) == ROWS_AFTER[write]


@pytest.mark.parametrize("place", PLACES[:2])
def test_what_a_killed_first_publication_leaves_is_no_table_and_is_cleaned_up(disk, start, place):
    declared = product()
    child = start(stop_at=place)
    child.tell(disk, {}, "first", numbers=NEW)
    child.await_stop(place)
    child.kill()

    table = disk.table(declared.id)
    assert not table.exists()
    remove_leftovers(disk, [declared.id], older_than=AT_ONCE)
    assert state_of(table) == (None, [], [])


def test_leftovers_that_may_still_be_in_use_are_kept(disk, start):
    declared = product()
    child = start(stop_at="before the commit")
    child.tell(disk, {}, "first", numbers=NEW)
    child.await_stop("before the commit")
    lying = state_of(disk.table(declared.id))[2]

    assert remove_leftovers(disk, [declared.id]) == []
    (named, *_) = remove_leftovers(disk, [declared.id], older_than=AT_ONCE, is_dry_run=True)
    assert named.endswith(".parquet")
    assert state_of(disk.table(declared.id))[2] == lying != []


@pytest.mark.parametrize(
    "place", ["before the quarantine's commit", "after the quarantine's commit"]
)
def test_a_kill_around_the_quarantine_keeps_every_rejected_row_once(disk, start, place):
    declared = product(on_violation=mesh.Quarantine(0.5))
    told = {"tolerance": 0.5}
    rows = [(1, "DE", 1.0), (2, "DE", -1.0), (3, None, 1.0), (4, "FR", 1.0)]
    child = start(stop_at=place)
    child.tell(disk, told, "run", rows=rows)
    child.await_stop(place)
    child.kill()
    assert not disk.table(declared.id).exists()

    publish_small(declared, orders(rows), disk, "run")
    kept = rejected_rows(declared.id, disk).collect()
    assert sorted(kept["order_id"]) == [2, 3]
    assert rows_of(declared, disk) == [(1, "DE", 1.0), (4, "FR", 1.0)]


def test_an_interrupt_while_rows_stream_ends_at_once_and_leaves_nothing(disk, start):
    declared = product()
    publish_small(declared, orders(OLD), disk, "old")
    before = state_of(disk.table(declared.id))
    child = start(stop_at="staging")
    child.tell(disk, {}, "new", numbers=NEW)
    child.await_stop("staging")

    assert child.send(signal.SIGINT) != 0
    assert state_of(disk.table(declared.id)) == before


def test_an_interrupt_just_after_the_commit_deletes_nothing_of_it(disk, start):
    declared = product()
    child = start(stop_at="after the commit")
    child.tell(disk, {}, "new", numbers=NEW)
    child.await_stop("after the commit")

    assert child.send(signal.SIGINT) != 0
    assert len(rows_of(declared, disk)) == 8_000
