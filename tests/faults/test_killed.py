"""Killed or interrupted in the middle of a stream: nothing half, and what is left can be removed."""

import signal
from datetime import timedelta

import pytest

from mesh.publishing import publish
from tests.behaviour.products import orders, product, publish_small, rows_of, state_of
from tests.behaviour.upkeep import remove_leftovers
from tests.faults.children import order_of
from tests.faults.publisher import MODES, numbered

OLD = [(1, "C1", 1.0), (9_999, "C0", 1.0)]
NEW = (0, 8_000)
AT_ONCE = timedelta(0)


@pytest.mark.parametrize("write", ["overwrite", "replace"])
def test_a_kill_while_rows_stream_through_two_threads_leaves_the_table_as_it_was(
    disk, start, write
):
    partition_by = ("country",) if write == "replace" else ()
    declared = product(write=MODES[write], partition_by=partition_by)
    publish_small(declared, orders(OLD), disk, "old")
    child = start(stop_at="staging")
    child.tell(disk, {"write": write, "partition_by": partition_by}, "new", numbers=NEW)
    child.await_stop("staging")
    child.kill()

    assert rows_of(declared, disk) == sorted(OLD)
    removed = remove_leftovers(disk, [declared.id], older_than=AT_ONCE)
    assert bool(removed) is (write == "overwrite")  # rows of a partition wait in memory
    retried = publish(declared, numbered(*NEW), lake=disk, run_id="new")
    assert (retried.table_version, retried.is_repeated) == (1, False)
    assert len(rows_of(declared, disk)) == 8_000


def test_what_a_killed_first_publication_leaves_is_no_table_and_is_cleaned_up(disk, nursery):
    declared = product()
    told = order_of(disk, {}, "first", numbers=NEW)
    nursery.killed("publish", told, ("before the commit", 1))

    table = disk.table(declared.id)
    assert not table.exists()
    remove_leftovers(disk, [declared.id], older_than=AT_ONCE)
    version, shown, lying = state_of(table)
    # Its profile goes with the upkeep of profiles: tests/upkeep/test_profiles.py.
    assert (version, shown) == (None, [])
    assert all(path.startswith("_mesh/profiles/") for path in lying)


def test_leftovers_that_may_still_be_in_use_are_kept(disk, nursery):
    declared = product()
    told = order_of(disk, {}, "first", numbers=NEW)
    nursery.killed("publish", told, ("before the commit", 1))
    lying = state_of(disk.table(declared.id))[2]

    assert remove_leftovers(disk, [declared.id]) == []
    (named, *_) = remove_leftovers(disk, [declared.id], older_than=AT_ONCE, is_dry_run=True)
    assert named.endswith(".parquet")
    assert state_of(disk.table(declared.id))[2] == lying != []


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
