"""An upsert rewrites only the files that hold rows with its keys."""

import polars as pl
import pytest

import mesh
from mesh.publishing import publish
from mesh.settings import PublishingSettings
from tests.behaviour.products import Orders, orders, product, publish_small, rows_of

ONE_FILE = PublishingSettings(workers=1)


def files_of(declared, lake) -> set[str]:
    return {file.path for file in lake.table(declared.id).snapshot().files}


def in_three_files(declared, lake) -> dict[int, str]:
    """Orders 0 to 9, 10 to 19 and 20 to 29, each in a file of its own; the files by first order."""
    for start in (0, 10, 20):
        rows = [(number, "DE", 1.0) for number in range(start, start + 10)]
        publish(declared, orders(rows), lake=lake, run_id=f"from {start}", settings=ONE_FILE)
    files = lake.table(declared.id).snapshot().files
    return {file.bounds["order_id"][0]: file.path for file in files}


def test_files_without_its_keys_stay_as_they_are(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    files = in_three_files(merging, lake)
    publish_small(merging, orders([(12, "FR", 2.0), (99, "FR", 2.0)]), lake, "merge")

    after = files_of(merging, lake)
    assert {files[0], files[20]} < after
    assert files[10] not in after
    expected = [(number, "DE", 1.0) for number in range(30) if number != 12]
    assert rows_of(merging, lake) == sorted([*expected, (12, "FR", 2.0), (99, "FR", 2.0)], key=repr)


def test_a_file_whose_range_has_the_key_but_whose_rows_do_not_stays(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    rows = [(0, "DE", 1.0), (10, "DE", 1.0)]
    publish(merging, orders(rows), lake=lake, run_id="first", settings=ONE_FILE)
    before = files_of(merging, lake)
    publish_small(merging, orders([(5, "FR", 2.0)]), lake, "merge")

    assert before < files_of(merging, lake)


def test_new_keys_rewrite_nothing(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    files = in_three_files(merging, lake)
    publish_small(merging, orders([(30, "FR", 2.0)]), lake, "merge")

    assert set(files.values()) < files_of(merging, lake)


def test_a_file_that_is_replaced_whole_is_only_removed(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    files = in_three_files(merging, lake)
    replacing = [(number, "FR", 2.0) for number in range(10, 20)]
    publish(merging, orders(replacing), lake=lake, run_id="merge", settings=ONE_FILE)

    after = files_of(merging, lake)
    assert len(after) == 3
    assert {files[0], files[20]} < after


def test_versions_before_an_upsert_stay_readable(lake):
    merging = product(write=mesh.Upsert(on="order_id"))
    in_three_files(merging, lake)
    before = rows_of(merging, lake)
    publish_small(merging, orders([(12, "FR", 2.0)]), lake, "merge")

    assert rows_of(merging, lake, version=2) == before


def test_rewritten_rows_keep_every_value(lake):
    class Wide(mesh.Contract):
        id: int = mesh.Field(key=True)
        text: str = mesh.Field(nullable=True)
        fraction: float = mesh.Field(nullable=True)
        parts: pl.List(pl.Int64) = mesh.Field(nullable=True)

    merging = product(Wide, write=mesh.Upsert(on="id"))
    first = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "text": ["ü" * 10_000, None, "", "x"],
            "fraction": [float("nan"), float("-inf"), None, -0.0],
            "parts": [[1, None], [], None, [2]],
        }
    )
    publish(merging, first, lake=lake, run_id="first", settings=ONE_FILE)
    publish_small(merging, first[3:].with_columns(text=pl.lit("new")), lake, "second")

    found = lake.table(merging.id).scan().collect().sort("id")
    assert found.equals(first.with_columns(text=pl.Series([*first["text"][:3], "new"])))


@pytest.mark.parametrize("rows", [0, 1])
def test_an_upsert_may_be_the_first_publication(lake, rows):
    merging = product(Orders, write=mesh.Upsert(on="order_id"))
    publish_small(merging, orders([(1, "DE", 1.0)][:rows]), lake, "first")

    assert len(rows_of(merging, lake)) == rows
