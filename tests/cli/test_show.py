"""`mesh list`, `mesh show` and `mesh lineage` tell what there is."""

import json

import pytest
from deltalake import DeltaTable

from tests.cli import conftest


def test_the_list_has_every_declared_product_published_or_not(empty_mesh):
    listed = json.loads(empty_mesh("list", "--json").stdout)

    assert [(item["product"], item["version"]) for item in listed] == [
        ("reports.days_v1", None),
        ("shop.sales_v1", None),
    ]
    assert "2 products" in empty_mesh("list").stdout


def test_the_list_can_be_of_one_domain(mesh):
    (item,) = json.loads(mesh("list", "--domain", "shop", "--json").stdout)

    assert (item["product"], item["rows"], item["rejected"]) == ("shop.sales_v1", 49, 1)
    assert item["owner"]["team"] == "Tills"
    done = mesh("list", "--domain", "shops")
    assert done.exit_code == 1
    assert "there is no domain 'shops'" in done.stderr


def test_a_product_is_shown_whole(mesh):
    told = mesh("show", "shop.sales").stdout

    for words in (
        "product owner: Ada <ada@example.com>",
        "freshness: within 1d: met, just now",
        "at most 20.00% of rows rejected",
        "1 row broke `amount_usd in [0, 1000]` (error)",
        "1 row waiting since ",
        "reports.days_v1 version 0",
        "confidential",
        "Number of the receipt",
        "(sale_id) is unique",
        "protected",
        "overwrite",
    ):
        assert words in told


def test_a_product_as_json_has_the_same(mesh):
    shown = json.loads(mesh("show", "shop.sales_v1", "--json").stdout)

    assert shown["team"]["product_owner"]["name"] == "Ada"
    assert shown["service_levels"]["is_fresh"] is True
    assert shown["contract"]["key"] == ["sale_id"]
    assert shown["contract"]["columns"][2]["unit"] == "USD"
    assert shown["last_receipt"]["rows_accepted"] == 49
    assert shown["last_refusal"] is None
    assert shown["quarantine"]["rows"] == 1
    (edge,) = shown["lineage"]["down"]["edges"]
    assert (edge["downstream"], edge["versions"]) == ("reports.days_v1", [[0, 0]])


GLOSSARY = """\
terms:
  - name: takings
    definition: Money taken at the tills, before refunds.
    synonyms: [revenue]
    applies_to: [shop.sales_v1, shop.sales_v1.amount_usd]
"""


def test_terms_of_the_business_and_what_documentation_lacks_are_shown(empty_mesh):
    before = json.loads(empty_mesh("show", "shop.sales", "--json").stdout)["documentation"]
    empty_mesh.write("domains/shop/glossary.yaml", GLOSSARY)

    shown = json.loads(empty_mesh("show", "shop.sales", "--json").stdout)
    told = " ".join(empty_mesh("show", "shop.sales").stdout.split())

    assert shown["glossary"] == [
        {
            "id": "shop.takings",
            "name": "takings",
            "definition": "Money taken at the tills, before refunds.",
            "is_whole": True,
            "columns": ["amount_usd"],
        }
    ]
    assert "takings (shop.takings): the whole, amount_usd" in told
    found = shown["documentation"]
    assert "term of a glossary" in before["missing"]
    assert found["missing"] == [text for text in before["missing"] if text != "term of a glossary"]
    assert f"{found['score']:.0%} complete; missing: {found['missing'][0]}" in told


def test_what_consumers_expect_is_shown_to_the_producer(empty_mesh):
    days = conftest.FILES["domains/reports/products/days.py"]
    expecting = 'purpose="p", expects={"amount_usd": {"max_null_share": 0.05}})'
    empty_mesh.write("domains/reports/products/days.py", days.replace('purpose="p")', expecting))

    text = "amount_usd is null in at most 0.05 of rows"
    assert f"reports.days_v1 expects: {text}" in empty_mesh("show", "shop.sales").stdout
    assert f"of shop.sales_v1: {text}" in empty_mesh("show", "reports.days").stdout
    (told,) = json.loads(empty_mesh("show", "shop.sales", "--json").stdout)["expected_by"]
    assert told["consumer"] == "reports.days_v1"
    assert (told["column"], told["word"], told["value"]) == ("amount_usd", "max_null_share", 0.05)


def test_a_product_that_was_never_published_is_shown_and_not_fresh(empty_mesh):
    shown = json.loads(empty_mesh("show", "shop.sales", "--json").stdout)

    assert shown["last_receipt"] is None
    assert shown["service_levels"]["is_fresh"] is False
    assert "NOT met, never published" in empty_mesh("show", "shop.sales").stdout


def test_the_last_refusal_is_shown(mesh):
    mesh.write("domains/reports/products/days.py", conftest.REFUSED)
    mesh.process("run", "reports.days", "--no-report")

    done = json.loads(mesh.process("show", "reports.days", "--json").stdout)

    assert done["last_refusal"]["is_latest"] is True
    assert done["last_refusal"]["verdict"]["rejected"] == 49
    assert any("break the contract" in reason for reason in done["last_refusal"]["reasons"])
    assert done["last_receipt"]["rows_accepted"] == 3


