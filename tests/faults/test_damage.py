"""Files that are lost, torn or rotten: named by whoever reads, and mended by `mesh repair`."""

import json

import pytest
from deltalake import DeltaTable

import mesh
from mesh.catalog.receipts import Receipt
from mesh.catalog.store import Catalog
from mesh.catalog.sync import sync_product
from mesh.errors import DamagedTableError, NotPublishedError
from mesh.lake.unreadable import naming_damage
from mesh.reading import rejected_rows
from mesh.upkeep.repair import REPAIR_KEY, Remedy, diagnose, repair
from tests.behaviour.products import orders, product, publish_small, rows_of
from tests.catalog.copies import put
from tests.faults.damage import data_file, empty, entry, lose, root_of, rot, tear

ROWS = [(number, "DE", float(number)) for number in range(4)]


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(put(f"sqlite:///{tmp_path / 'catalog.db'}")) as opened:
        yield opened


@pytest.fixture
def growing(disk):
    """A product of four versions, one row each."""
    declared = product(write=mesh.Append())
    for number, row in enumerate(ROWS):
        publish_small(declared, orders([row]), disk, str(number))
    return declared


@pytest.fixture
def whole(disk):
    """A product that was overwritten twice."""
    declared = product()
    for number in range(3):
        publish_small(declared, orders(ROWS[number:]), disk, str(number))
    return declared


def known(catalog, disk, declared) -> None:
    sync_product(catalog, disk, declared.id)


def read(declared, disk, version=None) -> list[tuple]:
    with naming_damage(disk.table(declared.id), version):
        return rows_of(declared, disk, version)


def repaired(declared, disk, catalog, **options):
    """Diagnose, and mend; what was found and what was done."""
    found = diagnose(declared.id, disk, catalog, **options)
    return found.findings(), repair(found, disk, catalog)


@pytest.mark.parametrize("damage", [lose, tear, rot])
def test_a_damaged_data_file_is_named_with_version_and_product(disk, growing, damage):
    name = damage(data_file(disk.table(growing.id), 1))

    with pytest.raises(DamagedTableError) as raised:
        read(growing, disk)
    assert name in raised.value.what
    assert "of version 1" in raised.value.what
    assert raised.value.where == str(growing.id)
    assert f"mesh repair {growing.id}" in raised.value.hint
    assert read(growing, disk, 0) == ROWS[:1]


@pytest.mark.parametrize("damage", [lose, tear])
@pytest.mark.parametrize("version", [0, 1])
def test_a_damaged_log_entry_is_named_by_whoever_opens_the_table(disk, growing, damage, version):
    name = damage(entry(disk.table(growing.id), version))

    for use in (
        lambda: read(growing, disk),
        lambda: list(disk.table(growing.id).commits()),
        lambda: publish_small(growing, orders([(9, "DE", 9.0)]), disk, "more"),
    ):
        with pytest.raises(DamagedTableError, match=name):
            use()


@pytest.mark.parametrize("version", [0, 1])
def test_an_entry_that_was_cut_off_between_two_lines_is_torn_too(disk, growing, catalog, version):
    known(catalog, disk, growing)
    log = entry(disk.table(growing.id), version)
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])

    found = diagnose(growing.id, disk, catalog).findings()
    assert any(log.name in finding.what and "torn" in finding.what for finding in found)


@pytest.mark.parametrize("damage", [lose, tear])
def test_an_upsert_that_meets_a_damaged_file_names_it_and_changes_nothing(disk, damage):
    merging = product(write=mesh.Upsert(on="order_id"))
    publish_small(merging, orders(ROWS), disk, "old")
    name = damage(data_file(disk.table(merging.id), 0))

    with pytest.raises(DamagedTableError, match=name):
        publish_small(merging, orders(ROWS[:1]), disk, "new")
    assert disk.table(merging.id).version() == 0


def test_a_whole_table_has_no_findings_and_repair_leaves_it_alone(disk, growing, catalog):
    known(catalog, disk, growing)
    DeltaTable(disk.table(growing.id).root).create_checkpoint()

    findings, done = repaired(growing, disk, catalog, is_deep=True)
    assert findings == []
    assert (done.versions, done.kept_aside, disk.table(growing.id).version()) == ({}, [], 3)


