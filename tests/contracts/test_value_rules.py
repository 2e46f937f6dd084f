"""Mesh's own rules on rows: what they mean, in words, in JSON and in Pandera."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import pandera.polars as pandera
import polars as pl
import pytest

import mesh
from mesh.contracts import value_rules
from mesh.contracts.expressions import check_of, keeps_of
from mesh.contracts.model import Column, Contract, Severity, Version, distinct_rules
from mesh.contracts.pandera import load
from mesh.contracts.rules import builtin
from mesh.contracts.value_checks import VALUE_CHECKS
from mesh.errors import GateError

TYPES = {
    "text": "string",
    "whole": "int32",
    "real": "float64",
    "money": "decimal(12,2)",
    "other": "decimal(12,2)",
    "tags": "list<string>",
    "home": "struct<city: string, geo: struct<lat: float64, lon: float64>>",
    "stops": "list<struct<name: string, note: string>>",
}
NESTED = {
    "home": pl.Struct(
        {"city": pl.String, "geo": pl.Struct({"lat": pl.Float64, "lon": pl.Float64})}
    ),
    "stops": pl.List(pl.Struct({"name": pl.String, "note": pl.String})),
}


def contract_of(*rules):
    columns = tuple(Column(name, kind, is_nullable=True) for name, kind in TYPES.items())
    return Contract("Trips", Version(1, 0, 0), "", columns, distinct_rules(rules))


def kept(rule, values, dtype=None):
    contract = contract_of(rule)
    again = Contract.from_json(contract.as_json())
    assert again == contract
    frame = pl.DataFrame(
        {rule.columns[0]: values}, schema_overrides=dtype and {rule.columns[0]: dtype}
    )
    answers = frame.select(keeps_of(again.rules[0], again)).to_series().to_list()
    model = pandera.DataFrameSchema(
        {rule.columns[0]: pandera.Column(checks=check_of(rule), nullable=True)}
    )
    try:
        model.validate(frame, lazy=True)
        is_passed = True
    except pandera.errors.SchemaErrors:
        is_passed = False
    assert is_passed == all(answers)
    return answers


def test_multiples_are_exact_where_numbers_are():
    rule = value_rules.multiple_of
    assert kept(rule("whole", 5), [0, 5, -10, 7, None], pl.Int32) == [True, True, True, False, True]
    assert kept(rule("whole", 2.5), [5, 4], pl.Int32) == [True, False]
    assert kept(rule("real", 0.1), [0.3, 1e6, 0.25, float("inf")]) == [True, True, False, False]
    cents = [Decimal("0.30"), Decimal("9999999999.99")]
    assert kept(rule("money", 0.1), cents, pl.Decimal(12, 2)) == [True, False]


def test_lists_are_counted_and_have_no_item_twice():
    lists = [["a"], ["a", "b"], ["a", "a", "b"], [], None]
    rule = value_rules.item_count("tags", at_least=1, at_most=2)
    assert kept(rule, lists) == [True, True, False, False, True]
    assert kept(value_rules.item_count("tags", at_least=2, at_most=2), lists)[:3] == [
        False,
        True,
        False,
    ]
    assert kept(value_rules.unique_items("tags"), lists) == [True, True, False, True, True]
    assert rule.text == "tags has 1 to 2 items"


def test_required_fields_are_asked_where_there_is_a_struct():
    homes = [
        {"city": "Oslo", "geo": {"lat": 1.0, "lon": None}},
        {"city": None, "geo": None},
        {"city": "Rome", "geo": None},
        None,
        {"city": "Bonn", "geo": {"lat": None, "lon": None}},
    ]
    rule = value_rules.required_fields("home", ["city", "geo.lat"])
    assert kept(rule, homes, NESTED["home"]) == [True, False, True, True, False]
    stops = [[{"name": "a", "note": None}], [{"name": None, "note": "x"}], [], None]
    rule = value_rules.required_fields("stops", ["name"])
    assert kept(rule, stops, NESTED["stops"]) == [True, False, True, True]


def test_fields_are_counted():
    homes = [{"city": "Oslo", "geo": None}, {"city": None, "geo": None}, None]
    rule = value_rules.field_count("home", at_least=1)
    assert kept(rule, homes, NESTED["home"]) == [True, False, True]


def test_columns_are_compared():
    rule = value_rules.compare("money", "less_than_or_equal_to", "other")
    assert (rule.text, rule.id) == ("money ≤ other", "money_less_than_or_equal_to_other")
    contract = contract_of(rule)
    assert Contract.from_json(contract.as_json()) == contract
    amounts = {"money": [1, 3, None], "other": [2, 2, 2]}
    frame = pl.DataFrame(amounts, schema={name: pl.Decimal(12, 2) for name in amounts})
    assert frame.select(keeps_of(rule, contract)).to_series().to_list() == [True, False, True]
    with pytest.raises(pandera.errors.SchemaError, match="money ≤ other"):
        pandera.DataFrameSchema(checks=check_of(rule)).validate(frame)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (value_rules.text_format("text", "e-mail"), "is no format"),
        (value_rules.pattern("text", "(?=a)"), "look-ahead"),
        (value_rules.multiple_of("whole", 0), "not above 0"),
        (value_rules.multiple_of("text", 2), "no number"),
        (value_rules.item_count("tags"), "says nothing"),
        (value_rules.required_fields("home", ["street"]), "no field 'street'"),
        (value_rules.field_count("tags", at_least=1), "has no fields"),
        (value_rules.compare("money", "about", "other"), "'about' is none of"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why(rule, why):
    with pytest.raises(GateError, match=why):
        keeps_of(rule, contract_of(rule))


class Trips(mesh.Contract):
    """Trips."""

    mail: str = mesh.Field(format="email", nullable=True)
    code: str = mesh.Field(pattern=r"^[A-Z]\d$", raise_warning=True)
    whole: int = mesh.Field(multiple_of=5, ge=0)
    tags: Annotated[pl.List, pl.String] = mesh.Field(item_count={"at_most": 2}, unique_items=True)
    home: Annotated[pl.Struct, {"city": pl.String}] = mesh.Field(required_fields=["city"])


def test_a_model_says_them_and_pandera_checks_them():
    contract = load(Trips)
    words = {r.text: r.severity for r in contract.rules if r.check in VALUE_CHECKS}
    assert {text for text in words if "not null" not in text} == {
        "mail is email",
        r"code matches /^[A-Z]\d$/",
        "whole is a multiple of 5",
        "tags has at most 2 items",
        "tags has no item twice",
        "home has city",
    }
    assert words[r"code matches /^[A-Z]\d$/"] is Severity.WARNING
    assert Contract.from_json(contract.as_json()) == contract
    good = pl.DataFrame(
        {"mail": ["a@b.c"], "code": ["A1"], "whole": [5], "tags": [["x"]], "home": [{"city": "a"}]}
    )
    Trips.validate(good)
    with pytest.raises(pandera.errors.SchemaError, match="is email"):
        Trips.validate(good.with_columns(mail=pl.lit("nobody")))


VALUES = {
    "date": [date(2013, 1, 1)],
    "timestamp": [datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 1, 1, 5, 0, 0, 7, UTC)],
    "local_timestamp": [datetime(2013, 1, 1, 5)],
    "decimal(12,2)": [Decimal("1.50")],
    "duration": [timedelta(days=-1, microseconds=5), timedelta(seconds=3)],
    "binary": [b"\x00a'"],
    "string": ["2013-01-01"],
}


@pytest.mark.parametrize("data_type", VALUES)
def test_what_a_column_is_compared_with_survives_json(data_type):
    rules = [builtin("isin", {"allowed_values": VALUES[data_type]}, "a")]
    rules += [builtin("equal_to", {"value": value}, "a") for value in VALUES[data_type]]
    contract = Contract(
        "Any", Version(1, 0, 0), "", (Column("a", data_type),), distinct_rules(rules)
    )
    again = Contract.from_json(contract.as_json())
    assert [rule.arguments for rule in again.rules] == [rule.arguments for rule in contract.rules]
    assert again.digest == contract.digest
