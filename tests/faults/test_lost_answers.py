"""A commit whose answer is lost: it is found out whether it landed, and never doubled or undone."""

import pytest

from mesh.errors import StorageError
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
from tests.faults.publisher import MODES

OLD = [(1, "DE", 1.0), (2, "FR", 2.0)]
NEW = [(3, "DE", 3.0), (4, "FR", 4.0)]


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
            return Answer(**{"status": ask(request).status, "is_lost": True})
        return ask(request)


def through(endpoint: str, lake: Lake) -> Lake:
    return Lake(lake.url, {**lake.options, "aws_endpoint_url": endpoint})


@pytest.mark.parametrize("write", MODES)
def test_a_commit_that_landed_unheard_is_recognised(bucket, write):
    partition_by = ("country",) if write == "replace" else ()
    declared = product(write=MODES[write], partition_by=partition_by)
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    new = NEW if write == "append" else [(2, "FR", 20.0), *NEW]
    new = [row for row in new if write != "replace" or row[1] == "FR"]
    losing = Losing(version=1)
    with proxied(bucket.endpoint, losing) as endpoint:
        receipt = publish_small(declared, orders(new), through(endpoint, lake), "new")

    assert losing.left == 0
    assert (receipt.table_version, receipt.is_repeated) == (1, False)
    assert history_of(declared, lake) == [(0, "old"), (1, "new")]
    kept = [] if write == "overwrite" else [row for row in OLD if row[0] not in {n for n, *_ in new}]
    assert rows_of(declared, lake) == sorted([*kept, *new], key=repr)
    assert publish_small(declared, orders(new), lake, "new") == receipt


def test_a_first_commit_that_landed_unheard_is_recognised(bucket):
    lake = bucket.lake()
    with proxied(bucket.endpoint, Losing(version=0)) as endpoint:
        receipt = publish_small(product(), orders(NEW), through(endpoint, lake), "new")

    assert receipt.table_version == 0
    assert rows_of(product(), lake) == NEW


@pytest.mark.parametrize("is_landing", [True, False], ids=["landed", "did not land"])
def test_a_store_that_is_gone_after_the_commit_was_sent_deletes_nothing_of_it(bucket, is_landing):
    declared = product()
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    is_gone = False

    def vanish(request, ask):
        nonlocal is_gone
        if is_commit(request, 1):
            is_gone = True
            if is_landing:
                ask(request)
        return error(400, "Gone", "The store has gone fishing.") if is_gone else ask(request)

    with proxied(bucket.endpoint, vanish) as endpoint, pytest.raises(StorageError, match="fishing"):
        publish_small(declared, orders(NEW), through(endpoint, lake), "new")

    assert rows_of(declared, lake) == (NEW if is_landing else OLD)
    receipt = publish_small(declared, orders(NEW), lake, "new")
    assert (receipt.table_version, receipt.is_repeated) == (1, is_landing)
    assert rows_of(declared, lake) == NEW


def test_an_upload_that_fails_halfway_publishes_nothing(bucket):
    declared = product()
    lake = bucket.lake()
    publish_small(declared, orders(OLD), lake, "old")
    before = state_of(lake.table(declared.id))

    def refuse_data(request, ask):
        if request.method in {"PUT", "POST"} and ".parquet" in request.path:
            return error(400, "EntityTooLarge", "Your proposed upload is too large.")
        return ask(request)

    with proxied(bucket.endpoint, refuse_data) as endpoint:
        with pytest.raises(StorageError, match="Your proposed upload is too large"):
            publish_small(declared, orders(NEW), through(endpoint, lake), "new")

    assert state_of(lake.table(declared.id)) == before


def test_a_store_that_is_busy_for_a_moment_is_asked_again(bucket):
    declared = product()
    lake = bucket.lake()
    seen = []

    def busy_at_first(request, ask):
        seen.append(request.path)
        if seen.count(request.path) == 1 and request.method == "PUT":
            return error(503, "SlowDown", "Please reduce your request rate.")
        return ask(request)

    with proxied(bucket.endpoint, busy_at_first) as endpoint:
        receipt = publish_small(declared, orders(NEW), through(endpoint, lake), "new")

    assert receipt.table_version == 0
    assert rows_of(declared, lake) == NEW
