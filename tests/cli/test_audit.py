"""`mesh audit` holds what is published against the contract of the working tree."""

import json


def test_what_was_published_under_the_same_contract_holds(mesh):
    told = mesh("audit", "shop.sales")

    assert told.exit_code == 0, told.stderr
    assert "shop.sales_v1: version 0 of the table against contract 1.0.0" in told.stdout
    assert "rules hold for all 49 rows" in told.stdout


def test_a_rule_that_was_tightened_in_the_working_tree_names_the_rows_that_break_it(mesh):
    file = mesh.root / "domains/shop/products/sales.py"
    file.write_text(file.read_text().replace("le=1000", "le=60"))

    told = mesh.process("audit", "shop.sales")
    plain = mesh.process("audit", "shop.sales", "--json")

    assert (told.returncode, plain.returncode) == (2, 2)
    assert "10 of 49 rows break `amount_usd in [0, 60]`" in told.stdout
    assert "sale_id = 41" in told.stdout
    found = json.loads(plain.stdout)
    assert (found["holds"], found["verdict"]["rejected"]) == (False, 10)


def test_an_environment_that_has_not_built_it_audits_what_it_falls_back_to(mesh):
    told = mesh.process("audit", "shop.sales", "--env", "mine", MESH_FALLBACK="dev")

    assert told.returncode == 0, told.stderr
    assert "version 0 of the table in dev" in told.stdout


def test_what_is_not_published_or_unknown_is_said(empty_mesh):
    told = empty_mesh("audit", "shop.sales")
    assert (told.exit_code, "not published yet" in told.stderr) == (1, True)
    told = empty_mesh("audit", "shop.sails")
    assert (told.exit_code, "shop.sales_v1" in told.stderr) == (1, True)
