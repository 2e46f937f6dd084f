"""Small files are joined and rows put in order, and nobody notices but by the time it saves."""

import json
import threading

import polars as pl
import pytest

import mesh
from mesh.errors import StorageError
from mesh.lake.log import LOG_FOLDER
from mesh.lake.streaming import batches_of_frame
from mesh.upkeep import rewriting
from mesh.upkeep.clustering import ordered
from tests.behaviour.products import (
    history_of,
    orders,
    product,
    publish_small,
    rows_of,
    state_of,
)
from tests.behaviour.upkeep import Keeper, actions


def appended(lake, times=4, **options):
    """A product of many small files."""
    declared = product(write=mesh.Append(), **options)
    for run in range(times):
        rows = [(run * 10 + n, "ABC"[n % 3], float(n)) for n in range(8)]
        publish_small(declared, orders(rows), lake, f"run {run}")
    return declared


def entries(table, version, kind):
    """The log's entries of one kind, of one version."""
    text = table.store.read(f"{LOG_FOLDER}/{version:020}.json")
    return [action[kind] for line in text.splitlines() if kind in (action := json.loads(line))]


def test_small_files_become_one_in_a_commit_that_changes_no_data(lake, keeper):
    declared = appended(lake)
    table = lake.table(declared.id)
    before, files = rows_of(declared, lake), len(table.snapshot().files)
    assert files > 4

    assert actions(keeper.plan(declared)) == ["join"]
    assert table.version() == 3
    (work, *_) = keeper.apply(declared).works

    assert (work.action, work.files) == ("join", files)
    assert len(table.snapshot().files) == 1
    assert rows_of(declared, lake) == before
    changes = [*entries(table, 4, "add"), *entries(table, 4, "remove")]
    assert len(changes) == files + 1
    assert {change["dataChange"] for change in changes} == {False}
    assert history_of(declared, lake) == [(v, f"run {v}") for v in range(4)]
    assert actions(keeper.plan(declared)) == []


def test_joined_files_have_the_statistics_of_published_ones(lake, keeper):
    declared = appended(lake)
    keeper.apply(declared)
    (file,) = lake.table(declared.id).snapshot().files
    assert file.rows == 32
    assert file.bounds == {"order_id": (0, 37), "country": ("A", "C"), "amount": (0.0, 7.0)}


def test_a_reader_that_is_pinned_reads_on_while_files_are_joined(lake, keeper):
    declared = appended(lake)
    pinned = lake.table(declared.id).scan(2)
    before = rows_of(declared, lake, version=2)
    keeper.apply(declared)
    assert sorted(pinned.collect().rows(), key=repr) == before
    assert rows_of(declared, lake, version=2) == before


def test_files_of_different_partitions_stay_apart(lake, keeper):
    declared = appended(lake, partition_by=["country"])
    before = rows_of(declared, lake)
    keeper.apply(declared)
    files = lake.table(declared.id).snapshot().files
    assert sorted(file.partition_values["country"] for file in files) == ["A", "B", "C"]
    assert rows_of(declared, lake) == before


def test_files_of_before_a_column_was_added_are_joined_with_those_of_after(disk, catalog):
    class Orders(mesh.Contract):
        """One row per order."""

        order_id: int = mesh.Field(key=True)

    class MoreOrders(Orders):
        """One row per order, and what was said of it."""

        note: str = mesh.Field(nullable=True)

        class Config:
            version = "1.1.0"

    first, later = (product(contract, write=mesh.Append()) for contract in (Orders, MoreOrders))
    publish_small(first, pl.DataFrame({"order_id": [1]}), disk, "first")
    publish_small(later, pl.DataFrame({"order_id": [2], "note": ["new"]}), disk, "later")
    Keeper(disk, catalog).apply(later)
    assert rows_of(later, disk) == [(1, None), (2, "new")]
    assert len(disk.table(later.id).snapshot().files) == 1


