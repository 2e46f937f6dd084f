"""`mesh search` and `mesh glossary`, as people call them."""

import json

import pytest

GLOSSARY = """
    terms:
      - name: takings
        definition: What customers paid at the till, before returns.
        synonyms: [turnover, revenue]
        applies_to: [reports.days_v1.amount_usd]
"""


@pytest.fixture
def told(mesh):
    mesh.write("domains/shop/glossary.yaml", GLOSSARY)
    return mesh


def test_a_product_is_found_by_what_people_call_it(told):
    done = told.process("search", "turnover")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reports.days_v1  Books")
    assert "term: takings (turnover, revenue)" in done.stdout
    assert "1 hit, of which 1 is shown" in done.stdout


def test_hits_are_narrowed_down_and_counted(told):
    everything = json.loads(told.process("search", "--json").stdout)
    shop = json.loads(told.process("search", "--domain", "shop", "--json").stdout)

    assert everything["total"] == 2
    assert {item["value"] for item in everything["facets"]["domain"]} == {"shop", "reports"}
    assert [hit["name"] for hit in shop["hits"]] == ["shop.sales_v1"]


def test_a_page_is_followed_by_the_next(told):
    first = json.loads(told.process("search", "--limit", "1", "--json").stdout)
    second = told.process("search", "--limit", "1", "--after", first["cursor"], "--json")

    assert json.loads(second.stdout)["hits"][0]["name"] != first["hits"][0]["name"]


def test_what_nobody_has_is_no_error(told):
    done = told.process("search", "zzzzzz")

    assert done.returncode == 0
    assert "0 hits" in done.stdout


def test_terms_are_listed_and_shown(told):
    listed = told.process("glossary", "list").stdout
    shown = told.process("glossary", "show", "revenue").stdout

    assert "shop.takings" in listed
    assert "What customers paid at the till" in shown
    assert "about: reports.days_v1.amount_usd" in shown
    missing = told.process("glossary", "show", "takngs")
    assert missing.returncode == 1
    assert "takings" in missing.stderr


def test_a_mesh_without_terms_says_where_they_go(mesh):
    assert "glossary.yaml" in mesh.process("glossary", "list").stdout
