"""How partitions are chosen: by name, by range, and since a day."""

import pytest

import mesh
from mesh.errors import MeshError, UnknownPartitionError
from mesh.products.choosing import Choice, since
from tests.behaviour.products import OrdersByCountry, product

DAYS = ("2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02")


def parted(partitions):
    def function(partition):
        return partition

    return product(
        OrdersByCountry,
        function=function,
        write=mesh.ReplacePartitions(by="country"),
        partitions=partitions,
    )


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("2026-01-31", DAYS[1:2]),
        ("2026-01-31..2026-02-01", DAYS[1:3]),
        ("2026-02-01..", DAYS[2:]),
        ("..2026-01-31", DAYS[:2]),
        ("2026-02-02, 2026-01-30", (DAYS[0], DAYS[3])),
        ("2026-01-30..2026-01-31,2026-01-31", DAYS[:2]),
    ],
)
def test_a_choice_is_in_the_order_of_the_partitions_each_once(text, chosen):
    assert Choice.parse(text).among(DAYS) == chosen


def test_what_names_nothing_is_refused():
    for text in ("", "..", "a,", " , "):
        with pytest.raises(MeshError, match="names no partitions"):
            Choice.parse(text)


def test_a_range_that_goes_backwards_is_refused():
    with pytest.raises(MeshError, match="goes backwards"):
        Choice.parse("2026-02-01..2026-01-30").among(DAYS)


def test_an_unknown_partition_is_named_wherever_it_stands():
    for text in ("2026-03-01", "2026-01-30..2026-03-01", "2026-03-01.."):
        with pytest.raises(UnknownPartitionError, match="2026-03-01"):
            Choice.parse(text).among(DAYS)


def test_since_a_day_takes_days_from_it_on_and_the_month_that_it_is_in():
    days = parted(mesh.DailyPartitions(start="2026-01-30", end="2026-02-02"))
    months = parted(mesh.MonthlyPartitions(start="2025-12", end="2026-02"))

    assert since(days, "2026-02-01") == DAYS[2:]
    assert since(days, "2026-02") == DAYS[2:]
    assert since(months, "2026-01-31") == ("2026-01", "2026-02")


def test_since_asks_for_days_or_months():
    with pytest.raises(MeshError, match="not a day such as"):
        since(parted(mesh.DailyPartitions(start="2026-01-30")), "yesterday")
    with pytest.raises(MeshError, match="no days or months"):
        since(parted(mesh.StaticPartitions(["a", "b"])), "2026-01-01")
    with pytest.raises(MeshError, match="no partition since 2027"):
        since(parted(mesh.DailyPartitions(start="2026-01-30", end="2026-02-02")), "2027-01-01")
