"""Contracts as Arrow, OpenAPI and a page to read."""

import json

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.pandera import load
from mesh.contracts.projections import arrow_json, markdown, openapi
from tests.contracts.made import Observations, made
from tests.contracts.projections.forms import reference_contracts

NAMES = sorted(reference_contracts())


@pytest.mark.parametrize("name", NAMES)
def test_an_arrow_schema_comes_back_from_its_json(name):
    contract = reference_contracts()[name]
    text = json.dumps(arrow_json.document(contract))

    found = arrow_json.schema(json.loads(text))

    assert found.equals(arrow_schema(contract), check_metadata=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_product_is_described_in_valid_openapi(name):
    contract = reference_contracts()[name]
    document = json.loads(json.dumps(openapi.document(contract, product=name)))

    OpenAPIV31SpecValidator(document).validate()
    base = f"/v1/products/{name.replace('.', '/')}"
    assert list(document["paths"])[:2] == [f"{base}/rows", f"{base}/aggregates"]
    assert (f"{base}/rows/{{key}}" in document["paths"]) is bool(contract.key)
    assert document["info"]["version"] == str(contract.version)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_every_column_and_every_rule(name):
    contract = reference_contracts()[name]

    page = markdown.page(contract, title=name)

    for column in contract.columns:
        assert f"| `{column.name}` | `{column.type}` |" in page
    for rule in contract.rules:
        assert rule.check == "not_null" or markdown.plain(rule.text) in page


def test_a_page_says_what_breaking_a_rule_means_and_what_else_is_known():
    page = markdown.page(load(Observations), sections={"Terms": ["For all.", ""], "Owner": [""]})

    assert "One row per `origin` and `observed_at`." in page
    assert "the row is rejected" in page
    assert "nothing is published" in page
    assert "it is counted and told" in page
    assert "## Terms\n\n- For all.\n" in page
    assert "## Owner" not in page


def test_a_page_shows_texts_as_they_are():
    contract = load(made(str, isin=["a|b", "*"], description="<b>one</b>\ntwo"))

    page = markdown.page(contract)

    assert "\\<b\\>one\\</b\\> two" in page
    assert "value in {\\*, a\\|b}" in page
