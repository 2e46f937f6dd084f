"""Files go when nothing holds a version that shows them, and readers are told where they went."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mesh
from mesh.catalog.receipts import InputVersion
from mesh.errors import VersionRemovedError
from mesh.lake.removed import Removal, note_removed, ranges, removals_of
from mesh.lake.shown import latest_and_checkpoint
from mesh.products.ports import Input
from mesh.publishing import receipts_in
from mesh.reading import pin
from mesh.upkeep.keeps import KEEPERS, Keep
from mesh.upkeep.maintenance import Upkeep
from tests.behaviour.products import history_of, orders, product, publish_small, rows_of, state_of
from tests.behaviour.upkeep import Keeper, actions


def published(lake, times=3, **options):
    """A product that was overwritten several times."""
    declared = product(**options)
    for run in range(times):
        publish_small(declared, orders([(run, "A", 1.0)]), lake, f"run {run}")
    return declared


def made_from(declared, version, lake, catalog, run="down"):
    """Another product, made from one version of a product."""
    other = product(name="totals", write=mesh.Append())
    used = (InputVersion(str(declared.id), version, "orders"),)
    rows = orders([(version, "A", 1.0)])
    catalog.record(publish_small(other, rows, lake, run, inputs=used))


def test_versions_that_nothing_holds_go_and_their_receipts_stay(lake, keeper):
    declared = published(lake)
    before = history_of(declared, lake)
    assert actions(keeper.plan(declared)) == []
    planned = keeper.plan(declared, days=3)
    assert actions(planned) == ["remove versions"]
    assert state_of(lake.table(declared.id))[0] == 2

    done = keeper.apply(declared, days=3)

    assert done.works == planned.works
    assert done.works[0].versions == (0, 1)
    assert rows_of(declared, lake) == [(2, "A", 1.0)]
    assert history_of(declared, lake) == before
    table = lake.table(declared.id)
    lying = {file.path for file in table.store.list() if file.path.endswith(".parquet")}
    assert lying == {file.path for file in table.snapshot().files}
    assert actions(keeper.plan(declared, days=4)) == []


def test_who_reads_a_removed_version_is_told_when_and_why(lake, keeper):
    declared = published(lake)
    keeper.apply(declared, days=3)
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    with pytest.raises(VersionRemovedError, match=f"version 1 was removed by retention on {day}"):
        pin("orders", Input(str(declared.id)), lake, version=1)
    assert pin("orders", Input(str(declared.id)), lake, version=2).scan().collect().height == 1


def test_a_version_whose_files_all_stay_can_still_be_read(lake, keeper):
    declared = published(lake, write=mesh.Append())
    keeper.upkeep = keeper.upkeep.model_copy(update={"keep_versions": 9})
    keeper.apply(declared)  # joins files: versions 0 to 2 have files of their own from now on
    keeper.upkeep = keeper.upkeep.model_copy(update={"keep_versions": 1})
    publish_small(declared, orders([(9, "B", 1.0)]), lake, "later")
    done = keeper.apply(declared, days=3)
    (removed,) = (work for work in done.works if work.action == "remove versions")
    assert set(removed.versions) == {0, 1, 2, 3, 4} - {
        version for kept in done.kept for version in kept.versions
    }


def test_the_last_versions_stay_however_old(lake, keeper):
    declared = published(lake, times=4)
    keeper.upkeep = keeper.upkeep.model_copy(update={"keep_versions": 3})
    done = keeper.apply(declared, days=1000)
    assert [work.versions for work in done.works] == [(0,)]
    assert {kept.reason: kept.versions for kept in done.kept}["the latest"] == (1, 2, 3)
    assert [rows_of(declared, lake, version=v)[0][0] for v in (1, 2, 3)] == [1, 2, 3]


def test_what_another_product_was_made_from_stays_for_its_receipt(lake, keeper, catalog):
    declared = published(lake, times=4)
    made_from(declared, 0, lake, catalog, "first")
    made_from(declared, 1, lake, catalog, "second")
    for days, kept in ((1.5, (0, 1)), (30, (1,))):
        report = keeper.apply(declared, days)
        reasons = {item.reason: item.versions for item in report.kept}
        assert reasons["shop.totals_v1 was made from it"] == kept
        assert rows_of(declared, lake, version=1) == [(1, "A", 1.0)]
    assert {v for r in removals_of(lake.table(declared.id)) for v in (r.first, r.last)} == {0, 2}


@pytest.mark.parametrize(("days", "gone"), [(5, []), (12, [(0, 1)])])
def test_a_products_own_retention_of_versions_goes_before_the_setting(disk, catalog, days, gone):
    declared = published(disk, retention=mesh.Retention("10d"))
    report = Keeper(disk, catalog).apply(declared, days)
    assert "the product's retention, 10d" in {item.reason for item in report.kept}
    assert [(r.first, r.last) for r in removals_of(disk.table(declared.id))] == gone


def test_somebody_else_can_hold_a_version_and_say_why(disk, catalog):
    def a_share(held):
        yield Keep(f"shared from {held.product}", frozenset({0, 99}))

    declared = published(disk)
    ours = Keeper(disk, catalog).at(days=30)
    upkeep = Upkeep(disk, catalog, ours.settings, (*KEEPERS, a_share), ours.now)
    report = upkeep.apply(declared.id, declared)
    assert ("shared from shop.orders_v1", (0,)) in {(k.reason, k.versions) for k in report.kept}
    assert rows_of(declared, disk, version=0) == [(0, "A", 1.0)]
    assert [work.versions for work in report.works] == [(1,)]


def test_a_product_that_is_declared_no_more_keeps_every_version(disk, catalog):
    declared = published(disk)
    upkeep = Keeper(disk, catalog).at(days=1000)
    assert upkeep.apply(declared.id, None).works == ()
    assert rows_of(declared, disk, version=0) == [(0, "A", 1.0)]


def test_quarantined_rows_of_old_versions_go_and_current_ones_stay(lake, keeper):
    declared = product(on_violation=mesh.Quarantine(0.9))
    for run in range(2):
        publish_small(declared, orders([(1, "A", 1.0), (2, "A", -1.0)]), lake, f"run {run}")
    assert actions(keeper.apply(declared), "quarantine") == ["join"]
    report = keeper.apply(declared, days=3)
    assert actions(report, "quarantine") == ["remove versions"]
    assert lake.quarantine(declared.id).scan().collect().height == 2


def age(folder, days):
    """Let every data file of an attempt look as if written days ago."""
    then = datetime.now(UTC).timestamp() - days * 86_400
    for file in folder:
        os.utime(file, (then, then))


def test_files_of_a_running_publication_are_never_leftovers(disk, catalog, start):
    declared = published(disk, write=mesh.Append())
    child = start(stop_at="before the commit")
    child.tell(disk, {"write": "append"}, "slow", numbers=[100, 20_000], batch_rows=1_000)
    child.await_stop("before the commit")
    table = disk.table(declared.id)
    shown = {file.path for v in range(3) for file in table.snapshot(v).files}
    staged = sorted(p for p in Path(table.url).glob("*.parquet") if p.name not in shown)
    assert len(staged) > 1
    age(staged[1:], days=9)  # all but one of the attempt's files: it still moves

    assert "remove leftovers" not in actions(Keeper(disk, catalog).apply(declared))
    assert all(file.exists() for file in staged)
    age(staged, days=9)
    assert "remove leftovers" in actions(Keeper(disk, catalog).apply(declared))
    assert not any(file.exists() for file in staged)


def test_a_vacuum_that_was_cut_short_is_finished_by_the_next(disk, catalog, monkeypatch):
    from mesh.lake.store import LocalStore

    declared = published(disk)
    keeper = Keeper(disk, catalog)
    delete = LocalStore.delete

    def dying(store, paths):
        delete(store, paths[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalStore, "delete", dying)
    with pytest.raises(KeyboardInterrupt):
        keeper.apply(declared, days=3)
    monkeypatch.undo()
    with pytest.raises(VersionRemovedError):
        pin("orders", Input(str(declared.id)), disk, version=0)

    keeper.apply(declared, days=4)
    lying = [f.path for f in disk.table(declared.id).store.list() if f.path.endswith(".parquet")]
    assert len(lying) == 1
    assert rows_of(declared, disk) == [(2, "A", 1.0)]


def test_a_long_log_is_summed_up_and_loses_nothing(lake, keeper):
    declared = published(lake, times=4)
    keeper.upkeep = keeper.upkeep.model_copy(update={"checkpoint_after": 3})
    assert actions(keeper.apply(declared)) == ["sum up the log"]
    table = lake.table(declared.id)
    assert latest_and_checkpoint(table) == (3, 3)
    assert [r.run_id for r in receipts_in(table)] == [f"run {n}" for n in (3, 2, 1, 0)]
    assert actions(keeper.plan(declared)) == []


def test_notes_of_removed_versions_are_gathered_into_one(disk):
    table = disk.table(published(disk).id)
    note_removed(table, [0, 1], "removed by retention on 2026-01-01")
    note_removed(table, [1, 2, 5], "removed by retention on 2026-01-02")
    assert removals_of(table) == [
        Removal(0, 1, "removed by retention on 2026-01-01"),
        Removal(2, 2, "removed by retention on 2026-01-02"),
        Removal(5, 5, "removed by retention on 2026-01-02"),
    ]
    assert len(list(table.store.list("_mesh/removed"))) == 1


def test_versions_in_a_row_are_told_as_ranges():
    assert list(ranges([3, 1, 2, 7, 9, 8])) == [(1, 3), (7, 9)]
    assert list(ranges([])) == []