@pytest.mark.parametrize("damage", [lose, tear, rot])
def test_an_appended_table_lets_go_of_a_damaged_file_and_keeps_every_other_row(
    disk, growing, catalog, damage
):
    known(catalog, disk, growing)
    name = damage(data_file(disk.table(growing.id), 1))
    (finding,) = diagnose(growing.id, disk, catalog, is_deep=True).findings()
    assert name in finding.what
    assert finding.remedy is Remedy.LET_GO
    assert disk.table(growing.id).version() == 3

    _, done = repaired(growing, disk, catalog, is_deep=True)
    assert done.versions == {disk.table(growing.id).url: 4}
    assert read(growing, disk) == [ROWS[0], *ROWS[2:]]
    (latest, *_) = disk.table(growing.id).commits()
    assert json.loads(latest.metadata[REPAIR_KEY])["let_go_of"] == [name]
    assert diagnose(growing.id, disk, catalog, is_deep=True).findings() == []
    assert (root_of(disk.table(growing.id)) / name).exists() is (damage is not lose)
    again = publish_small(growing, orders([ROWS[1]]), disk, "again")
    assert isinstance(again, Receipt)
    assert read(growing, disk) == ROWS


def test_an_overwritten_table_goes_back_to_its_last_whole_version(disk, whole, catalog):
    known(catalog, disk, whole)
    lose(data_file(disk.table(whole.id), 2))
    (finding,) = diagnose(whole.id, disk, catalog).findings()
    assert finding.remedy is Remedy.RESTORE
    assert "version 1" in finding.hint

    repaired(whole, disk, catalog)
    assert read(whole, disk) == ROWS[1:]
    (latest, *_) = disk.table(whole.id).commits()
    assert json.loads(latest.metadata[REPAIR_KEY])["restored_to"] == 1


def test_a_rotten_file_is_found_by_looking_deep_only(disk, growing, catalog):
    known(catalog, disk, growing)
    rot(data_file(disk.table(growing.id), 2))

    assert diagnose(growing.id, disk, catalog).findings() == []
    assert len(diagnose(growing.id, disk, catalog, is_deep=True).findings()) == 1


@pytest.mark.parametrize("damage", [lose, tear, empty])
def test_a_gap_in_the_log_takes_the_table_back_to_before_it_and_never_mixes(
    disk, whole, catalog, damage
):
    known(catalog, disk, whole)
    torn = entry(disk.table(whole.id), 1)
    content = torn.read_bytes()
    damage(torn)
    (finding, *_) = diagnose(whole.id, disk, catalog).findings()
    assert torn.name in finding.what
    assert finding.remedy is Remedy.FILL

    _, done = repaired(whole, disk, catalog)
    assert read(whole, disk) == ROWS
    assert disk.table(whole.id).version() == 3
    assert "MESH REPAIR" in {commit.operation for commit in disk.table(whole.id).commits()}
    if damage is not lose:
        (kept,) = root_of(disk.table(whole.id)).glob("_mesh/damaged/*")
        assert content.startswith(kept.read_bytes())
        assert done.kept_aside == [str(kept)]
    publish_small(whole, orders(ROWS[3:]), disk, "again")
    assert read(whole, disk) == ROWS[3:]


def test_a_torn_last_entry_takes_the_table_back_by_one_version(disk, growing, catalog):
    tear(entry(disk.table(growing.id), 3))
    repaired(growing, disk, catalog)

    assert read(growing, disk) == ROWS[:3]
    assert [r.table_version for r in catalog.receipts(str(growing.id))] == [2, 1, 0]


def test_a_log_without_its_beginning_is_said_to_be_beyond_repair(disk, growing, catalog):
    lose(entry(disk.table(growing.id), 0))
    (finding,) = [f for f in diagnose(growing.id, disk, catalog).findings() if f.table != "catalog"]
    assert finding.remedy is Remedy.NONE
    assert "backup" in finding.hint


