"""Rows that a product promises to keep no longer are removed, and no others."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

import mesh
from mesh.errors import DefinitionError
from mesh.products.retention import Retention
from tests.behaviour.products import product, publish_small, rows_of
from tests.behaviour.upkeep import Keeper, actions

TODAY = datetime.now(UTC).date()


class Visits(mesh.Contract):
    """One row per visit."""

    visit_id: int = mesh.Field(key=True)
    day: pl.Date = mesh.Field(nullable=True)
    at: mesh.UTCDatetime = mesh.Field(nullable=True)


def visits(*ages):
    """Visits, as old as so many days; None when nobody noted when it was."""
    frame = pl.DataFrame({"visit_id": range(len(ages)), "age": ages})
    days = pl.lit(TODAY) - pl.duration(days=pl.col("age"))
    at = pl.lit(datetime.now(UTC)) - pl.duration(days=pl.col("age"))
    return frame.select("visit_id", day=days.cast(pl.Date), at=at)


def published(lake, *ages, **options):
    declared = product(Visits, name="visits", write=mesh.Append(), **options)
    publish_small(declared, visits(*ages), lake, "first")
    return declared


@pytest.mark.parametrize("column", ["day", "at"])
def test_rows_that_are_too_old_go_and_those_without_a_time_stay(lake, keeper, column):
    declared = published(lake, 5, 400, 380, None, 1, 401, 2, retention=Retention("1y", column))
    planned = keeper.plan(declared)
    assert planned.works[0].action == "remove old rows"
    assert planned.works[0].rows == 3
    assert len(rows_of(declared, lake)) == 7

    done = keeper.apply(declared)

    assert done.works[0].rows == 3
    assert [row[0] for row in rows_of(declared, lake)] == [0, 3, 4, 6]
    assert actions(keeper.plan(declared)) == []


def test_files_of_old_partitions_are_removed_whole(disk, catalog):
    declared = published(
        disk, 400, 400, 3, None, partition_by=["day"], retention=Retention("1y", "day")
    )
    table = disk.table(declared.id)
    before = {file.path for file in table.snapshot().files}
    (work,) = Keeper(disk, catalog).apply(declared).works
    assert (work.rows, work.files) == (2, 1)
    after = {file.path for file in table.snapshot().files}
    assert after < before
    assert [row[0] for row in rows_of(declared, disk)] == [2, 3]


def test_old_rows_leave_old_versions_too_when_nothing_holds_these(disk, catalog):
    declared = published(disk, 400, 1, retention=Retention("1y", "at"))
    keeper = Keeper(disk, catalog)
    keeper.apply(declared)
    assert len(rows_of(declared, disk, version=0)) == 2
    keeper.apply(declared, days=3)
    lying = [f.path for f in disk.table(declared.id).store.list() if f.path.endswith(".parquet")]
    assert len(lying) == len(disk.table(declared.id).snapshot().files)


def test_rejected_rows_age_by_when_they_were_rejected(disk, catalog):
    class Some(Visits):
        """Visits with a number that may be wrong."""

        visit_id: int = mesh.Field(key=True, ge=1)

    options = {"on_violation": mesh.Quarantine(0.9), "retention": Retention("30d", "at")}
    declared = product(Some, name="visits", write=mesh.Append(), **options)
    publish_small(declared, visits(1, 2), disk, "first")
    keeper = Keeper(disk, catalog)
    assert actions(keeper.apply(declared), "quarantine") == []
    assert actions(keeper.apply(declared, days=31), "quarantine")[0] == "remove old rows"
    assert disk.quarantine(declared.id).scan().collect().is_empty()


def test_a_period_goes_by_the_calendar():
    now = datetime(2024, 2, 29, 12, tzinfo=UTC)
    found = [Retention(text).cutoff(now).date() for text in ("10d", "2w", "3mo", "1y", "4y")]
    assert found == [
        date(2024, 2, 19),
        date(2024, 2, 15),
        date(2023, 11, 29),
        date(2023, 2, 28),
        date(2020, 2, 29),
    ]
    assert Retention("9999y").cutoff(now).year == 1


@pytest.mark.parametrize("text", ["", "3", "y", "0d", "3 years", "30m", "-1d"])
def test_what_is_no_period_is_refused(text):
    with pytest.raises(ValueError, match="is not a period such as 90d, 6w, 18mo or 3y"):
        Retention(text)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"retention": Retention("1y", "nowhere")}, "'nowhere', which is not a column"),
        ({"retention": Retention("1y", "visit_id")}, "'visit_id', which is a int64"),
        ({"cluster_by": ["nowhere"]}, "cluster_by names 'nowhere', which is not a column"),
        ({"cluster_by": "day", "partition_by": "day"}, "'day', which partition_by does already"),
    ],
)
def test_upkeep_that_does_not_fit_the_contract_is_a_problem(options, problem):
    with pytest.raises(DefinitionError, match=problem):
        product(Visits, name="visits", **options)


def test_a_declaration_tells_retention_as_the_standard_does():
    declared = product(Visits, name="visits", retention=Retention("3y", "at"), cluster_by="at")
    told = declared.as_json()
    assert told["retention"] == {"property": "retention", "value": 3, "unit": "y", "element": "at"}
    assert told["cluster_by"] == ["at"]
    assert str(declared.retention) == "3y, by at"
