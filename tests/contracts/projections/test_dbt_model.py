"""A contract written as a dbt model's YAML loads back as far as dbt can say it."""

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings

from mesh.contracts import dbt
from mesh.contracts.model import Contract
from mesh.contracts.odcs import reading
from mesh.contracts.pandera import load
from mesh.contracts.projections import dbt_model
from mesh.contracts.rules import RowCount
from mesh.products.sql_terms import ProductModel
from tests.contracts.made import Observations
from tests.contracts.projections.forms import reference_contracts
from tests.contracts.projections.test_pandera_module import ORDERS
from tests.publishing.generated import drawn


def loaded(contract: Contract) -> Contract:
    """The contract that the YAML of its model gives."""
    text = yaml.safe_dump(dbt_model.document(contract, name="model"), allow_unicode=True)
    (entry,) = yaml.safe_load(text)["models"]
    model = ProductModel.model_validate(entry)
    rows = model.terms.row_count
    return dbt.load(
        model,
        name=contract.name,
        version=contract.version,
        rows=RowCount(rows.at_least, rows.at_most) if rows else None,
        stated=model.terms.rules,
        where=str,
    )


def said(contract: Contract) -> str:
    """What dbt can say: all but checks in Python, the order of rules, and gaps in the key's."""
    rules = [rule.as_json() for rule in contract.rules if rule.check != "custom"]
    columns = [
        {**c.as_json(), "key_position": contract.key.index(c.name) if c.is_key else None}
        for c in contract.columns
    ]
    told = {
        "columns": columns,
        "description": contract.description,
        "rules": sorted(rules, key=lambda rule: rule["id"]),
    }
    return json.dumps(told, sort_keys=True)  # where NaN is NaN


@pytest.mark.parametrize("name", sorted(reference_contracts()))
def test_every_contract_of_the_reference_mesh_comes_back_from_its_model(name):
    contract = reference_contracts()[name]

    assert said(loaded(contract)) == said(contract)


@pytest.mark.parametrize("contract", [load(Observations), reading.read(ORDERS).contract], ids=str)
def test_warnings_metrics_queries_and_key_order_come_back(contract):
    assert said(loaded(contract)) == said(contract)


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_whatever_the_contract_its_model_gives_it_back(case):
    contract = load(case.contract())
    types = {column.name for column in contract.columns if column.type == "duration"}
    plain = replace(
        contract,
        columns=tuple(c for c in contract.columns if c.name not in types),
        rules=tuple(
            r for r in contract.rules if r.check != "custom" and not types & set(r.columns)
        ),
    )
    if plain.columns:
        assert said(loaded(plain)) == said(plain)


def test_a_check_in_python_is_named_where_nothing_reads_it():
    (model,) = dbt_model.document(load(Observations), name="observations")["models"]

    assert model["config"]["meta"]["mesh_unsaid"] == [
        "temperature_f: is whole",
        "has both airports",
    ]
