"""Contracts go out as ODCS and come back equal; documents come back as they were."""

import copy
import json
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from mesh.contracts.model import Column, Contract, Rule, Scope, Severity, Version
from mesh.contracts.odcs.converting import converted, moved
from mesh.contracts.odcs.reading import content, lint, read, tables_of
from mesh.contracts.odcs.writing import VERSIONS, document
from mesh.contracts.pandera import load
from mesh.products.collection import load_organization
from mesh.products.odcs_document import odcs_document
from mesh.settings import load as load_settings
from tests import shared_data
from tests.house.repository import ROOT
from tests.publishing.generated import Drawn, drawn

pytestmark = shared_data.needs_shared_data


@cache
def official(version):
    version = "3.0.2" if version.startswith("3.0") else version
    path = shared_data.shared_data() / "odcs" / f"odcs-json-schema-v{version}.json"
    return jsonschema.Draft201909Validator(json.loads(path.read_text()))


def examples():
    folder = shared_data.shared_data()
    return sorted((folder / "odcs" / "examples").glob("*.yaml")) if folder else []


def problems(made, version):
    return [
        f"{list(e.absolute_path)}: {e.message[:200]}" for e in official(version).iter_errors(made)
    ]


def alone(contract):
    """What a contract promises, whatever it was read from; functions are in no document."""
    rules = tuple(rule for rule in contract.rules if rule.check != "custom")
    return replace(contract, document={}, table="", rules=rules).as_json()


@cache
def reference_mesh():
    return load_organization(load_settings(ROOT))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(reference_mesh().products))
def test_products_of_the_reference_mesh_go_out_valid_and_come_back_equal(name, version):
    product = reference_mesh().products[name]
    manifest = reference_mesh().domain(product.id.domain).manifest
    made = odcs_document(
        product, manifest, version=version, table_url="s3://lake/dev/x", environment="dev"
    )

    assert problems(made, version) == []
    assert lint(made, ".".join).problems == []
    again = read(json.loads(json.dumps(made)))
    assert alone(again.contract) == alone(product.contract)
    assert again.partition_by == product.partition_by
    if product.freshness is not None:
        assert again.levels.freshness == product.freshness.within


@pytest.mark.parametrize("version", VERSIONS)
@settings(max_examples=40)
@given(drawn())
def test_whatever_a_contract_is_it_comes_back_equal(version, case: Drawn):
    contract = load(case.contract())
    made = document(contract, version=version)

    assert problems(made, version) == []
    assert alone(read(json.loads(json.dumps(made))).contract) == alone(contract)


def test_rules_are_said_in_the_standards_words_where_these_mean_the_same():
    made = document(_contract(), version="3.2.0")
    (table,) = made["schema"]
    columns = {item["name"]: item for item in table["properties"]}

    assert columns["status"]["enum"] == [{"value": "open"}, {"value": "done"}]
    assert columns["amount"]["logicalTypeOptions"] == {"exclusiveMinimum": 0}
    assert columns["customer"]["relationships"] == [{"to": "crm.customers_v1.id"}]
    assert table["quality"] == [
        {
            "type": "library",
            "metric": "rowCount",
            "unit": "rows",
            "mustBeGreaterThan": 5,
            "severity": "warning",
        }
    ]


def test_what_a_version_has_no_word_for_is_written_whole_and_read_again():
    made = document(_contract(), version="3.1.0")
    (table,) = made["schema"]
    (whole,) = [item for item in table["quality"] if item["type"] == "custom"]

    assert whole["engine"] == "mesh"
    assert whole["implementation"]["check"] == "isin"
    assert alone(read(made).contract) == alone(_contract())


@pytest.mark.parametrize("file", examples(), ids=lambda path: path.name)
def test_an_example_of_the_standard_comes_back_as_it_was(file):
    found, _ = content(file)
    before = copy.deepcopy(dict(found))
    tables = tables_of(found) or ("",)
    for table in tables:
        contract = read(found, table=table).contract
        version = str(found["apiVersion"]).removeprefix("v")
        again = document(Contract.from_json(contract.as_json()), version=version)
        assert again == before


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", examples(), ids=lambda path: path.name)
def test_an_example_as_another_version_is_valid_and_loses_nothing(file, version):
    found, _ = content(file)
    own = str(found["apiVersion"]).removeprefix("v")
    made = converted(found, version)

    if own != version:
        assert problems(made, version) == []
    if not problems(found, own):
        assert converted(made, own) == found
    told = json.dumps(made)
    assert all(json.dumps(value) in told for value in found.get("customProperties", []))


def test_what_moves_is_told():
    file = next(path for path in examples() if path.name.startswith("full-example"))
    made = converted(content(file)[0], "3.0.2")
    assert "schema.0.properties.1.relationships" in moved(made)
    assert moved(converted(made, "3.1.0")) == []


def test_a_contract_that_got_another_version_says_so_in_its_document():
    file = next(path for path in examples() if path.name.startswith("full-example"))
    found, _ = content(file)
    contract = read(found, table=tables_of(found)[0]).contract
    raised = replace(contract, version=Version(9, 1, 2))
    assert document(raised, version="3.1.0")["version"] == "9.1.2"
    assert found["version"] != "9.1.2"


def test_a_document_that_nobody_can_read_is_refused(tmp_path: Path):
    from mesh.errors import ContractDefinitionError

    with pytest.raises(ContractDefinitionError):
        converted({"apiVersion": "v3.1.0", "kind": "DataContract", "schema": 7}, "3.2.0")


def _contract():
    return Contract(
        name="Orders",
        version=Version(1, 0, 0),
        description="One row per order.",
        columns=(
            Column("order_id", "int64", key_position=0),
            Column("status", "string"),
            Column("amount", "decimal(12,2)", is_nullable=True, unit="EUR"),
            Column("customer", "string", is_nullable=True, references="crm.customers_v1.id"),
        ),
        rules=_rules(),
    )


def _rules():
    from mesh.contracts.measures import Bound, metric
    from mesh.contracts.rules import builtin, not_null, references, unique

    return (
        not_null("order_id"),
        not_null("status"),
        builtin("isin", {"allowed_values": ["open", "done"]}, "status"),
        builtin("greater_than", {"min_value": Decimal(0)}, "amount"),
        references("customer", "crm.customers_v1.id", Severity.ERROR),
        unique(("order_id",)),
        metric("rowCount", Bound("mustBeGreaterThan", 5), severity=Severity.WARNING),
    )


def test_hostile_values_come_back_as_they_were():
    rule = Rule(
        "status_isin",
        "status in [\"it's\", 'a: b', '\u0000', '${x}', '#']",
        "isin",
        ("status",),
        {"allowed_values": ["it's", "a: b", "\x7f", "${x}", "# no", "- 1", "true", "1e3"]},
        scope=Scope.ROW,
    )
    others = tuple(known for known in _rules() if known.check != "isin")
    contract = replace(_contract(), rules=(*others, rule))
    for version in VERSIONS:
        made = document(contract, version=version)
        assert alone(read(json.loads(json.dumps(made))).contract) == alone(contract)
