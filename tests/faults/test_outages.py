"""A store that is gone, throttled, slow or forgetful, and clocks that differ by hours.

Whatever the store does, a publication that was acknowledged is there once; one that was not can be
tried again, and is there once then.
"""

import json
import time
from datetime import timedelta

import pytest

import mesh
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync_product
from mesh.lake import Lake
from tests.behaviour.products import history_of, orders, product, publish_small, rows_of
from tests.behaviour.proxy import proxied
from tests.faults.children import order_of
from tests.faults.damage import entry
from tests.faults.outages import CutOff, Forgetful, Gone, Moody, Slow, skewed
from tests.faults.publisher import MODES

OLD = [(1, "C0", 1.0)]
NEW = [(2, "C1", 2.0), (3, "C2", 3.0)]
TOLD = {"write": "append"}

FAULTS = {
    "gone for a while at the first request": lambda: Gone(seconds=1, after=1),
    "gone for a while in the middle": lambda: Gone(seconds=2, after=9),
    "throttled and failing at random": lambda: Moody(share=0.25, seed=7),
    "losing answers at random": lambda: Forgetful(share=0.15, seed=11),
    "slow": lambda: Slow(seconds=0.1),
    "cut off in the middle of an upload": CutOff,
}


def publish_through(nursery, bucket, lake, fault):
    """What a child says that publishes through a fault, and how long it took."""
    begun = time.monotonic()
    with proxied(bucket.endpoint, fault) as endpoint:
        far = Lake(lake.url, {**lake.options, "aws_endpoint_url": endpoint})
        child = nursery.begin("publish", order_of(far, TOLD, "new", rows=NEW))
        code, (said,) = nursery.await_end(child)
    assert code == 0
    return said, time.monotonic() - begun


@pytest.mark.parametrize("name", FAULTS)
def test_a_publication_through_a_failing_store_is_there_once_or_can_be_tried_again(
    nursery, bucket, name, figures
):
    declared, lake, fault = product(write=MODES["append"]), bucket.lake(), FAULTS[name]()
    publish_small(declared, orders(OLD), lake, "old")
    said, _ = publish_through(nursery, bucket, lake, fault)

    assert getattr(fault, "struck", 0) + getattr(fault, "refused", 0) > 0
    has_landed = history_of(declared, lake)[1:] == [(1, "new")]
    assert rows_of(declared, lake) == (OLD + NEW if has_landed else OLD)
    if said["says"] == "published":
        assert has_landed
    else:
        assert said["says"] == "failed", said
    again = publish_small(declared, orders(NEW), lake, "new")
    assert (again.table_version, again.is_repeated) == (1, has_landed)
    assert rows_of(declared, lake) == OLD + NEW
    figures.add("outages of the store", 1)
    figures.add("outages that the publication outlasted", int(said["says"] == "published"))


def test_a_store_that_finds_the_clock_wrong_is_quoted_and_nothing_is_published(nursery, bucket):
    declared, lake = product(write=MODES["append"]), bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    said, seconds = publish_through(nursery, bucket, lake, skewed)

    assert said["error"] == "StorageError"
    assert "request time" in said["text"]
    assert seconds < 20
    assert rows_of(declared, lake) == OLD


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_writer_whose_clock_is_off_by_hours_publishes_in_its_turn(
    nursery, disk, tmp_path, hours, figures
):
    declared = product(write=MODES["append"])
    publish_small(declared, orders(OLD), disk, "old")
    told = order_of(disk, TOLD, "skewed", rows=NEW, clock_hours=hours)
    code, (said,) = nursery.await_end(nursery.begin("publish", told))
    assert (code, said["version"]) == (0, 1)
    log = entry(disk.table(declared.id), 1)
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:  # delta-rs takes the time from the system: the entry of that machine
        if info := action.get("commitInfo"):
            info["timestamp"] += int(timedelta(hours=hours).total_seconds() * 1000)
    log.write_text("".join(f"{json.dumps(action)}\n" for action in actions))
    last = publish_small(declared, orders([(9, "C0", 9.0)]), disk, "last")

    assert (last.table_version, last.foreign) == (2, ())
    assert [commit.version for commit in disk.table(declared.id).commits()] == [2, 1, 0]
    assert rows_of(declared, disk, 1) == OLD + NEW
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as catalog:
        assert sync_product(catalog, disk, declared.id).recorded == 3
        assert catalog.latest_receipt(str(declared.id)) == last
        assert [r.table_version for r in catalog.receipts(str(declared.id))] == [2, 1, 0]
    figures.add("clocks off by hours", 1)


def test_a_reader_that_is_pinned_sees_its_version_while_the_table_moves_on(disk):
    declared = product(write=mesh.Overwrite())
    publish_small(declared, orders(OLD), disk, "old")
    pinned = disk.table(declared.id).scan(0)
    for number in range(3):
        publish_small(declared, orders(NEW[number % 2 :]), disk, str(number))
        assert sorted(pinned.collect().rows()) == OLD
