"""A contract written as a Python module loads back as the same contract."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

import mesh
from mesh.contracts.model import Contract, Rule
from mesh.contracts.odcs import reading
from mesh.contracts.pandera import load
from mesh.contracts.projections.pandera_module import module
from tests.contracts.made import Observations, made, problems_of
from tests.contracts.projections.forms import content, imported, reference_contracts
from tests.publishing.generated import drawn

ORDERS = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "orders",
    "version": "2.1.0",
    "status": "active",
    "description": {"purpose": "Orders."},
    "schema": [
        {
            "name": "customer orders",
            "description": 'What was "ordered".\nA line \\ each.',
            "quality": [
                {"type": "library", "metric": "rowCount", "mustBeBetween": [1, 10]},
                {
                    "type": "library",
                    "metric": "duplicateValues",
                    "arguments": {"properties": ["class", "amount"]},
                    "mustBeLessThan": 5,
                    "unit": "percent",
                    "dimension": "uniqueness",
                    "severity": "warning",
                },
                {
                    "type": "sql",
                    "name": "total",
                    "query": "SELECT sum(amount) FROM ${table} WHERE amount > 0",
                    "mustBeGreaterThan": 0,
                    "description": "there is some money",
                },
            ],
            "properties": [
                {
                    "name": "amount",
                    "logicalType": "number",
                    "physicalType": "decimal(12,2)",
                    "logicalTypeOptions": {"minimum": 0, "exclusiveMaximum": 1000},
                    "required": True,
                },
                {
                    "name": "class",
                    "logicalType": "string",
                    "logicalTypeOptions": {"pattern": "^[A-Z]$", "maxLength": 1},
                    "primaryKey": True,
                    "primaryKeyPosition": 2,
                    "required": True,
                },
                {
                    "name": "mesh",
                    "logicalType": "string",
                    "logicalTypeOptions": {"format": "email"},
                    "primaryKey": True,
                    "primaryKeyPosition": 1,
                    "classification": "restricted",
                    "quality": [
                        {
                            "type": "library",
                            "metric": "invalidValues",
                            "arguments": {"validValues": ["a@b.example"]},
                            "mustBe": 0,
                        }
                    ],
                },
                {"name": "Straße-1", "logicalType": "array", "items": {"logicalType": "integer"}},
                {"name": "on", "logicalType": "date"},
            ],
        }
    ],
}


@pytest.mark.parametrize("name", sorted(reference_contracts()))
def test_every_contract_of_the_reference_mesh_comes_back_from_its_module(name, tmp_path):
    contract = reference_contracts()[name]

    found = imported(contract, tmp_path)

    assert content(found) == content(contract)
    assert found.digest == contract.digest


def test_a_contract_with_everything_that_pandera_says_comes_back(tmp_path):
    contract = load(Observations)

    assert imported(contract, tmp_path).digest == contract.digest


def test_a_contract_from_odcs_comes_back_with_its_metrics_queries_key_order_and_odd_names(tmp_path):
    contract = reading.read(ORDERS).contract

    found = imported(contract, tmp_path)

    assert content(found) == content(contract)
    assert found.key == ("mesh", "class")
    assert {"metric", "sql", "format", "pattern"} <= {rule.check for rule in found.rules}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn())
def test_whatever_the_contract_its_module_gives_it_back(tmp_path, case):
    contract = load(case.contract())
    plain = replace(contract, rules=tuple(r for r in contract.rules if r.check != "custom"))

    assert content(imported(plain, tmp_path)) == content(plain)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn())
def test_a_contract_from_the_catalog_gives_the_same_module(tmp_path, case):
    contract = load(case.contract())
    plain = replace(contract, rules=tuple(r for r in contract.rules if r.check != "custom"))
    kept = Contract.from_json(plain.as_json())

    assert content(imported(kept, tmp_path)) == content(plain)


def test_a_class_that_was_written_down_stays_written():
    said = module(load(made(classification="internal")))
    assert 'classification="internal"' in said
    assert "classification" not in module(load(made()))


def test_a_check_whose_source_is_not_known_is_told_of_in_the_module(tmp_path):
    contract = load(Observations)
    lost = replace(
        contract,
        rules=tuple(
            replace(rule, arguments={**rule.arguments, "source": ""}, function=None)
            if rule.check == "custom"
            else rule
            for rule in contract.rules
        ),
    )

    assert "its source is not known: temperature_f: is whole" in module(lost)
    assert len(imported(lost, tmp_path).rules) == len(contract.rules) - 2


def test_config_states_rules_that_no_field_has_a_word_for():
    bound = mesh.Bound("mustBeLessThan", 5)
    stated = [
        mesh.metric("nullValues", bound, columns=["value"], unit="percent", severity="warning"),
        mesh.sql("total", "SELECT sum(value) FROM orders", bound, table="orders"),
    ]

    contract = load(made(config={"rules": stated, "name": "orders", "description": "All."}))

    assert [rule.text for rule in contract.rules] == [
        "value is not null",
        "nullValues of value < 5 %",
        "total < 5",
    ]
    assert contract.name == "orders"
    assert contract.description == "All."
    assert not contract.rules[1].is_blocking


def test_a_rule_that_cannot_be_decided_is_refused_where_it_is_stated():
    bound = mesh.Bound("mustBe", 0)
    stated = [
        mesh.sql("files", "SELECT count(*) FROM read_csv('x')", bound, table="t"),
        mesh.sql("names", "SELECT sum(valu) FROM t", bound, table="t"),
        mesh.metric("nullValues", bound, columns=("valu",)),
        mesh.compare("value", "less_than", "other"),
        Rule("x", "x", "no_such_check", ("value",)),
        Rule("y", "y", "custom"),
        Rule("z", "z", "references", ("value",), {"to": "nowhere"}),
        Rule("v", "v", "isin", ("value",), {"allowed_values": [1]}, severity="fatal"),
        "value > 0",
    ]

    found = "\n".join(problems_of(made(config={"rules": stated})))

    for what in (
        "files",
        "names",
        "no_such_check",
        "@mesh.check",
        "nowhere",
        "fatal",
        "'value > 0'",
    ):
        assert what in found
    assert "rules is 5" in problems_of(made(config={"rules": 5}))[0]
