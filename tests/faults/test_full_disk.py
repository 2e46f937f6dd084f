"""A full disk, or one that may not be written to: said so, with nothing half."""

import subprocess
from pathlib import Path

import polars as pl
import pytest

import mesh
from mesh.errors import StorageError, StorageFullError, Transient
from mesh.lake import Lake, Table
from mesh.publishing import publish
from tests.behaviour.products import orders, product, publish_small, rows_of, state_of
from tests.faults.small_disk import LimitedFiles, made

OLD = [(1, "DE", 1.0)]


@pytest.fixture(params=["a small disk", "a limit on files"])
def small_disk(request, tmp_path):
    folder = tmp_path / "disk"
    if request.param == "a limit on files":
        folder.mkdir()
        yield LimitedFiles(folder)
        return
    with made(folder) as disk:
        yield disk


@pytest.fixture
def lake(small_disk):
    return Lake(str(small_disk.folder / "lake"))


def many(rows: int) -> pl.DataFrame:
    """Rows that hardly compress: about 24 bytes each."""
    numbers = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "order_id": numbers,
            "country": numbers.hash(seed=1).cast(pl.String),
            "amount": numbers.hash(seed=2).cast(pl.Float64),
        }
    )


@pytest.mark.parametrize("partition_by", [(), ("country",)], ids=["flat", "by country"])
def test_a_disk_that_fills_up_while_staging_is_said_to_be_full(small_disk, lake, partition_by):
    declared = product(partition_by=partition_by)
    publish_small(declared, orders(OLD), lake, "old")
    before = state_of(lake.table(declared.id))
    large = many(400_000)
    if partition_by:
        large = large.with_columns(country=pl.format("C{}", pl.col("order_id") % 3))

    with small_disk.leaving(400_000), pytest.raises(StorageFullError) as raised:
        publish(declared, large, lake=lake, run_id="new")

    assert isinstance(raised.value, Transient)
    assert raised.value.where == lake.table(declared.id).url
    assert state_of(lake.table(declared.id)) == before
    assert publish(declared, large, lake=lake, run_id="new").table_version == 1


def test_a_disk_that_is_full_at_the_commit_publishes_nothing(small_disk, lake, monkeypatch):
    declared = product(write=mesh.Append())
    publish_small(declared, orders(OLD), lake, "old")
    before = state_of(lake.table(declared.id))
    original = Table.commit

    def commit_when_full(table, *arguments):
        with small_disk.leaving(0):
            return original(table, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "commit", commit_when_full)
        with pytest.raises(StorageFullError):
            publish_small(declared, orders([(2, "DE", 2.0)]), lake, "new")

    assert state_of(lake.table(declared.id)) == before
    assert publish_small(declared, orders([(2, "DE", 2.0)]), lake, "new").table_version == 1


def test_a_disk_that_is_full_at_the_first_commit_makes_no_table(small_disk, lake, monkeypatch):
    original = Table.commit

    def commit_when_full(table, *arguments):
        with small_disk.leaving(0):
            return original(table, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Table, "commit", commit_when_full)
        with pytest.raises(StorageFullError):
            publish_small(product(), orders(OLD), lake, "new")

    assert not lake.table(product().id).exists()
    publish_small(product(), orders(OLD), lake, "new")
    assert rows_of(product(), lake) == OLD


def test_rejected_rows_that_find_no_space_publish_nothing(small_disk, lake):
    declared = product(on_violation=mesh.Quarantine(1.0))
    publish_small(declared, orders(OLD), lake, "old")
    before = state_of(lake.table(declared.id))
    rejected = pl.concat([many(200_000).with_columns(amount=-1.0), orders([(-1, "DE", 1.0)])])

    with small_disk.leaving(400_000), pytest.raises(StorageFullError):
        publish(declared, rejected, lake=lake, run_id="new")

    assert state_of(lake.table(declared.id)) == before
    assert state_of(lake.quarantine(declared.id)) == (None, [], [])


def test_a_folder_that_may_not_be_written_to_is_a_readable_error(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    declared = product()
    publish_small(declared, orders(OLD), lake, "old")
    folder = tmp_path / "lake" / "shop" / "orders" / "v1"
    before = state_of(lake.table(declared.id))
    with read_only(folder), pytest.raises(StorageError) as raised:
        publish_small(declared, orders([(2, "DE", 2.0)]), lake, "new")

    assert "rights" in raised.value.hint or "MESH_STORAGE" in raised.value.hint
    assert state_of(lake.table(declared.id)) == before


class read_only:  # noqa: N801 -- reads as a statement
    """Makes a folder read-only, for root too: by a bind mount, else by its rights."""

    def __init__(self, folder) -> None:
        self.folder = str(folder)

    def __enter__(self) -> None:
        bind = ["mount", "--bind", self.folder, self.folder]
        self.is_mounted = not subprocess.run(bind, capture_output=True, check=False).returncode
        if self.is_mounted:
            subprocess.run(["mount", "-o", "remount,bind,ro", self.folder], check=True)
        else:
            Path(self.folder).chmod(0o555)

    def __exit__(self, *_) -> None:
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", self.folder], check=True)
        else:
            Path(self.folder).chmod(0o755)
