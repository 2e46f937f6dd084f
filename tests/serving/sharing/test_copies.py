"""Copies are written once, whole, for one view of one version, and are given up in time."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from mesh.lake.removed import note_removed
from mesh.serving.sharing.copies import CopiedFile, Copies, CopyKey
from tests.access.ports import ROWS, Rows, agreement, view_of
from tests.serving.sharing import lakes
from tests.serving.sharing.conftest import at
from tests.serving.sharing.lakes import CARL, FLIGHTS, UNITED

TABLE = "shop.flights_v1"
KEY = CopyKey("shop.flights_v1", "f00d-1", 3, "abc")


def writing(content=b"rows"):
    """What makes a copy of one file."""

    def make(folder):
        (folder / "rows.parquet").write_bytes(content)
        return [CopiedFile("rows.parquet", len(content), 1)], "{}"

    return make


def kept(root):
    """The copies in a folder, by name."""
    return sorted(f.name for p in root.iterdir() if p.name != ".drafts" for f in p.iterdir())


@pytest.fixture
def copies(tmp_path):
    return Copies(tmp_path, most_bytes=1_000_000, resting=60)


@pytest.fixture
def folder(lake_shared):
    """Where the server keeps its copies."""
    return lake_shared.settings.root / ".mesh" / "dev" / "shared"


def test_of_many_who_ask_at_once_one_writes(copies):
    begun, written = threading.Barrier(8), []

    def make(folder):
        written.append(folder)
        time.sleep(0.05)
        return writing()(folder)

    def ask(_):
        begun.wait()
        return copies.of(KEY, make)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))
    assert len(written) == len(found) == 1
    assert copies.find(KEY) in found


def test_copies_of_other_keys_are_written_side_by_side(copies):
    both = threading.Barrier(2, timeout=30)

    def make(folder):
        both.wait()
        return writing()(folder)

    keys = (KEY, CopyKey("shop.flights_v1", "f00d-1", 3, "abc", "changes"))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda key: copies.of(key, make), keys))
    assert found[0].folder != found[1].folder


def test_a_copy_that_was_not_finished_is_none(copies, tmp_path):
    def dies(folder):
        (folder / "rows.parquet").write_bytes(b"ha")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        copies.of(KEY, dies)
    assert copies.find(KEY) is None
    assert list((tmp_path / ".drafts").iterdir()) == []
    assert copies.of(KEY, writing()).files == (CopiedFile("rows.parquet", 4, 1),)


def test_what_a_killed_server_left_is_no_copy_and_goes_in_time(copies, tmp_path):
    left = tmp_path / ".drafts" / "killed"
    left.mkdir(parents=True)
    (left / "rows.parquet").write_bytes(b"ha")
    copies.of(KEY, writing())
    assert left.exists()
    os.utime(left, (time.time() - 86_400,) * 2)
    copies.of(CopyKey("shop.flights_v1", "f00d-1", 4, "abc"), writing())
    assert not left.exists()
    assert len(kept(tmp_path)) == 2


def test_of_two_processes_the_first_copy_stays(copies, tmp_path):
    def make(folder):
        Copies(tmp_path, 1_000, 60).of(KEY, writing(b"theirs"))
        return writing(b"ours")(folder)

    found = copies.of(KEY, make)
    assert (found.folder / "rows.parquet").read_bytes() == b"theirs"
    assert found.files[0].size == len(b"theirs")


def test_the_copies_that_were_handed_out_longest_ago_make_place(tmp_path):
    copies = Copies(tmp_path, most_bytes=2_500, resting=60)
    keys = [CopyKey("shop.flights_v1", "f00d-1", version, "abc") for version in range(4)]
    for age, key in zip((300, 200, 100), keys, strict=False):
        made = copies.of(key, writing(b"x" * 1000))
        os.utime(made.folder / "copy.json", (time.time() - age,) * 2)
    assert [copies.find(key) is not None for key in keys[:1]] == [False]
    copies.of(keys[3], writing(b"x" * 1000))
    assert [copies.find(key) is not None for key in keys] == [False, False, True, True]


def test_a_copy_that_links_may_lead_to_stays(tmp_path):
    copies = Copies(tmp_path, most_bytes=1_500, resting=60)
    for version in range(2):
        key = CopyKey("shop.flights_v1", "f00d-1", version, "abc")
        copies.of(key, writing(b"x" * 1000))
    assert len(kept(tmp_path)) == 2


def test_links_keep_no_more_copies_than_take_twice_the_size(tmp_path):
    copies = Copies(tmp_path, most_bytes=1_500, resting=60)
    for version in range(9):
        key = CopyKey("shop.flights_v1", "f00d-1", version, "abc")
        copies.of(key, writing(b"x" * 1000))
    assert len(kept(tmp_path)) <= 2
    assert copies.find(key) is not None


def test_nobody_else_on_the_machine_reads_copies(carl, folder):
    carl.query(TABLE)
    (copy,) = (folder / TABLE).iterdir()
    assert copy.stat().st_mode & 0o077 == 0


def test_the_second_reader_is_given_the_same_copy(carl, asking, folder, lake_shared):
    first = carl.files(TABLE)
    written = [file.stat().st_ino for file in folder.rglob("*.parquet")]
    second = asking(CARL).files(TABLE)
    assert [file.stat().st_ino for file in folder.rglob("*.parquet")] == written
    assert [file["id"] for file in first] == [file["id"] for file in second]
    assert [entry.rows for entry in lake_shared.told.entries] == [2, 2]


def test_those_who_see_the_same_share_a_copy_unless_values_are_hashed(asking, lake_shared, folder):
    def of(masks):
        return lambda ask: view_of(ask.port, principal=ask.principal, rows=UNITED, **masks)

    for who in ("eve@example.com", "fay@example.com"):
        with lakes.changed(lake_shared.views, who, of({"tail_number": "null"})):
            asking(who).query(TABLE)
    assert len(kept(folder)) == 1
    for who in ("eve@example.com", "fay@example.com"):
        with lakes.changed(lake_shared.views, who, of({"tail_number": "hash"})):
            asking(who).query(TABLE)
    assert len(kept(folder)) == 3


def test_under_another_agreement_hashes_and_copies_are_others(asking, lake_shared, folder):
    def under(name):
        def view(ask):
            given = agreement(name, ask.principal.name)
            return view_of(ask.port, principal=ask.principal, agreement=given, tail_number="hash")

        return view

    for name in ("one", "two", "one"):
        with lakes.changed(lake_shared.views, CARL, under(name)):
            asking(CARL).query(TABLE)
    assert len(kept(folder)) == 2


def test_a_copy_is_never_served_for_another_digest(carl, client, lake_shared):
    (before,) = carl.files(TABLE)
    narrowed = Rows(pl.col("id") == 1, "id == 1")

    def narrower(ask):
        return view_of(ask.port, principal=ask.principal, rows=narrowed, tail_number="hash")

    with lakes.changed(lake_shared.views, CARL, narrower):
        (after,) = carl.files(TABLE)
        assert client.get(before["url"]).status_code == 403
        assert client.get(after["url"]).status_code == 200
    assert after["id"] != before["id"]
    assert client.get(after["url"]).status_code == 403


def test_a_new_version_has_a_copy_of_its_own_and_links_to_the_one_before_go_on(
    carl, lake_shared, folder, client
):
    (file,) = carl.files(TABLE)
    lake_shared.publish(FLIGHTS, ROWS[:1], "third")
    carl.files(TABLE)
    assert len(kept(folder)) == 2
    assert client.get(file["url"]).status_code == 200


def test_copies_of_versions_that_were_removed_go_with_them(carl, client, lake_shared, folder):
    (file,) = carl.files(TABLE, {"version": 0})
    carl.files(TABLE)
    table = lake_shared.lake.table(FLIGHTS.id)
    note_removed(table, [0], "removed by an erasure on 2026-01-31")
    assert client.get(file["url"]).status_code == 400
    lake_shared.publish(FLIGHTS, ROWS[:1], "third")
    carl.get(f"{at(TABLE)}/version")
    assert {name.rsplit("-", 3)[1] for name in kept(folder)} == {"1"}
