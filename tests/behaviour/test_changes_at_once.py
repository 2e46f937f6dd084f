"""Publications of the same keys at once: each is planned on what the other left."""

import random
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

import mesh
from mesh.catalog.receipts import Receipt
from mesh.lake import Table
from tests.behaviour.products import history_of, orders, product, publish_small, rows_of, state_of
from tests.behaviour.test_changing_slowly import WITH_ENDS, Addresses, naive, periods, said

BY_AMOUNT = mesh.Upsert(on="order_id", delete_when=pl.col("amount") < 0)


@pytest.fixture
def overtaken(monkeypatch):
    """Lets somebody else publish just before the next commit to a product's table."""
    original = Table.commit

    def arrange(other) -> None:
        def commit(table, change, base):
            if not table.url.endswith("_unchanged"):
                monkeypatch.setattr(Table, "commit", original)
                other()
            return original(table, change, base)

        monkeypatch.setattr(Table, "commit", commit)

    return arrange


def assert_nothing_is_left(table: Table) -> None:
    """No staged file lies there that no version has shown."""
    versions = range(table.version() + 1)
    shown = {file.path for version in versions for file in table.snapshot(version).files}
    assert {path for path in state_of(table)[2] if path.endswith(".parquet")} == shown


def test_a_delete_finds_the_row_that_another_writer_has_just_written(lake, overtaken):
    merging = product(write=BY_AMOUNT)
    publish_small(merging, orders([(0, "DE", 1.0)]), lake, "old")
    overtaken(lambda: publish_small(merging, orders([(1, "FR", 1.0)]), lake, "other"))
    receipt = publish_small(merging, orders([(1, "FR", -1.0)]), lake, "new")

    assert (receipt.table_version, receipt.rows_deleted) == (2, 1)
    assert rows_of(merging, lake) == [(0, "DE", 1.0)]
    assert_nothing_is_left(lake.table(merging.id))


def test_a_delete_that_another_writer_was_first_with_counts_nothing(lake, overtaken):
    merging = product(write=BY_AMOUNT)
    publish_small(merging, orders([(0, "DE", 1.0), (1, "DE", 1.0)]), lake, "old")
    overtaken(lambda: publish_small(merging, orders([(1, "", -1.0)]), lake, "other"))
    receipt = publish_small(merging, orders([(1, "", -1.0)]), lake, "new")

    assert (receipt.table_version, receipt.rows_deleted) == (2, 0)
    assert rows_of(merging, lake) == [(0, "DE", 1.0)]


def test_a_period_is_put_among_those_that_another_writer_has_just_made(lake, overtaken):
    keeping = product(Addresses, write=WITH_ENDS)
    publish_small(keeping, said((1, 0, "Rome"), (1, 9, "Rome")), lake, "old")
    overtaken(lambda: publish_small(keeping, said((1, 3, "Oslo"), (1, 12, None)), lake, "other"))
    publish_small(keeping, said((1, 5, "Bern"), (1, 6, "Bern"), (1, 14, None)), lake, "new")

    assert periods(keeping, lake) == [
        (1, 0, 3, "Rome"),
        (1, 3, 5, "Oslo"),
        (1, 5, 9, "Bern"),
        (1, 9, 12, "Rome"),
    ]
    assert_nothing_is_left(lake.table(keeping.id))
    assert_nothing_is_left(lake.unchanged(keeping.id))


def test_what_a_publication_confirmed_that_never_landed_is_not_believed(lake, monkeypatch):
    keeping = product(Addresses, write=WITH_ENDS)
    publish_small(keeping, said((1, 0, "Rome")), lake, "old")
    original = Table.commit

    def commit(table, change, base):
        if table.url.endswith("_unchanged"):
            return original(table, change, base)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Table, "commit", commit)
        with pytest.raises(KeyboardInterrupt):
            publish_small(keeping, said((1, 7, "Rome")), lake, "died")
    assert lake.unchanged(keeping.id).snapshot().rows == 1
    publish_small(keeping, said((1, 4, "Oslo")), lake, "late")
    assert periods(keeping, lake) == [(1, 0, 4, "Rome"), (1, 4, None, "Oslo")]

    publish_small(keeping, said((1, 7, "Rome")), lake, "died")
    assert periods(keeping, lake) == [(1, 0, 4, "Rome"), (1, 4, 7, "Oslo"), (1, 7, None, "Rome")]


def test_upserts_and_deletes_of_the_same_keys_at_once_happen_one_after_the_other(lake):
    merging = product(write=BY_AMOUNT)
    publish_small(merging, orders([(n, "DE", 1.0) for n in range(8)]), lake, "first")
    changes = {f"run {n}": [(n, "FR", 2.0), (n + 1, "", -1.0)] for n in range(4)}
    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(publish_small, merging, orders(rows), lake, run)
            for run, rows in changes.items()
        ]
    assert all(isinstance(done.result(), Receipt) for done in work)

    expected = {n: (n, "DE", 1.0) for n in range(8)}
    for _, run in history_of(merging, lake)[1:]:
        for row in changes[run]:
            expected[row[0]] = row
    rows = [row for row in expected.values() if row[2] > 0]
    assert rows_of(merging, lake) == sorted(rows, key=repr)
    assert_nothing_is_left(lake.table(merging.id))


def test_histories_of_the_same_keys_at_once_are_that_of_all_their_events(lake):
    chance = random.Random(3)
    keeping = product(Addresses, write=WITH_ENDS)
    events = {
        (who, when): chance.choice(["Rome", "Bern", None]) for who in (1, 2) for when in range(8)
    }
    told = list(events)
    chance.shuffle(told)
    frames = [said(*((*place, events[place]) for place in told[n::4])) for n in range(4)]
    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(publish_small, keeping, frame, lake, f"run {n}")
            for n, frame in enumerate(frames)
        ]
    assert all(isinstance(done.result(), Receipt) for done in work)

    assert periods(keeping, lake) == naive(events)
    assert_nothing_is_left(lake.table(keeping.id))
