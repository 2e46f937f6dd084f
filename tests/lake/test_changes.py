"""What changed between two versions is exact, whoever wrote them and however."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.lake import Table
from mesh.lake import changes as module
from mesh.lake.changes import Changes, Unknown, changes

COLUMNS = ("k", "part", "v")
ADDS = ("insert", "update_postimage")
STEP = st.tuples(
    st.sampled_from(
        ["append", "merge", "update", "delete", "overwrite", "replace", "compact", "restore"]
    ),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
)


def rows(keys, value: float) -> pl.DataFrame:
    return pl.DataFrame(
        [(key, "ab"[key % 2], value) for key in keys],
        schema={"k": pl.Int64, "part": pl.String, "v": pl.Float64},
        orient="row",
    )


def begin(url: str, *, has_feed: bool = False, is_parted: bool = False) -> Table:
    feed = {"delta.enableChangeDataFeed": "true"} if has_feed else None
    parts = ["part"] if is_parted else None
    write_deltalake(url, rows([0, 1, 2], 0.0), configuration=feed, partition_by=parts)
    return Table(url)


def apply(url: str, what: str, keys: list[int], value: float) -> None:
    """One commit by delta-rs itself: nothing of Mesh wrote it."""
    table = DeltaTable(url)
    wanted = f"k in ({', '.join(map(str, keys))})"
    match what:
        case "append":
            known = set(Table(url).scan().collect()["k"])
            write_deltalake(url, rows([k for k in keys if k not in known], value), mode="append")
        case "merge":
            merging = table.merge(
                rows(keys, value), "s.k = t.k", source_alias="s", target_alias="t"
            )
            merging.when_matched_update_all().when_not_matched_insert_all().execute()
        case "update":
            table.update(updates={"v": str(value)}, predicate=wanted)
        case "delete":
            table.delete(wanted)
        case "overwrite":
            write_deltalake(url, rows(keys, value % 2), mode="overwrite")
        case "replace":
            part = rows([k for k in keys if k % 2], value)
            write_deltalake(url, part, mode="overwrite", predicate="part = 'b'")
        case "compact":
            table.optimize.compact()
        case "restore" if table.version():
            table.restore(keys[0] % table.version())


def versions_of(table: Table) -> list[Counter]:
    latest = table.version()
    return [Counter(table.scan(v).select(COLUMNS).collect().rows()) for v in range(latest + 1)]


def net(table: Table, since: int, version: int, key: tuple[str, ...] = ("k",)) -> pl.DataFrame:
    found = changes(table.snapshot(version), since, COLUMNS)
    assert isinstance(found, Changes), found
    return found.net_rows(COLUMNS, key)


def assert_exact(table: Table) -> None:
    """Between any two versions: the earlier rows, less those gone, and those that came."""
    states = versions_of(table)
    for since, version in itertools.combinations(range(len(states)), 2):
        changed = net(table, since, version)
        by_sign = [Counter(), Counter()]
        for *row, kind, _, _ in changed.rows():
            by_sign[kind in ADDS][tuple(row)] += 1
        gone, came = by_sign
        assert states[since] - states[version] == gone
        assert states[version] - states[since] == came
        updated = changed.filter(pl.col("_change_type").str.starts_with("update"))
        assert all(count == 2 for count in Counter(updated["k"]).values())


@settings(max_examples=12)
@given(
    steps=st.lists(STEP, min_size=1, max_size=6), has_feed=st.booleans(), is_parted=st.booleans()
)
def test_any_sequence_of_commits_by_others_is_told_exactly(
    tmp_path_factory, steps, has_feed, is_parted
):
    url = str(tmp_path_factory.mktemp("table"))
    table = begin(url, has_feed=has_feed, is_parted=is_parted)
    for number, (what, keys) in enumerate(steps, 1):
        apply(url, what, keys, float(number))
    assert_exact(table)


@pytest.fixture
def table(tmp_path) -> Table:
    return begin(str(tmp_path / "a folder"))


def test_rows_that_were_only_added_are_read_from_the_added_files(table):
    apply(table.url, "append", [7], 1.0)
    apply(table.url, "append", [8], 2.0)
    found = changes(table.snapshot(), 0, COLUMNS)

    assert isinstance(found, Changes)
    assert found.is_added_files
    came = found.added_rows(["k"]).sort("k").collect()
    assert came.columns == ["k", "_change_type", "_commit_version", "_commit_timestamp"]
    assert came.select("k", "_change_type", "_commit_version").rows() == [
        (7, "insert", 1), (8, "insert", 2),
    ]  # fmt: skip
    committed = {commit.version: commit.timestamp for commit in table.commits()}
    assert came["_commit_timestamp"].to_list() == [committed[1], committed[2]]


def test_what_was_added_and_compacted_since_is_still_read(table):
    apply(table.url, "append", [7], 1.0)
    apply(table.url, "compact", [0], 0.0)
    found = changes(table.snapshot(), 0, COLUMNS)

    assert isinstance(found, Changes)
    assert found.added_rows(["k"]).collect()["k"].to_list() == [7]


def test_compaction_is_no_change(table):
    apply(table.url, "append", [7], 1.0)
    apply(table.url, "compact", [0], 0.0)
    found = changes(table.snapshot(), 1, COLUMNS)
    assert isinstance(found, Changes)
    assert found.is_empty


def test_only_files_that_were_touched_are_read(tmp_path):
    table = begin(str(tmp_path / "t"), is_parted=True)
    apply(table.url, "replace", [3], 1.0)
    untouched = next(
        file for file in table.snapshot().files if file.partition_values["part"] == "a"
    )
    (tmp_path / "t" / untouched.path).unlink()

    assert net(table, 0, 1).select("k", "_change_type").rows() == [(1, "delete"), (3, "insert")]


def test_a_row_that_came_back_as_it_was_did_not_change(table):
    apply(table.url, "delete", [1], 0.0)
    apply(table.url, "append", [1], 0.0)
    assert net(table, 0, 2).is_empty()


def test_columns_that_are_not_read_do_not_count(table):
    apply(table.url, "update", [1], 9.0)
    found = changes(table.snapshot(), 0, ("k", "part"))
    assert isinstance(found, Changes)
    assert found.net_rows(("k", "part"), ("k",)).is_empty()


def test_without_a_key_an_update_is_a_row_that_went_and_one_that_came(table):
    apply(table.url, "update", [1], 9.0)
    kinds = net(table, 0, 1, key=()).select("v", "_change_type").rows()
    assert kinds == [(0.0, "delete"), (9.0, "insert")]


def test_equal_rows_are_counted(table):
    twice = rows([7, 7, 7], 1.0)
    write_deltalake(table.url, twice, mode="append")
    apply(table.url, "delete", [0], 0.0)
    changed = net(table, 0, 2, key=())
    assert Counter(changed["k"]) == {7: 3, 0: 1}


def test_many_passes_tell_the_same_as_one(table, monkeypatch):
    for number in range(1, 5):
        apply(table.url, "merge", [number, number + 3], float(number))
    once = net(table, 0, 4)
    monkeypatch.setattr(module, "_BYTES_AT_ONCE", 1_000)
    assert net(table, 0, 4).equals(once)


def test_a_column_that_was_added_is_null_in_earlier_rows(table):
    wider = rows([7], 1.0).with_columns(note=pl.lit("new"))
    write_deltalake(table.url, wider, mode="append", schema_mode="merge")
    apply(table.url, "delete", [0], 0.0)
    found = changes(table.snapshot(), 0, ("k", "note"))

    assert isinstance(found, Changes)
    assert found.net_rows(("k", "note"), ("k",)).select("k", "note", "_change_type").rows() == [
        (7, "new", "insert"), (0, None, "delete"),
    ]  # fmt: skip


def test_a_column_of_another_type_cannot_be_compared(table):
    write_deltalake(
        table.url,
        rows([0], 1.0).with_columns(pl.col("v").cast(pl.String)),
        mode="overwrite",
        schema_mode="overwrite",
    )
    found = changes(table.snapshot(), 0, COLUMNS)
    assert found == Unknown("version 1 changed column v from double to string")


def test_a_removed_file_that_was_vacuumed_is_named_by_its_version(table):
    apply(table.url, "update", [1], 9.0)
    DeltaTable(table.url).vacuum(0, enforce_retention_duration=False, dry_run=False)
    assert changes(table.snapshot(), 0, COLUMNS) == Unknown(
        "a file that version 1 removed is vacuumed"
    )


def test_an_entry_that_is_gone_from_the_log_is_named(table):
    apply(table.url, "append", [7], 1.0)
    apply(table.url, "append", [8], 1.0)
    snapshot = table.snapshot()
    (Path(table.url) / "_delta_log" / f"{1:020}.json").unlink()
    assert changes(snapshot, 0, COLUMNS) == Unknown("the log's entry of version 1 is gone")


def test_a_table_that_went_back_says_so(table):
    assert changes(table.snapshot(), 3, COLUMNS) == Unknown(
        "its latest version is 0, and was 3 already"
    )
