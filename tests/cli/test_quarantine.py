"""`mesh quarantine` shows rejected rows by the rule that they broke."""

import json


def test_products_with_waiting_rows_are_listed(mesh):
    (waiting,) = json.loads(mesh("quarantine", "list", "--json").stdout)

    assert waiting["product"] == "shop.sales_v1"
    assert (waiting["rows"], waiting["waiting"]) == (1, 1)
    assert "shop.sales_v1" in mesh("quarantine", "list").stdout


def test_an_empty_quarantine_says_so(empty_mesh):
    assert empty_mesh("quarantine", "list").stdout == "no rows are in quarantine\n"
    assert json.loads(empty_mesh("quarantine", "list", "--json").stdout) == []
    shown = empty_mesh("quarantine", "show", "shop.sales")
    assert shown.stdout == "no rows of shop.sales_v1 wait in quarantine\n"


def test_rows_are_shown_with_the_rule_and_their_place(mesh):
    shown = json.loads(mesh("quarantine", "show", "shop.sales", "--json").stdout)

    (rule,) = shown["rules"]
    assert (rule["text"], rule["rows"]) == ("amount_usd in [0, 1000]", 1)
    (sample,) = rule["samples"]
    assert (sample["sale_id"], sample["amount_usd"], sample["_mesh_row"]) == (7, -5.0, 6)
    assert sample["_mesh_run"] == "first"
    told = mesh("quarantine", "show", "shop.sales").stdout
    assert "1 row of shop.sales_v1 broke `amount_usd in [0, 1000]`" in told


def test_only_rows_that_no_later_run_took_the_place_of_are_shown_unless_asked(mesh):
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

    assert "no rows of shop.sales_v1 wait in quarantine" in told
    assert "1 row of earlier runs, which later ones took the place of" in told


def test_values_that_are_not_for_everyone_are_hidden_unless_asked_for(mesh):
    file = mesh.root / "domains/shop/products/sales.py"
    file.write_text(file.read_text().replace("number == 3", "number == 7"))
    assert mesh.process("run", "shop.sales", "--run-id", "noted", "--no-report").returncode == 0

    def notes(*options):
        shown = json.loads(mesh("quarantine", "show", "shop.sales", "--json", *options).stdout)
        return [row["note"] for rule in shown["rules"] for row in rule["samples"]]

    assert notes() == ["(hidden)"]
    assert notes("--reveal") == ["[red]ring \x1b[31m bell\x07"]


def test_it_is_said_since_when_and_by_which_run_rows_wait(mesh):
    (rule,) = shown(mesh)["rules"]

    assert rule["runs"] == {"first": 1}
    assert rule["since"] == rule["samples"][0]["_mesh_rejected_at"]
    assert "rejected by run first" in mesh("quarantine", "show", "shop.sales").stdout


def test_rows_are_chosen_by_rule_run_and_condition(mesh):
    def rows(*options):
        return [rule["rows"] for rule in shown(mesh, *options)["rules"]]

    assert rows("--rule", "amount_usd_in_range") == [1]
    assert rows("--rule", "amount_usd in [0, 1000]") == [1]
    assert rows("--rule", "sold_at_not_null") == []
    assert rows("--where", "sale_id > 6 and _mesh_row = 6") == [1]
    assert rows("--where", "sale_id > 7") == []
    wrong = mesh("quarantine", "show", "shop.sales", "--rule", "amount_usd_in_rang")
    assert wrong.exit_code == 1
    assert "did you mean amount_usd_in_range" in wrong.stderr
    assert (
        "there is no column" in mesh("quarantine", "show", "shop.sales", "--where", "a = 1").stderr
    )


def loosened(mesh):
    """The mesh once its contract takes what it has rejected, in processes of their own."""
    file = mesh.root / "domains/shop/products/sales.py"
    text = file.read_text().replace("ge=0, le=1000", "ge=-10, le=1000")
    version = '    class Config:\n        version = "1.1.0"\n\n\n@mesh.data_product'
    file.write_text(text.replace("\n@mesh.data_product", version, 1))
    return mesh.process


def test_rows_that_pass_by_now_are_replayed_once(mesh):
    types = loosened(mesh)
    told = types("quarantine", "replay", "shop.sales", "--by", "ada")

    assert told.returncode == 0, told.stderr
    assert "shop.sales_v1: 1 row replayed, 0 wait on" in told.stdout
    assert "1 row that run first rejected" in told.stdout
    rows = types("read", "shop.sales", "--where", "sale_id = 7", "--format", "json").stdout
    assert [row["amount_usd"] for row in json.loads(rows)] == [-5.0]
    again = json.loads(types("quarantine", "replay", "shop.sales", "--json").stdout)
    assert (again["chosen"], again["replayed"], again["receipt"]) == (0, 0, None)
    (left, came) = json.loads(types("quarantine", "history", "shop.sales", "--json").stdout)
    assert (left["what"], left["rows"], left["by"]) == ("replayed", -1, "ada")
    assert left["content"]["runs"] == {"first": 1}
    assert (came["what"], came["rows"], came["run"]) == ("rejected", 1, "first")
    receipt = json.loads(types("show", "shop.sales", "--json").stdout)["last_receipt"]
    assert receipt["replay"]["sources"][0]["run_id"] == "first"
    assert receipt["replay"]["quarantine_version"] == 0
    page = types("quarantine", "show", "shop.sales").stdout
    assert "1 replayed until now" in page


def test_rows_that_still_break_a_rule_wait_on(mesh):
    told = mesh("quarantine", "replay", "shop.sales")

    assert told.exit_code == 0
    assert "0 rows replayed, 1 wait on" in told.stdout
    assert "1 row breaks `amount_usd in [0, 1000]`" in told.stdout


def test_a_discard_says_who_and_why_and_how_many(mesh):
    assert mesh("quarantine", "discard", "shop.sales").exit_code == 2
    assert "needs a reason" in mesh("quarantine", "discard", "shop.sales", "--why", " ").stderr
    nobody = mesh("quarantine", "discard", "shop.sales", "--why", "w", "--where", "sale_id = 8")
    assert "nothing was discarded" in nobody.stdout
    told = mesh("quarantine", "discard", "shop.sales", "--why", "a till test", "--by", "ada")

    assert "1 row discarded by ada: a till test" in told.stdout
    assert shown(mesh)["rules"] == []
    assert shown(mesh)["discarded"] == 1
    (left, _) = json.loads(mesh("quarantine", "history", "shop.sales", "--json").stdout)
    assert (left["what"], left["rows"]) == ("discarded", -1)
    assert (left["by"], left["why"]) == ("ada", "a till test")
    assert left["content"]["rules"] == {"amount_usd_in_range": 1}
    assert "a till test" in mesh("quarantine", "history", "shop.sales").stdout


def test_a_catalog_that_was_lost_knows_again_what_left_quarantine(mesh):
    mesh("quarantine", "discard", "shop.sales", "--why", "a till test", "--by", "ada")
    for file in (mesh.root / ".mesh" / "dev").glob("catalog.db*"):
        file.unlink()
    assert mesh.process("catalog", "sync").returncode == 0

    assert (
        json.loads(mesh.process("quarantine", "show", "shop.sales", "--json").stdout)["discarded"]
        == 1
    )


def shown(mesh, *options):
    return json.loads(mesh("quarantine", "show", "shop.sales", "--json", *options).stdout)
