"""What an ODCS document promises is held against the data that is published."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from mesh.catalog.receipts import Refusal
from mesh.contracts.odcs.reading import read
from mesh.contracts.verdict import Outcome
from mesh.lake import Lake
from tests.behaviour.products import product, publish_small
from tests.contracts.odcs.documents import document, rich

GOOD = {
    "order_id": [1, 2, 3],
    "country": ["DE", "NL", "NL"],
    "day": [date(2020, 1, 1), date(2020, 1, 2), None],
    "at": [datetime(2021, 1, 1, tzinfo=UTC)] * 3,
    "hour": ["09:30", None, "23:59"],
    "amount": pl.Series([1, 2, 3], dtype=pl.Decimal(12, 2)),
    "is_paid": [True, False, None],
    "address": [{"city": "Bonn", "lines": ["x"]}, None, {"city": "Kiel", "lines": None}],
    "items": [[{"sku": "a"}, {"sku": "b"}], [{"sku": "a"}], [{"sku": "c"}]],
    "labels": [[{"key": "a", "value": 1.0}], [], None],
    "embedding": pl.Series([[1, 2, 3], None, [4, 5, 6]], dtype=pl.List(pl.Float32)),
}
BAD = {
    "a minimum": ({"order_id": [0, 2, 3]}, "order_id in [1, 9)"),
    "a key": ({"order_id": [2, 2, 3]}, "(order_id) is unique"),
    "a required value": ({"country": ["DE", None, "NL"]}, "country is not null"),
    "listed values": ({"country": ["DE", "FR", "NL"]}, "country in {DE, NL}"),
    "a first day": ({"day": [date(2019, 1, 1), None, None]}, "day ≥ 2020-01-01"),
    "a last moment": (
        {"at": [datetime(2030, 1, 1, tzinfo=UTC)] * 3},
        "at ≤ 2029-12-31 23:00:00+00:00",
    ),
    "a format": ({"hour": ["9:30", None, "23:59"]}, "hour is HH:mm"),
    "a field of an object": (
        {"address": [{"city": None, "lines": ["x"]}, None, None]},
        "address has city",
    ),
    "a field of what a list has": (
        {"items": [[{"sku": None}], [{"sku": "a"}], [{"sku": "c"}]]},
        "items has sku",
    ),
    "items that differ": (
        {"items": [[{"sku": "a"}, {"sku": "a"}], [{"sku": "a"}], [{"sku": "c"}]]},
        "items has no item twice",
    ),
    "a vector's length": (
        {"embedding": pl.Series([[1, 2], None, [4, 5, 6]], dtype=pl.List(pl.Float32))},
        "embedding has 3 items",
    ),
}
METRICS = [
    ({"metric": "nullValues", "mustBe": 0}, ["a", None], ["a", "b"]),
    ({"metric": "nullValues", "mustBeLessThan": 50, "unit": "percent"}, ["a", None], ["a", "b", None]),
    ({"metric": "missingValues", "mustBe": 0, "arguments": {"missingValues": ["n/a"]}}, ["n/a"], ["a"]),
    ({"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": ["a"]}}, ["b"], ["a", None]),
    ({"metric": "invalidValues", "mustBeLessOrEqualTo": 1, "arguments": {"pattern": "^a"}}, ["b", "c"], ["b", "a"]),
    ({"metric": "duplicateValues", "mustBe": 0}, ["a", "a"], ["a", "b"]),
    ({"metric": "rowCount", "mustBeBetween": [2, 3]}, ["a"], ["a", "b"]),
    ({"metric": "rowCount", "mustNotBeBetween": [2, 3]}, ["a", "b"], ["a"]),
    ({"metric": "rowCount", "mustNotBe": 2}, ["a", "b"], ["a"]),
    ({"metric": "rowCount", "mustBeGreaterThan": 1}, ["a"], ["a", "b"]),
    ({"metric": "rowCount", "mustBeGreaterOrEqualTo": 2}, ["a"], ["a", "b"]),
    ({"type": "sql", "query": "select count(*) from ${table} where ${column} = 'x'", "mustBe": 0}, ["x"], ["a"]),
]  # fmt: skip


@pytest.fixture
def lake(tmp_path):
    return Lake(str(tmp_path / "lake"))


def test_data_that_keeps_every_promise_is_published(lake):
    orders = product(whole())
    assert not isinstance(publish_small(orders, pl.DataFrame(GOOD), lake, "r1"), Refusal)


@pytest.mark.parametrize(("change", "rule"), BAD.values(), ids=BAD)
def test_data_that_breaks_a_promise_is_refused(lake, change, rule):
    orders = product(whole())
    refusal = publish_small(orders, pl.DataFrame({**GOOD, **change}), lake, "r1")
    assert isinstance(refusal, Refusal)
    findings = refusal.verdict.findings
    assert rule in [found.rule.text for found in findings if found.outcome is Outcome.FAILED]


@pytest.mark.parametrize(("item", "bad", "good"), METRICS)
def test_metrics_and_sql_are_measured_over_what_is_published(lake, item, bad, good):
    value = {"name": "value", "logicalType": "string", "quality": [item]}
    orders = product(read(document(value)).contract)
    assert isinstance(publish_small(orders, frame(bad), lake, "r1"), Refusal)
    assert not isinstance(publish_small(orders, frame(good), lake, "r2"), Refusal)


def test_a_rule_that_warns_lets_data_pass(lake):
    item = {"metric": "nullValues", "mustBe": 0, "severity": "warning"}
    value = {"name": "value", "logicalType": "string", "quality": [item]}
    orders = product(read(document(value)).contract)
    receipt = publish_small(orders, frame([None]), lake, "r1")
    assert not isinstance(receipt, Refusal)


def whole():
    """The contract of the document that has everything, but for what refers to other products."""
    text = rich()
    del text["schema"][0]["properties"][1]["relationships"]
    return read(text, table="orders").contract


def frame(values):
    return pl.DataFrame({"value": values}, schema={"value": pl.String})
