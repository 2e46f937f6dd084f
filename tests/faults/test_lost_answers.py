"""A commit whose answer is lost: it is found out whether it landed, and never doubled or undone.

Publishing happens in a process of its own: the proxy that loses answers is in this one, and
delta-rs does not let other threads run while it waits.
"""

import pytest

from mesh.lake import Lake
from tests.behaviour.products import (
    history_of,
    orders,
    product,
    publish_small,
    rows_of,
    state_of,
)
from tests.behaviour.proxy import Answer, error, proxied
from tests.faults.children import Child
from tests.faults.publisher import MODES

OLD = [(1, "DE", 1.0), (2, "FR", 2.0)]
NEW = [(3, "DE", 3.0), (4, "FR", 4.0)]


@pytest.fixture(scope="module")
def publisher():
    child = Child.start()
    try:
        yield child.await_ready()
    finally:
        child.end()


def publish_through(publisher, fault, bucket, lake, rows, write="overwrite") -> dict:
    """Let the child publish `rows` as run `new`, through a proxy with a fault."""
    with proxied(bucket.endpoint, fault) as endpoint:
        far = Lake(lake.url, {**lake.options, "aws_endpoint_url": endpoint})
        layout = {"partition_by": ("country",)} if write == "replace" else {}
        publisher.tell(far, {"write": write, **layout}, "new", rows=rows)
        return publisher.hear()


def is_commit(request, version: int) -> bool:
    return request.method == "PUT" and request.path.endswith(f"_delta_log/{version:020}.json")


class Losing:
    """Lets the first commits of a version through, and closes the connection instead of answering."""

    def __init__(self, version: int, times: int = 1) -> None:
        self.version = version
        self.left = times

    def __call__(self, request, ask) -> Answer:
        if is_commit(request, self.version) and self.left:
            self.left -= 1
            return Answer(status=ask(request).status, is_lost=True)
        return ask(request)


@pytest.mark.parametrize("write", MODES)
def test_a_commit_that_landed_unheard_is_recognised(bucket, publisher, write):
    partition_by = ("country",) if write == "replace" else ()
    declared = product(write=MODES[write], partition_by=partition_by)
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    new = {
        "overwrite": NEW,
        "append": NEW,
        "replace": [(2, "FR", 20.0), (4, "FR", 4.0)],
        "upsert": [(2, "DE", 20.0), *NEW],
    }[write]
    losing = Losing(version=1)
    said = publish_through(publisher, losing, bucket, lake, new, write)

    assert losing.left == 0
    assert (said["says"], said["version"], said["is_repeated"]) == ("published", 1, False)
    assert history_of(declared, lake) == [(0, "old"), (1, "new")]
    taken = {number for number, *_ in new}
    kept = [] if write == "overwrite" else [row for row in OLD if row[0] not in taken]
    assert rows_of(declared, lake) == sorted([*kept, *new], key=repr)
    assert publish_small(declared, orders(new), lake, "new").table_version == 1


def test_a_first_commit_that_landed_unheard_is_recognised(bucket, publisher):
    lake = bucket.lake()
    said = publish_through(publisher, Losing(version=0), bucket, lake, NEW)

    assert (said["says"], said["version"]) == ("published", 0)
    assert rows_of(product(), lake) == NEW


@pytest.mark.parametrize("is_landing", [True, False], ids=["landed", "did not land"])
def test_a_store_that_is_gone_once_the_commit_was_sent_deletes_nothing_of_it(
    bucket, publisher, is_landing
):
    declared = product()
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    gone = []

    def vanish(request, ask):
        if is_commit(request, 1):
            gone.append(ask(request) if is_landing else None)
        return error(400, "Gone", "The store has gone fishing.") if gone else ask(request)

    said = publish_through(publisher, vanish, bucket, lake, NEW)
    assert said["says"] == "failed"
    assert "The store has gone fishing." in said["text"]
    assert rows_of(declared, lake) == (NEW if is_landing else OLD)

    receipt = publish_small(declared, orders(NEW), lake, "new")
    assert (receipt.table_version, receipt.is_repeated) == (1, is_landing)
    assert rows_of(declared, lake) == NEW


def test_an_upload_that_is_turned_down_publishes_nothing(bucket, publisher):
    declared = product()
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    before = state_of(lake.table(declared.id))

    def turn_down(request, ask):
        if request.method in {"PUT", "POST"} and ".parquet" in request.path:
            return error(400, "EntityTooLarge", "Your proposed upload is too large.")
        return ask(request)

    said = publish_through(publisher, turn_down, bucket, lake, NEW)
    assert said["error"] == "StorageError"
    assert "Your proposed upload is too large." in said["text"]
    assert state_of(lake.table(declared.id)) == before


def test_a_store_that_is_busy_for_a_moment_is_asked_again(bucket, publisher):
    lake = bucket.lake()
    seen = []

    def busy_at_first(request, ask):
        seen.append((request.method, request.path))
        if request.method == "PUT" and seen.count((request.method, request.path)) == 1:
            return error(503, "SlowDown", "Please reduce your request rate.")
        return ask(request)

    said = publish_through(publisher, busy_at_first, bucket, lake, NEW)
    assert (said["says"], said["version"]) == ("published", 0)
    assert rows_of(product(), lake) == NEW
