"""Whether rows are unique is found exactly, over any number of batches, in little memory."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mesh.publishing import uniqueness
from mesh.publishing.uniqueness import HashStore, Uniqueness, duplicates_among, hashes_of

NAN = float("nan")


def repeated_rows(batches: list[pl.DataFrame], columns: list[str], budget: int = 1 << 20) -> int:
    """How many rows have a twin, as the gate counts them."""
    keys = Uniqueness(columns, budget)
    try:
        for batch in batches:
            keys.add(batch.select(columns))
        found = keys.repeated(lambda: batches)
        return 0 if found.is_empty() else int(found["_mesh_count"].sum())
    finally:
        keys.close()


def numbers(*values: int | None) -> pl.DataFrame:
    return pl.DataFrame({"a": values}, schema={"a": pl.Int64})


def test_rows_that_differ_are_unique():
    assert repeated_rows([numbers(1, 2), numbers(3)], ["a"]) == 0


def test_rows_that_are_equal_are_found_inside_a_batch_and_across_batches():
    assert repeated_rows([numbers(1, 2, 1)], ["a"]) == 2
    assert repeated_rows([numbers(1, 2), numbers(3, 1), numbers(1)], ["a"]) == 3


def test_a_key_of_several_columns_is_equal_when_all_of_them_are():
    frame = pl.DataFrame({"a": [1, 1, 2, 1], "b": ["x", "y", "x", "x"]})
    assert repeated_rows([frame[:2], frame[2:]], ["a", "b"]) == 2
    assert repeated_rows([frame], ["a"]) == 3


def test_nothing_is_unique():
    assert repeated_rows([], ["a"]) == 0
    assert repeated_rows([numbers()], ["a"]) == 0


def test_what_was_found_is_told_with_how_often():
    batches = [numbers(7, 8, 7), numbers(8, 7, 9)]
    suspects = hashes_of(numbers(7, 8), ["a"])
    found = duplicates_among(batches, ["a"], suspects)
    assert found.to_dicts() == [{"a": 7, "_mesh_count": 3}, {"a": 8, "_mesh_count": 2}]


VALUES = {
    "integers": pl.Series([1, None, None, 1, 2]),
    "floats": pl.Series([0.0, -0.0, NAN, -NAN, None, None, 1.0]),
    "short floats": pl.Series([0.0, -0.0, NAN, -NAN, 1.0], dtype=pl.Float32),
    "texts": pl.Series(["", None, "ß", "ß", "SS", "a\0", "a", None]),
    "long texts": pl.Series(["x" * 100_000, "x" * 100_000, "x" * 99_999]),
    "decimals": pl.Series([Decimal("1.00"), Decimal("1.10"), Decimal("1.00")]),
    "booleans": pl.Series([True, False, True, None]),
    "durations": pl.Series([timedelta(1), timedelta(2), timedelta(1)]),
    "lists": pl.Series([[1, None], [1, None], [], [], None, [None]]),
    "lists of floats": pl.Series([[0.0], [-0.0], [NAN], [-NAN]]),
    "structs": pl.Series([{"x": 1, "y": None}, {"x": 1, "y": None}, {"x": None, "y": 1}, None]),
    "bytes": pl.Series([b"", b"\0", b"", None]),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_equal_is_what_polars_calls_duplicated(kind, size):
    frame = VALUES[kind].alias("a").to_frame()
    batches = list(frame.iter_slices(size))
    assert repeated_rows(batches, ["a"]) == frame.is_duplicated().sum()


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("size", [1, 2, 100])
def test_keys_that_rise_are_compared_as_exactly(kind, size):
    try:
        frame = VALUES[kind].alias("a").to_frame().with_row_index("b").sort("a", "b").select("a")
    except pl.exceptions.InvalidOperationError:  # structs have no order
        frame = VALUES[kind].alias("a").to_frame()
    batches = list(frame.iter_slices(size))
    assert repeated_rows(batches, ["a"]) == frame.is_duplicated().sum()


def test_keys_that_rise_keep_no_hash_in_whatever_order_their_batches_come():
    keys = Uniqueness(["a", "b"], 1 << 20)
    rising = pl.DataFrame({"a": [n // 7 for n in range(100)], "b": [n % 7 for n in range(100)]})
    for batch in reversed(list(rising.iter_slices(9))):
        keys.add(batch)
    assert not keys._is_hashed
    assert keys.repeated(lambda: pytest.fail("nothing needs to be read again")).is_empty()


@pytest.mark.parametrize(
    "batches",
    [
        [[1, 2, 3], [3, 4]],
        [[1, 5], [2, 3], [4, 5]],
        [[1, 2], [4, 3], [2, 9]],
        [[2, 1], [3, 4], [4, 5]],
        [[1, 2], [9, 8], [3, 9]],
        [[1, 2], [None, 7], [None, 8]],
    ],
)
def test_ranges_that_meet_and_batches_that_fall_are_read_again(batches):
    frames = [numbers(*batch) for batch in batches]
    everything = pl.concat(frames)
    assert repeated_rows(frames, ["a"]) == everything.is_duplicated().sum()


@pytest.mark.parametrize("budget", [1, 64, 1_000])
def test_spilling_to_disk_changes_no_answer(budget):
    values = np.random.default_rng(7).integers(0, 3_000, 5_000)
    frame = pl.DataFrame({"a": values})
    batches = list(frame.iter_slices(300))
    expected = int(frame.is_duplicated().sum())
    assert 0 < expected < 5_000
    assert repeated_rows(batches, ["a"], budget) == repeated_rows(batches, ["a"]) == expected


def test_only_what_exceeds_the_budget_goes_to_disk_and_goes_away_again(tmp_path, monkeypatch):
    monkeypatch.setattr(uniqueness.tempfile, "tempdir", str(tmp_path))
    store = HashStore(budget=100)
    store.add(hashes_of(numbers(*range(12)), ["a"]))
    assert list(tmp_path.iterdir()) == []
    store.add(hashes_of(numbers(*range(12)), ["a"]))
    (folder,) = tmp_path.iterdir()
    assert sum(file.stat().st_size for file in Path(folder).iterdir()) <= 2 * 12 * 8
    assert store.repeated().size == 12
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_a_repeated_hash_is_told_once_however_often_it_came():
    store = HashStore(1 << 20)
    for _ in range(5):
        store.add(np.array([3, 9], np.uint64))
    store.add(np.array([4], np.uint64))
    assert sorted(store.repeated()) == [3, 9]


def test_the_answer_is_the_same_when_asked_again_and_after_more_was_added():
    store = HashStore(budget=8)
    store.add(np.array([2**64 - 1, 0, 2**63], np.uint64))
    assert store.repeated().size == 0
    store.add(np.array([0, 2**63], np.uint64))
    assert sorted(store.repeated()) == sorted(store.repeated()) == [0, 2**63]
    store.close()


def test_many_threads_may_add_at_once():
    store = HashStore(budget=10_000)
    batches = [hashes_of(numbers(*range(n, n + 500)), ["a"]) for n in range(0, 20_000, 250)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(store.add, batches))
    assert store.repeated().size == 19_750
    store.close()


def test_two_keys_that_share_a_hash_are_no_duplicates(monkeypatch):
    def weak(frame: pl.DataFrame, columns: list[str]) -> uniqueness.Hashes:
        return frame.select(pl.col(columns[0]) % 3).to_series().cast(pl.UInt64).to_numpy()

    monkeypatch.setattr(uniqueness, "hashes_of", weak)
    batches = [numbers(0, 1, 2, 3), numbers(4, 5, 6)]
    store = HashStore(1 << 20)
    for batch in batches:
        store.add(weak(batch, ["a"]))
    assert store.repeated().size == 3
    assert duplicates_among(batches, ["a"], store.repeated()).is_empty()
    found = duplicates_among([*batches, numbers(6)], ["a"], store.repeated())
    assert found.to_dicts() == [{"a": 6, "_mesh_count": 2}]
