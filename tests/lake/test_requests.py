"""What a publication and a read ask of the store, counted: a request is time, and money.

Each count is what was seen, and may fall. Delta-rs lists the log when it opens the latest version,
before it commits, and after it has; nothing else lists.
"""

import pytest

import mesh
from mesh.lake import Lake
from tests.behaviour.products import orders, product, publish_small
from tests.behaviour.proxy import proxied
from tests.lake.test_table import change


class Asked:
    """The requests that went through a proxy."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def __call__(self, request, ask):
        is_list = request.method == "GET" and "list-type=2" in request.path
        self.all.append("LIST" if is_list else request.method)
        return ask(request)

    def counts(self) -> tuple[int, int]:
        """How many there were, and how many of them listed; and forget them."""
        found, self.all = self.all, []
        return len(found), found.count("LIST")


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def counted(gateway, asked):
    """An empty lake behind a counting proxy, in a bucket that was probed already."""
    with proxied(gateway.endpoint, asked) as endpoint:
        lake = gateway.at(endpoint).lake()
        publish_small(product(name="probes"), orders([(1, "DE", 1.0)]), lake, "run")
        asked.counts()
        yield lake


def at_most(counts: tuple[int, int], requests: int, listings: int) -> bool:
    is_few = counts[0] <= requests and counts[1] <= listings
    assert is_few, f"{counts} requests and listings"
    return is_few


def test_a_first_publication(counted: Lake, asked):
    publish_small(product(), orders([(1, "DE", 1.0)]), counted, "run")
    assert at_most(asked.counts(), 17, 5)


@pytest.mark.parametrize(
    ("write", "requests"),
    [
        (mesh.Overwrite(), 14),
        (mesh.Append(), 18),
        (mesh.Upsert(on=("order_id",)), 22),
    ],
    ids=["overwrite", "append", "upsert"],
)
def test_a_publication_into_a_table(counted: Lake, asked, write, requests):
    declared = product(write=write)
    publish_small(declared, orders([(1, "DE", 1.0), (3, "DE", 3.0)]), counted, "first")
    asked.counts()
    fresh = 3 if isinstance(write, mesh.Upsert) else 2
    publish_small(declared, orders([(fresh, "DE", 2.0)]), counted, "second")

    assert at_most(asked.counts(), requests, 3)


def test_a_publication_again(counted: Lake, asked):
    declared = product()
    for _ in range(2):
        asked.counts()
        publish_small(declared, orders([(1, "DE", 1.0)]), counted, "run")

    assert at_most(asked.counts(), 6, 1)


def test_a_read(counted: Lake, asked):
    declared = product()
    publish_small(declared, orders([(1, "DE", 1.0)]), counted, "run")
    asked.counts()
    assert counted.table(declared.id).scan().collect().height == 1

    assert at_most(asked.counts(), 8, 1)


def test_whether_a_table_is_still_at_the_version_that_was_seen(counted: Lake, asked):
    declared = product()
    publish_small(declared, orders([(1, "DE", 1.0)]), counted, "run")
    table = counted.table(declared.id)
    seen = table.snapshot()
    asked.counts()

    assert table.refreshed(seen) is seen
    assert asked.counts() == (1, 0)
    publish_small(declared, orders([(1, "DE", 1.0)]), counted, "another")
    assert table.refreshed(seen).version == 1


@pytest.fixture
def busy(counted: Lake):
    """A table with eleven commits, one more than until a checkpoint."""
    table = counted.table(product().id)
    for number in range(11):
        table.commit(change(str(number)), table.find())
    return table


def test_the_newest_entry_of_a_long_history(busy, asked):
    snapshot = busy.snapshot()
    asked.counts()

    assert next(snapshot.commits()).version == 10
    assert asked.counts() == (1, 0)
    assert [commit.version for commit in snapshot.commits()] == list(range(10, -1, -1))


def test_opening_costs_no_more_after_many_commits(busy, asked):
    asked.counts()
    assert busy.version() == 10

    assert at_most(asked.counts(), 15, 1)
    assert "_delta_log/00000000000000000009.checkpoint.parquet" in {
        file.path for file in busy.store.list("_delta_log")
    }
