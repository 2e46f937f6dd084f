"""`mesh lineage` of columns and versions, `mesh why` and `mesh reproduce`, as people call them."""

import json

import pytest


def told(mesh, *arguments, code=0):
    done = mesh(*arguments)
    assert done.exit_code == code, done.stderr
    return done.stdout + done.stderr


def test_a_column_is_followed_to_its_source(mesh):
    text = told(mesh, "lineage", "reports.days_v1.day", "--up")

    assert "reports.days_v1.day comes from" in text
    assert "shop.sales_v1.sold_at (transformation)" in text
    assert "rows of reports.days_v1 are grouped by shop.sales_v1.sold_at" in text
    assert "ada@example.com" in text


def test_a_column_is_followed_to_its_uses(mesh):
    plain = json.loads(told(mesh, "lineage", "shop.sales_v1.amount_usd", "--down", "--json"))

    assert plain["down"]["edges"] == [
        {
            "upstream": "shop.sales_v1",
            "upstream_column": "amount_usd",
            "downstream": "reports.days_v1",
            "downstream_column": "amount_usd",
            "type": "DIRECT",
            "subtype": "AGGREGATION",
            "knowledge": "found",
            "job": "",
            "is_masking": False,
        }
    ]
    assert plain["down"]["reached"] == [
        {
            "dataset": "reports.days_v1",
            "columns": ["amount_usd"],
            "domain": "reports",
            "owner": "ada@example.com",
        }
    ]


@pytest.mark.parametrize(
    "asked",
    [
        ("shop.sales", "--columns"),
        ("--domain", "shop"),
        ("--owner", "ada@example.com"),
    ],
)
def test_impact_is_told_of_a_product_a_domain_and_an_owner(mesh, asked):
    text = told(mesh, "lineage", *asked, "--down")

    assert "reports.days_v1.day (transformation)" in text
    assert "shop.sales_v1.note is used by no other column that is known" in text


def test_a_version_is_told_with_everything_below_it(mesh):
    text = told(mesh, "lineage", "reports.days_v1", "--version", "0")

    assert "reports.days_v1 version 0 (by run " in text
    assert "└── shop.sales_v1 version 0 (by run " in text
    assert "1 rejected" in text
    plain = json.loads(told(mesh, "lineage", "reports.days_v1", "--version", "0", "--json"))
    assert [(item["product"], item["version"]) for item in plain] == [
        ("reports.days_v1", 0),
        ("shop.sales_v1", 0),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "lineage is asked of one thing"),
        (("shop.sales", "--domain", "shop"), "lineage is asked of one thing"),
        (("shop.sales_v1.amount_us",), "amount_usd"),
        (("--domain", "nobody"), "no product is of nobody"),
        (("--domain", "shop", "--version", "0"), "--version is of a product"),
        (("shop.sales_v1", "--version", "-1"), "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_asked_says_why(mesh, arguments, said):
    done = mesh("lineage", *arguments)

    assert done.exit_code != 0
    assert said in done.stderr


def test_a_row_is_explained(mesh):
    text = told(mesh, "why", "reports.days", "--where", "day = '2026-01-02'")

    assert "day (key)" in text
    assert "as version 0, under contract" in text
    assert "shop.sales_v1 version 0: 1 row was rejected: see its quarantine" in text
    plain = json.loads(told(mesh, "why", "reports.days", "--where", "day = '2026-01-02'", "--json"))
    assert plain["key"] == {"day": "2026-01-02"}
    assert plain["written_by"]["version"] == 0


def test_a_publication_is_made_again(mesh):
    text = told(mesh, "reproduce", "reports.days")

    assert "reads shop.sales_v1 version 0" in text
    assert ": same" in text
    assert json.loads(told(mesh, "reproduce", "reports.days", "--json"))["is_same"] is True


def test_another_result_ends_with_its_own_exit_code(mesh):
    source = mesh.root / "domains/reports/products/days.py"
    source.write_text(source.read_text().replace(".sum()", ".max()"))

    done = mesh.process("reproduce", "reports.days_v1")

    assert done.returncode == 2
    assert "different" in done.stdout
    assert "amount_usd differs in" in done.stdout
    assert "its code is another by now" in done.stdout