def test_lineage_follows_exact_versions_both_ways(mesh):
    mesh("run", "shop.sales", "--no-report")

    up = mesh("lineage", "reports.days", "--up").stdout
    down = mesh("lineage", "shop.sales_v1", "--down").stdout

    assert "reports.days_v1 version 0 is made from" in up
    assert "shop.sales_v1 version 0 (latest is 1)" in up
    assert "reports.days_v1 (latest is version 0)" in down
    both = json.loads(mesh("lineage", "reports.days", "--json").stdout)
    assert both["up"]["edges"][0]["upstream"] == "shop.sales_v1"
    assert both["down"]["edges"] == []


def test_lineage_is_known_before_anything_is_published(empty_mesh):
    told = empty_mesh("lineage", "reports.days_v1", "--up").stdout

    assert "shop.sales_v1 (not published)" in told
    done = empty_mesh("lineage", "reports.dais_v1")
    assert done.exit_code == 1
    assert "did you mean reports.days_v1?" in done.stderr


@pytest.mark.parametrize("columns", ["60", "160"])
def test_no_cell_of_a_table_is_cut(mesh, columns):
    told = mesh("show", "shop.sales", env={"COLUMNS": columns}).stdout

    for word in ("confidential", "timestamp", "nullable", "amount_usd in [0, 1000]", "the whole"):
        assert word in told


def test_a_version_that_somebody_else_wrote_is_named_in_show_and_in_lineage(mesh):
    table = mesh.root / ".mesh/lake/dev/shop/sales/v1"
    DeltaTable(table).delete("sale_id = 1")
    written = "version 1 was written by somebody else (DELETE, "

    assert written in mesh("show", "shop.sales").stdout
    (told,) = json.loads(mesh("show", "shop.sales", "--json").stdout)["foreign_versions"]
    assert (told["version"], told["operation"]) == (1, "DELETE")
    mesh("run", "reports.days", "--run-id", "next")
    told = "version 1 was written by somebody else: DELETE, "
    assert told in mesh("lineage", "reports.days", "--up", env={"COLUMNS": "160"}).stdout

    mesh("run", "shop.sales", "--run-id", "next")
    assert written in mesh("show", "shop.sales").stdout
    mesh("run", "shop.sales", "--run-id", "last")
    assert "somebody else" not in mesh("show", "shop.sales").stdout


def test_the_profile_of_the_latest_publication_is_shown_with_what_changed(mesh):
    first = mesh("show", "shop.sales", "--profile", env={"COLUMNS": "200"}).stdout
    for words in ("shop.sales_v1, version 0: 49 rows of one publication", "98.0%", "median"):
        assert words in first
    assert "bell" not in first

    sales = mesh.root / "domains/shop/products/sales.py"
    sales.write_text(sales.read_text().replace("number * 1.5", "number * 3.0"))
    mesh.process("run", "shop.sales", "--no-report")
    assert "sd" in mesh("show", "shop.sales", "--profile", env={"COLUMNS": "200"}).stdout
    told = json.loads(mesh("show", "shop.sales", "--profile", "--json").stdout)
    assert (told["table_version"], told["before"], told["of"]) == (1, 0, "publication")
    amount = next(item for item in told["drift"] if item["column"] == "amount_usd")
    assert amount["mean_change"] > 1
    note = next(item for item in told["profile"]["columns"] if item["name"] == "note")
    assert (note["is_hidden"], note["max"], note["top"]) == (True, None, [])


def test_a_product_without_a_profile_says_so(empty_mesh):
    assert "has no profile" in empty_mesh("show", "shop.sales", "--profile").stdout
    told = json.loads(empty_mesh("show", "shop.sales", "--profile", "--json").stdout)
    assert told == {"product": "shop.sales_v1", "profile": None}


def test_who_uses_a_product_is_shown_as_declared_and_as_counted(mesh):
    mesh("read", "shop.sales", "--columns", "sale_id", "--where", "amount_usd > 3")

    users = {user["consumer"]: user for user in _used_by(mesh)}
    run = users.pop("reports.days_v1")
    assert (run["is_declared"], run["is_product"], run["reads"]) == (True, True, 1)
    ((_, person),) = users.items()
    assert (person["is_declared"], person["reads"]) == (False, 1)
    assert person["columns"] == ["amount_usd", "sale_id"]
    assert "reports.days_v1: 1 read in 30 days" in mesh("show", "shop.sales").stdout


def test_a_consumer_that_does_not_read_is_named(empty_mesh):
    (user,) = _used_by(empty_mesh)
    assert (user["consumer"], user["reads"]) == ("reports.days_v1", 0)
    told = empty_mesh("show", "shop.sales").stdout
    assert "reports.days_v1: declared, and did not read it in 30 days" in told


def _used_by(mesh):
    return json.loads(mesh("show", "shop.sales", "--json").stdout)["used_by"]