def test_rejected_rows_of_a_publication_that_may_be_retried_are_not_joined(
    disk, catalog, monkeypatch
):
    from mesh.publishing.publish import _Publication

    declared = product(write=mesh.Append(), on_violation=mesh.Quarantine(0.9))
    rows = [orders([(n * 2, "A", 1.0), (n * 2 + 1, "A", -1.0)]) for n in range(3)]
    for run in range(2):
        publish_small(declared, rows[run], disk, f"run {run}")

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Publication, "_commit", crash)
    with pytest.raises(KeyboardInterrupt):
        publish_small(declared, rows[2], disk, "crashed")
    monkeypatch.undo()

    table = disk.quarantine(declared.id)
    assert len(table.snapshot().files) == 3
    assert actions(Keeper(disk, catalog).apply(declared), "quarantine") == ["join"]
    assert len(table.snapshot().files) == 2
    publish_small(declared, rows[2], disk, "crashed")
    assert sorted(table.scan().collect()["order_id"]) == [1, 3, 5]
    assert actions(Keeper(disk, catalog).apply(declared), "quarantine") == ["join"]
    assert sorted(table.scan().collect()["order_id"]) == [1, 3, 5]


def test_a_damaged_file_is_never_joined_away(disk, catalog, monkeypatch):
    declared = appended(disk, times=2)
    table = disk.table(declared.id)
    before = state_of(table)

    def ending_early(frame):
        first = next(batches_of_frame(frame))
        yield first.head(first.height - 1)

    monkeypatch.setattr(rewriting, "batches_of_frame", ending_early)
    with pytest.raises(StorageError, match="of 16 rows could be read: a data file is damaged"):
        Keeper(disk, catalog).apply(declared)
    assert state_of(table) == before


def test_every_type_comes_through(disk, catalog):
    class Everything(mesh.Contract):
        """One column of each kind."""

        day: pl.Date
        at: mesh.UTCDatetime
        local: pl.Datetime("us")  # type: ignore[valid-type]
        took: pl.Duration("us")  # type: ignore[valid-type]
        price: pl.Decimal(12, 2)  # type: ignore[valid-type]
        raw: pl.Binary
        tags: pl.List(pl.String)  # type: ignore[valid-type]
        small: pl.Int16
        is_paid: bool = mesh.Field(nullable=True)

    frame = pl.DataFrame(
        {
            "day": ["2026-01-01"],
            "at": ["2026-01-01T10:00:00Z"],
            "local": ["2026-01-01T10:00:00"],
            "took": [1],
            "price": ["1.20"],
            "raw": [b"\x00\xff"],
            "tags": [["a", None]],
            "small": [1],
            "is_paid": [None],
        }
    ).select(
        pl.col("day").str.to_date(),
        pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", time_unit="us", time_zone="UTC"),
        pl.col("local").str.to_datetime(time_unit="us"),
        pl.col("took").cast(pl.Duration("us")),
        pl.col("price").cast(pl.Decimal(12, 2)),
        "raw",
        "tags",
        pl.col("small").cast(pl.Int16),
        pl.col("is_paid").cast(pl.Boolean),
    )
    declared = product(Everything, write=mesh.Append(), name="everything", cluster_by=["at", "day"])
    for run in ("one", "two"):
        publish_small(declared, frame, disk, run)
    before = disk.table(declared.id).scan().collect()
    Keeper(disk, catalog).apply(declared)
    table = disk.table(declared.id)
    assert len(table.snapshot().files) == 1
    assert table.scan().collect().equals(before)


def test_rows_are_laid_in_the_declared_order_and_once_is_enough(lake, keeper):
    declared = appended(lake, cluster_by="amount")
    before = rows_of(declared, lake)
    assert actions(keeper.apply(declared)) == ["order"]
    amounts = lake.table(declared.id).scan().collect()["amount"]
    assert amounts.is_sorted()
    assert rows_of(declared, lake) == before
    assert actions(keeper.plan(declared)) == []

    publish_small(declared, orders([(100, "A", 3.5)]), lake, "later")
    assert actions(keeper.apply(declared)) == ["order"]
    assert lake.table(declared.id).scan().collect()["amount"].is_sorted()