@pytest.mark.parametrize("damage", [lose, tear])
def test_a_damaged_checkpoint_is_set_aside_and_made_anew(disk, growing, catalog, damage):
    known(catalog, disk, growing)
    table = disk.table(growing.id)
    DeltaTable(table.root, version=2).create_checkpoint()
    (checkpoint,) = root_of(table).glob("_delta_log/*.checkpoint.parquet")
    damage(checkpoint)
    with pytest.raises(DamagedTableError, match="checkpoint"):
        table.version()

    repaired(growing, disk, catalog)
    assert read(growing, disk) == ROWS
    assert diagnose(growing.id, disk, catalog).findings() == []
    assert json.loads((root_of(table) / "_delta_log/_last_checkpoint").read_text())["version"] == 3


def test_entries_that_a_checkpoint_stands_for_are_not_needed(disk, growing, catalog):
    known(catalog, disk, growing)
    table = disk.table(growing.id)
    DeltaTable(table.root, version=2).create_checkpoint()
    lose(entry(table, 1))

    assert read(growing, disk) == ROWS
    (finding, *_) = diagnose(growing.id, disk, catalog).findings()
    assert finding.remedy is Remedy.NEEDLESS


def test_rejected_rows_are_looked_after_too(disk, catalog):
    declared = product(on_violation=mesh.Quarantine(1.0))
    publish_small(declared, orders([(1, "DE", -1.0), (2, "DE", 1.0)]), disk, "run")
    known(catalog, disk, declared)
    name = lose(data_file(disk.quarantine(declared.id), 0))

    (finding,), done = repaired(declared, disk, catalog)
    assert name in finding.what
    assert done.versions == {disk.quarantine(declared.id).url: 1}
    assert rejected_rows(declared.id, disk).collect().is_empty()


def test_a_catalog_that_is_behind_or_ahead_is_said_to_be(disk, growing, catalog):
    known(catalog, disk, growing)
    publish_small(growing, orders([(9, "DE", 9.0)]), disk, "unheard")
    (behind,) = diagnose(growing.id, disk, catalog).findings()
    assert (behind.remedy, behind.what) == (
        Remedy.SYNC,
        "the receipt of version 4 is not in the catalog",
    )
    assert repaired(growing, disk, catalog)[1].recorded == 1

    lose(entry(disk.table(growing.id), 4))
    (ahead,) = diagnose(growing.id, disk, catalog).findings()
    assert ahead.remedy is Remedy.NONE
    assert "version 4" in ahead.what


def test_an_upsert_in_a_bucket_names_a_missing_file(bucket):
    merging, lake = product(write=mesh.Upsert(on="order_id")), bucket.lake()
    publish_small(merging, orders(ROWS), lake, "old")
    (file,) = lake.table(merging.id).snapshot().files
    lake.table(merging.id).store.delete([file.path])

    with pytest.raises(DamagedTableError, match=file.path):
        publish_small(merging, orders(ROWS[:1]), lake, "new")


def test_a_repair_in_a_bucket_is_the_same(bucket, catalog):
    declared, lake = product(write=mesh.Append()), bucket.lake()
    for number, row in enumerate(ROWS[:3]):
        publish_small(declared, orders([row]), lake, str(number))
    table = lake.table(declared.id)
    (gone, *_) = table.snapshot(0).files
    table.store.delete([gone.path, "_delta_log/00000000000000000002.json"])
    with pytest.raises(DamagedTableError, match=gone.path):
        read(declared, lake)

    findings, _ = repaired(declared, lake, catalog)
    assert [f.remedy for f in findings if f.table != "catalog"] == [Remedy.LET_GO]
    assert rows_of(declared, lake) == ROWS[1:2]


def test_a_version_whose_files_were_vacuumed_is_said_to_be_gone_not_damaged(disk, whole):
    delta = DeltaTable(disk.table(whole.id).root)
    delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    with pytest.raises(NotPublishedError, match="version 1 is gone") as raised:
        read(whole, disk, 1)
    assert "latest, version 4" in raised.value.hint
    assert read(whole, disk) == ROWS[2:]
