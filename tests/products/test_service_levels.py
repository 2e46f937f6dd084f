"""Service levels of a document are measured by publications, to the minute and in any time zone."""

from datetime import UTC, datetime, timedelta

import pytest

from mesh.contracts.model import Column, Contract, Version
from mesh.products.service_levels import State, measured

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def states(levels, *ages, table="orders"):
    """The states of levels, of a product that was published so many hours ago."""
    contract = Contract(
        name="Orders",
        version=Version(1, 0, 0),
        description="",
        columns=(Column("order_id", "int64"),),
        rules=(),
        document={"slaProperties": levels},
        table=table,
    )
    published = [NOON - timedelta(hours=age) for age in ages]
    return [level.state for level in measured(contract, published, NOON)]


@pytest.mark.parametrize(
    ("value", "unit", "ages", "state"),
    [
        (1, "d", (24, 50), State.MET),
        (1, "d", (24.1,), State.MISSED),
        ("2", "hours", (2,), State.MET),
        (30, "min", (1,), State.MISSED),
        (1, None, (3,), State.MET),
        (1, "d", (), State.MISSED),
        (1, "d", (-5,), State.MET),
        ("often", "d", (1,), State.UNKNOWN),
        (0, "d", (1,), State.UNKNOWN),
        (1, "fortnight", (1,), State.UNKNOWN),
        (1e300, "y", (1,), State.UNKNOWN),
    ],
)
def test_how_often_it_is_published(value, unit, ages, state):
    level = {"property": "frequency", "value": value, "unit": unit}
    assert states([level], *ages) == [state]


@pytest.mark.parametrize(
    ("value", "ages", "state"),
    [
        ("09:00Z", (4,), State.MET),
        ("09:00", (4, 30), State.MET),
        ("09:00Z", (2, 26), State.MET),
        ("09:00Z", (2, 28), State.MISSED),
        ("09:00Z", (2,), State.UNKNOWN),
        ("09:00-08:00", (20,), State.MET),
        ("09:00-0800", (44,), State.MISSED),
        ("18:00+05:30", (1,), State.UNKNOWN),
        ("18:00+05:30", (1, 24), State.MET),
        ("9:00Z", (4,), State.MET),
        ("in the morning", (4,), State.UNKNOWN),
        ("29:00Z", (4,), State.UNKNOWN),
        ("09:00Z", (), State.UNKNOWN),
    ],
)
def test_by_what_time_of_day_it_is_published(value, ages, state):
    assert states([{"property": "timeOfAvailability", "value": value}], *ages) == [state]


def test_levels_of_other_tables_and_those_of_the_product_are_left_out():
    levels = [
        {"property": "frequency", "value": 1, "unit": "d", "element": "orders.day"},
        {"property": "frequency", "value": 1, "unit": "d", "element": "returns.day"},
        {"property": "latency", "value": 1, "unit": "d"},
        {"property": "endOfLife", "value": "2042-05-12"},
    ]
    assert states(levels, 1) == [State.MET, State.UNKNOWN]


def test_a_contract_without_a_document_has_none():
    contract = Contract("Orders", Version(1, 0, 0), "", (), ())
    assert measured(contract, [NOON], NOON) == ()
