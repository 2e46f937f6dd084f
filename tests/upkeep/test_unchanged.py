"""What is kept of keys that did not change is kept up, and erased, with the product."""

from pathlib import Path

import polars as pl
import pytest

from mesh.settings import PublishingSettings
from mesh.upkeep.erasure import Erasure
from tests.behaviour.products import product, publish_small
from tests.behaviour.test_changing_slowly import WITH_ENDS, Addresses, periods, said
from tests.behaviour.upkeep import Keeper


@pytest.fixture
def keeping(disk):
    """A history of three customers; what changed nothing came in three files."""
    declared = product(Addresses, write=WITH_ENDS, name="addresses")
    publish_small(declared, said(*((who, 0, "Rome") for who in range(3))), disk, "first")
    for when in (7, 8, 9):
        publish_small(declared, said(*((who, when, "Rome") for who in range(3))), disk, f"{when}")
    return declared


def test_its_small_files_are_joined_and_say_what_they_said(disk, catalog, keeping):
    table = disk.unchanged(keeping.id)
    assert len(table.snapshot().files) == 3
    Keeper(disk, catalog).apply(keeping)
    assert len(table.snapshot().files) == 1
    publish_small(keeping, said((1, 4, "Oslo")), disk, "late")

    of_one = [period for period in periods(keeping, disk) if period[0] == 1]
    assert of_one == [(1, 0, 4, "Rome"), (1, 4, 7, "Oslo"), (1, 7, None, "Rome")]


@pytest.mark.parametrize("where", ["customer = 1", "city = 'Oslo'"])
def test_the_keys_of_erased_rows_are_erased_from_it_too(disk, catalog, keeping, where):
    publish_small(keeping, said((1, 10, "Oslo")), disk, "moved")
    publish_small(keeping, said((1, 11, "Oslo")), disk, "confirmed")
    settings = PublishingSettings(workers=2, batch_rows=4)
    erasure = Erasure(disk, catalog, keeping.id, where, settings)
    record = erasure.apply(why="she asked", by="ada@example.com")

    assert [proof["part"] for proof in record.content["proof"]] == ["unchanged", "table"]
    found = disk.unchanged(keeping.id).scan().collect()
    assert sorted(set(found["customer"])) == [0, 2]
    left = {0, 2} if where == "customer = 1" else {0, 1, 2}  # she lived in Rome before
    assert {period[0] for period in periods(keeping, disk)} == left
    assert [part["rows"] for part in record.content["parts"]] == [4, 2 if len(left) == 2 else 1]
    folder = Path(disk.unchanged(keeping.id).url)
    lying = [pl.read_parquet(file) for file in folder.rglob("part-*.parquet")]
    assert lying
    assert all(1 not in rows["customer"] for rows in lying)