def test_another_order_is_made_when_another_is_declared(disk, catalog):
    keeper = Keeper(disk, catalog)
    keeper.apply(appended(disk, cluster_by="amount"))
    declared = product(write=mesh.Append(), cluster_by="country")
    assert actions(keeper.apply(declared)) == ["order"]
    assert disk.table(declared.id).scan().collect()["country"].is_sorted()


def test_a_z_order_keeps_near_rows_together_in_every_column():
    side = 64
    rows = pl.DataFrame({"x": range(side)}).join(pl.DataFrame({"y": range(side)}), how="cross")
    laid = ordered(rows.sample(fraction=1, shuffle=True, seed=1), ["x", "y"])
    assert laid.sort("x", "y").equals(rows.sort("x", "y"))
    files = [laid.slice(start, 256) for start in range(0, laid.height, 256)]
    widths = {
        (file["x"].max() - file["x"].min() + 1, file["y"].max() - file["y"].min() + 1)
        for file in files
    }
    assert widths == {(16, 16)}


def test_a_z_order_has_a_place_for_nulls_and_for_one_value():
    rows = pl.DataFrame({"x": [None, 3, 1, None], "y": ["a", "a", "a", "a"]})
    laid = ordered(rows, ["x", "y"])
    assert laid["x"].to_list() == [None, None, 1, 3]


@pytest.mark.parametrize("write", ["append", "upsert"])
def test_publications_and_compaction_at_once_both_land(disk, catalog, start, write):
    mode = {"append": mesh.Append(), "upsert": mesh.Upsert(on="order_id")}[write]
    declared = product(write=mode)
    keeper, publishers = Keeper(disk, catalog), [start() for _ in range(2)]
    rounds = 3
    is_over = threading.Event()
    joined = []

    def keep_joining():
        while not is_over.is_set():
            if disk.table(declared.id).exists():
                joined.extend(actions(keeper.apply(declared)))

    joining = threading.Thread(target=keep_joining)
    joining.start()
    try:
        for number in range(rounds):
            for child, publisher in enumerate(publishers):
                start_at = (number * 2 + child) * 10
                publisher.tell(
                    disk, {"write": write}, f"{number} {child}", numbers=[start_at, start_at + 10]
                )
            said = [publisher.hear() for publisher in publishers]
            assert {item["says"] for item in said} == {"published"}, said
    finally:
        is_over.set()
        joining.join()

    keeper.apply(declared)
    numbers = sorted(row[0] for row in rows_of(declared, disk))
    assert numbers == list(range(rounds * 20))
    assert len(history_of(declared, disk)) == rounds * 2
    assert "join" in joined
    assert len(disk.table(declared.id).snapshot().files) == 1


def test_what_another_writer_rewrote_meanwhile_is_not_joined(disk, catalog, monkeypatch):
    from mesh.upkeep import compaction

    declared = product(write=mesh.Overwrite())
    publish_small(declared, orders([(n, "A", 1.0) for n in range(9)]), disk, "old")
    land = compaction.land_rewrites

    def after_another(*arguments, **options):
        publish_small(declared, orders([(1, "B", 2.0)]), disk, "new")
        return land(*arguments, **options)

    monkeypatch.setattr(compaction, "land_rewrites", after_another)
    assert actions(Keeper(disk, catalog).apply(declared)) == []
    assert rows_of(declared, disk) == [(1, "B", 2.0)]
    table = disk.table(declared.id)
    assert table.version() == 1
    lying = {file.path for file in table.store.list() if file.path.endswith(".parquet")}
    shown = {file.path for v in (0, 1) for file in table.snapshot(v).files}
    assert lying == shown
