"""`mesh quarantine` shows rejected rows by the rule that they broke."""

import json


def test_products_with_waiting_rows_are_listed(mesh):
    (waiting,) = json.loads(mesh("quarantine", "list", "--json").stdout)

    assert waiting["product"] == "shop.sales_v1"
    assert (waiting["rows"], waiting["latest_run"]) == (1, 1)
    assert "shop.sales_v1" in mesh("quarantine", "list").stdout


def test_an_empty_quarantine_says_so(empty_mesh):
    assert empty_mesh("quarantine", "list").stdout == "no rows are in quarantine\n"
    assert json.loads(empty_mesh("quarantine", "list", "--json").stdout) == []
    shown = empty_mesh("quarantine", "show", "shop.sales")
    assert shown.stdout == "no rows of shop.sales_v1 are in quarantine\n"


def test_rows_are_shown_with_the_rule_and_their_place(mesh):
    shown = json.loads(mesh("quarantine", "show", "shop.sales", "--json").stdout)

    (rule,) = shown["rules"]
    assert (rule["text"], rule["rows"]) == ("amount_usd in [0, 1000]", 1)
    (sample,) = rule["samples"]
    assert (sample["sale_id"], sample["amount_usd"], sample["_mesh_row"]) == (7, -5.0, 6)
    assert sample["_mesh_run"] == "first"
    told = mesh("quarantine", "show", "shop.sales").stdout
    assert "1 row of shop.sales_v1 broke `amount_usd in [0, 1000]`" in told


def test_only_the_latest_run_is_shown_unless_asked(mesh):
    mesh("run", "shop.sales", "--run-id", "second", "--no-report")

    def runs(*options):
        shown = json.loads(mesh("quarantine", "show", "shop.sales", "--json", *options).stdout)
        return [row["_mesh_run"] for rule in shown["rules"] for row in rule["samples"]]

    assert runs() == ["second"]
    assert runs("--run", "first") == ["first"]
    assert runs("--all") == ["second", "first"]
    assert runs("--all", "--limit", "1") == ["second"]
    assert runs("--run", "no such run") == []


def test_rows_of_earlier_publications_are_not_forgotten(mesh):
    file = mesh.root / "domains/shop/products/sales.py"
    file.write_text(file.read_text().replace("-5.0", "5.0"))
    assert mesh.process("run", "shop.sales", "--no-report").returncode == 0

    told = mesh("quarantine", "show", "shop.sales").stdout

    assert "the latest run of shop.sales_v1 rejected no rows" in told
    assert "1 row of other publications" in told
