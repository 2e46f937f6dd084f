"""When another writer is first, the change is planned anew; there is an end to that."""

import time

import pytest

import mesh
from mesh.errors import CommitConflictError, Transient
from mesh.lake import Lake, Table
from mesh.publishing import publish
from mesh.publishing.landing import MAX_ATTEMPTS
from tests.behaviour.products import (
    Notes,
    history_of,
    orders,
    product,
    publish_small,
    rows_of,
    state_of,
)


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def overtaken(lake, monkeypatch):
    """Lets somebody else append before each of the next commits."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    original = Table.commit

    def arrange(times: int, other) -> list[float]:
        left = iter(range(times))

        def commit(table, change, base):
            number = next(left, None)
            if number is not None:
                with monkeypatch.context() as patched:
                    patched.setattr(Table, "commit", original)
                    other(number)
            return original(table, change, base)

        monkeypatch.setattr(Table, "commit", commit)
        return waits

    return arrange


@pytest.mark.parametrize(
    "write",
    [mesh.Overwrite(), mesh.Append(), mesh.Upsert("order_id")],
    ids=lambda mode: mode.name,
)
def test_a_publication_that_is_overtaken_lands_after_the_others(lake, overtaken, write):
    declared, growing = product(write=write), product(write=mesh.Append())
    publish_small(declared, orders([(0, "DE", 1.0)]), lake, "old")

    def other(number: int) -> None:
        publish_small(growing, orders([(100 + number, "FR", 1.0)]), lake, f"other {number}")

    waits = overtaken(3, other)
    receipt = publish_small(declared, orders([(1, "DE", 1.0)]), lake, "new")

    assert receipt.table_version == 4
    assert [run for _, run in history_of(declared, lake)] == [
        "old", "other 0", "other 1", "other 2", "new",
    ]  # fmt: skip
    numbers = [row[0] for row in sorted(rows_of(declared, lake))]
    assert numbers == ([1] if write == mesh.Overwrite() else [0, 1, 100, 101, 102])
    assert len(waits) == 3
    assert all(0 < wait <= 1 for wait in waits)


def test_keys_are_compared_again_with_what_came_first(lake, overtaken):
    growing = product(write=mesh.Append())
    publish_small(growing, orders([(0, "DE", 1.0)]), lake, "old")
    overtaken(1, lambda _: publish_small(growing, orders([(1, "FR", 1.0)]), lake, "other"))
    refusal = publish_small(growing, orders([(1, "DE", 1.0)]), lake, "new")

    assert "in the table already" in refusal.verdict.reasons[0]
    assert rows_of(growing, lake) == [(0, "DE", 1.0), (1, "FR", 1.0)]


def test_the_same_publication_of_somebody_else_counts_as_this_one(lake, overtaken):
    growing = product(write=mesh.Append())
    publish_small(growing, orders([(0, "DE", 1.0)]), lake, "old")
    rows = orders([(1, "DE", 1.0)])
    overtaken(1, lambda _: publish_small(growing, rows, lake, "new"))
    receipt = publish_small(growing, rows, lake, "new")

    assert (receipt.table_version, receipt.is_repeated) == (1, True)
    shown = [file.path for file in lake.table(growing.id).snapshot().files]
    lying = [path for path in state_of(lake.table(growing.id))[2] if "part-" in path]
    assert sorted(shown) == lying


def test_others_that_always_win_are_an_error_that_may_pass(lake, overtaken):
    notes = product(Notes, write=mesh.Append(), name="notes")
    frame = orders([(0, "DE", 1.0)]).select("country", text="country")
    publish(notes, frame, lake=lake, run_id="old")
    waits = overtaken(
        MAX_ATTEMPTS, lambda number: publish(notes, frame, lake=lake, run_id=f"other {number}")
    )
    with pytest.raises(CommitConflictError) as raised:
        publish(notes, frame, lake=lake, run_id="new")

    assert isinstance(raised.value, Transient)
    assert len(waits) == MAX_ATTEMPTS - 1
    assert sum(waits) < 20
    assert lake.table(notes.id).snapshot().rows == 1 + MAX_ATTEMPTS
    shown = [file.path for file in lake.table(notes.id).snapshot().files]
    assert sorted(shown) == [p for p in state_of(lake.table(notes.id))[2] if "part-" in p]
