"""Rows that come late, and corrections of partitions that were closed long ago."""

import datetime as dt

import polars as pl

import mesh
from mesh.catalog.receipts import Receipt, Refusal
from mesh.publishing.modes.files import TableFiles
from tests.behaviour.products import product, publish_small, rows_of


class Sales(mesh.Contract):
    """One row per sale."""

    sale_id: int = mesh.Field(key=True)
    day: dt.date
    amount: float = mesh.Field(ge=0)


def day(number: int) -> dt.date:
    return dt.date(2020, 1, 1) + dt.timedelta(days=number)


def sales(*rows) -> pl.DataFrame:
    schema = {"sale_id": pl.Int64, "day": pl.Date, "amount": pl.Float64}
    return pl.DataFrame([(n, day(d), a) for n, d, a in rows], schema=schema, orient="row")


def files_by_day(declared, lake) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in lake.table(declared.id).snapshot().files:
        found.setdefault(file.partition_values["day"], set()).add(file.path)
    return found


def eight_days(declared, lake) -> None:
    """Eight days, each published on its own, with two sales."""
    for number in range(8):
        rows = sales((number * 10, number, 1.0), (number * 10 + 1, number, 2.0))
        assert isinstance(publish_small(declared, rows, lake, f"day {number}"), Receipt)


def test_a_closed_partition_is_corrected_and_no_other_is_touched(lake):
    replacing = product(Sales, write=mesh.ReplacePartitions(by="day"), name="sales")
    eight_days(replacing, lake)
    before = files_by_day(replacing, lake)
    receipt = publish_small(
        replacing, sales((20, 2, 5.0), (25, 2, 6.0), (26, 2, 7.0)), lake, "corrected"
    )

    after = files_by_day(replacing, lake)
    assert {name for name in after if after[name] != before[name]} == {"2020-01-03"}
    assert receipt.rows_accepted == 3
    assert [row for row in rows_of(replacing, lake) if row[1] == day(2)] == [
        (20, day(2), 5.0),
        (25, day(2), 6.0),
        (26, day(2), 7.0),
    ]
    old = [row for row in rows_of(replacing, lake, version=7) if row[1] == day(2)]
    assert old == [(20, day(2), 1.0), (21, day(2), 2.0)]


def test_several_closed_partitions_are_corrected_in_one_commit(lake):
    replacing = product(Sales, write=mesh.ReplacePartitions(by="day"), name="sales")
    eight_days(replacing, lake)
    version = lake.table(replacing.id).version()
    publish_small(replacing, sales((0, 0, 9.0), (30, 3, 9.0)), lake, "corrected")

    assert lake.table(replacing.id).version() == version + 1
    corrected = [row for row in rows_of(replacing, lake) if row[1] in {day(0), day(3)}]
    assert corrected == [(0, day(0), 9.0), (30, day(3), 9.0)]


def test_a_correction_may_not_take_the_key_of_another_day(lake):
    replacing = product(Sales, write=mesh.ReplacePartitions(by="day"), name="sales")
    eight_days(replacing, lake)
    refusal = publish_small(replacing, sales((70, 2, 5.0)), lake, "corrected")

    assert isinstance(refusal, Refusal)
    assert refusal.verdict.finding("sale_id_unique").samples == ({"sale_id": 70},)


def test_late_rows_are_appended_to_the_partition_that_they_belong_to(lake):
    growing = product(Sales, write=mesh.Append(), partition_by=["day"], name="sales")
    eight_days(growing, lake)
    before = files_by_day(growing, lake)
    publish_small(growing, sales((999, 2, 5.0), (1_000, 6, 5.0)), lake, "late")

    after = files_by_day(growing, lake)
    assert all(before[name] <= after[name] for name in before)
    assert {name for name in after if after[name] != before[name]} == {"2020-01-03", "2020-01-07"}
    assert len(rows_of(growing, lake)) == 18


def test_a_late_row_with_a_key_of_another_partition_is_refused(lake):
    growing = product(Sales, write=mesh.Append(), partition_by=["day"], name="sales")
    eight_days(growing, lake)
    assert isinstance(publish_small(growing, sales((70, 2, 5.0)), lake, "late"), Refusal)


def test_an_upsert_moves_a_row_to_another_partition(lake):
    merging = product(Sales, write=mesh.Upsert(on="sale_id"), partition_by=["day"], name="sales")
    eight_days(merging, lake)
    before = files_by_day(merging, lake)
    publish_small(merging, sales((20, 7, 5.0), (21, 2, 8.0)), lake, "moved")

    after = files_by_day(merging, lake)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"2020-01-03", "2020-01-08"}
    assert before["2020-01-08"] < after["2020-01-08"]
    found = [row for row in rows_of(merging, lake) if row[0] in {20, 21}]
    assert found == [(20, day(7), 5.0), (21, day(2), 8.0)]
    assert len(rows_of(merging, lake)) == 16


def test_a_partition_that_loses_its_last_row_is_gone(lake):
    merging = product(Sales, write=mesh.Upsert(on="sale_id"), partition_by=["day"], name="sales")
    eight_days(merging, lake)
    publish_small(merging, sales((20, 7, 5.0), (21, 7, 8.0)), lake, "moved")

    assert "2020-01-03" not in files_by_day(merging, lake)


class SalesOfDays(Sales):
    """One row per day and sale."""

    day: dt.date = mesh.Field(key=True)


def test_a_partition_in_the_key_keeps_others_from_being_looked_at(lake, monkeypatch):
    number, looked_at = 2, []
    original = TableFiles.open
    monkeypatch.setattr(
        TableFiles,
        "open",
        lambda self, file, *said: looked_at.append(file) or original(self, file, *said),
    )
    merging = product(
        SalesOfDays, write=mesh.Upsert(on=["sale_id", "day"]), partition_by=["day"], name="sales"
    )
    eight_days(merging, lake)
    looked_at.clear()
    publish_small(merging, sales((number * 10, number, 5.0)), lake, "corrected")

    assert {file.partition_values["day"] for file in looked_at} == {str(day(number))}
    found = [row for row in rows_of(merging, lake) if row[1] == day(number)]
    assert found == [(number * 10, day(number), 5.0), (number * 10 + 1, day(number), 2.0)]
