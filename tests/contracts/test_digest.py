"""Equal promises have equal digests, different ones do not, and JSON changes neither."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import polars as pl
import pytest

import mesh
from mesh.contracts.pandera import load
from tests.contracts.made import Observations, made


def test_a_digest_is_the_same_for_the_same_promise():
    assert load(Observations).digest == load(Observations).digest
    assert load(made(isin={"a", "b", "c"}, annotation=str)).digest == (
        load(made(isin={"c", "b", "a"}, annotation=str)).digest
    )


def test_a_digest_is_known():
    # Written down, so that a change of what goes into it is noticed: it stands in receipts.
    assert load(made(ge=1, unit="m", key=True)).digest == (
        "0d2494344e98bbd987bd946b2a41a17b7b1511bd4dbd164da078eaede3f45dfb"
    )


@pytest.mark.parametrize(
    "field",
    [
        {"ge": 2},
        {"ge": 1, "nullable": True},
        {"ge": 1, "unit": "m"},
        {"ge": 1, "description": "x"},
        {"ge": 1, "raise_warning": True},
        {"ge": 1, "ignore_na": False},
        {"ge": 1, "classification": "public"},
        {"ge": 1, "unique": True},
        {"ge": 1, "key": True},
        {"gt": 1},
    ],
)
def test_a_digest_differs_when_anything_that_is_promised_does(field):
    assert load(made(**field)).digest != load(made(ge=1)).digest


def test_a_digest_differs_when_a_check_of_ones_own_is_written_otherwise():
    class First(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def own(cls, data):
            return data.lazyframe.select(pl.col(data.key) > 1)

    class Second(mesh.Contract):
        value: int

        @mesh.check("value")
        @classmethod
        def own(cls, data):
            return data.lazyframe.select(pl.col(data.key) > 2)

    First.__name__ = Second.__name__ = "Own"
    assert load(First).digest != load(Second).digest


def test_a_contract_survives_a_way_through_json():
    contract = load(Observations)
    text = json.dumps(contract.as_json())
    back = type(contract).from_json(json.loads(text))
    assert back.digest == contract.digest
    assert back.as_json() == contract.as_json()
    assert back.key == contract.key
    assert {r.id: r.scope for r in back.rules} == {r.id: r.scope for r in contract.rules}


def test_a_contract_writes_down_any_argument_that_a_check_takes():
    for annotation, value in [
        (mesh.UTCDatetime, datetime.fromisoformat("2013-01-01T00:00:00+00:00")),
        (date, date(2013, 1, 1)),
        (timedelta, timedelta(hours=1)),
        (Annotated[pl.Decimal, 12, 2], Decimal("1.50")),
        (float, float("inf")),
    ]:
        contract = load(made(annotation, ge=value))
        back = type(contract).from_json(json.loads(json.dumps(contract.as_json())))
        assert back.digest == contract.digest
