"""Row groups in memory: those that are asked for, as many as fit, and of no file that is gone."""

import polars as pl
import pytest

from mesh.lake import hot
from mesh.lake.hot import GroupKey, HotGroups, with_value

SIZE = 8_000


class Loads:
    """Row groups on disk, and how often each was read."""

    def __init__(self, most_bytes: int) -> None:
        self.groups = HotGroups(most_bytes)
        self.read: list[str] = []

    def find(self, path: str, times: int = 1):
        def load() -> pl.DataFrame:
            self.read.append(path)
            return pl.DataFrame({"id": pl.Series(range(1_000), dtype=pl.Int64)})

        key = GroupKey("table", path, 0)
        return [self.groups.find(key, SIZE, load) for _ in range(times)][-1]


def test_a_row_group_is_read_once_it_was_asked_for_a_few_times():
    disk = Loads(10 * SIZE)
    assert disk.find("a", 3) is None
    assert disk.find("a", 5).height == 1_000
    assert disk.read == ["a"]


def test_no_more_is_held_than_fits():
    disk = Loads(2 * SIZE)
    for path in "abc":
        disk.find(path, 6)
    assert disk.read == ["a", "b"]
    assert disk.find("c") is None
    assert Loads(SIZE - 1).find("a", 20) is None
    assert Loads(0).find("a", 20) is None


def test_one_that_is_asked_for_twice_as_often_takes_the_place_of_the_coldest():
    disk = Loads(2 * SIZE)
    disk.find("a", 20)
    disk.find("b", 6)
    assert disk.find("c", 11) is None
    assert disk.find("c", 2) is not None
    assert disk.find("b") is None
    assert disk.find("a") is not None


def test_what_was_asked_for_long_ago_counts_less(monkeypatch):
    monkeypatch.setattr(hot, "_LATELY", 20)
    disk = Loads(SIZE)
    disk.find("a", 20)
    assert disk.find("b", 21) is not None


def test_files_that_no_version_has_are_let_go_of():
    disk = Loads(10 * SIZE)
    for path in "ab":
        disk.find(path, 6)
    disk.groups.forget("table", {"b"})
    disk.groups.forget("another", set())
    assert disk.find("a") is None
    assert disk.find("b") is not None


def test_a_row_group_that_cannot_be_read_is_tried_again():
    groups = HotGroups(SIZE)
    key = GroupKey("table", "a", 0)

    def fail() -> pl.DataFrame:
        raise OSError("gone")

    assert [groups.find(key, SIZE, fail) for _ in range(3)] == [None] * 3
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            groups.find(key, SIZE, fail)


@pytest.mark.parametrize("values", [[1, 2, 2, 4], [4, 2, 1, 2], [2, None, 2, 7]])
def test_rows_with_a_value_are_found_in_order_and_out_of_it(values):
    rows = hot._in_order(pl.DataFrame({"id": values, "name": ["a", "b", "c", "d"]}))
    for wanted in (0, 1, 2, 4, 7, 2**70):
        expected = [n for n, v in zip("abcd", values, strict=True) if v == wanted]
        if wanted < 2**63:
            assert with_value(rows, "id", wanted)["name"].to_list() == expected
    assert with_value(rows, "name", "c")["id"].to_list() == [values[2]]
