"""`mesh catalog verify` names what disagrees; `mesh catalog rebuild` makes the catalog anew."""

import json
import sqlite3

import pytest
from sqlalchemy import select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.renewing import _CLOCKS, DECLARED, LANDED
from tests.catalog.events import run_event

CATALOG = ".mesh/dev/catalog.db"


def told(mesh, *arguments, code=0):
    done = mesh.process("catalog", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def change(mesh, statement, *values):
    with sqlite3.connect(mesh.root / CATALOG) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        assert connection.execute(statement, values).rowcount


def content(mesh):
    """Every row, without when the catalog heard of it."""
    database = Database(f"sqlite:///{mesh.root / CATALOG}")
    try:
        with database.reading() as connection:
            return {
                table.name: sorted(
                    json.dumps(
                        {k: v for k, v in row.items() if k not in _CLOCKS},
                        default=str,
                        sort_keys=True,
                    )
                    for row in connection.execute(select(table)).mappings()
                )
                for table in (*DECLARED, *LANDED, schema.column_edges, schema.refusals)
            }
    finally:
        database.close()


def test_a_mesh_that_is_well_agrees(mesh):
    assert "definitions, lake and catalog agree" in told(mesh, "verify")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM receipts WHERE product = 'shop.sales_v1'", "the receipt is in the lake only"),
        ("UPDATE receipts SET rows_accepted = 7", "the receipt differs in rows_accepted"),
        ("DELETE FROM products WHERE name = 'reports.days_v1'", "the product is not registered"),
        ("UPDATE columns SET unit = 'EUR' WHERE name = 'amount_usd'", "the column differs in unit"),
        ("DELETE FROM people WHERE role = 'data_steward'", "the person is not registered"),
        ("DELETE FROM column_edges", "the column's origin is missing"),
        ("UPDATE contract_versions SET content = '{}'", "the contract differs in content"),
        ("DELETE FROM profiles", "the profile is in the lake only"),
        ("UPDATE receipt_inputs SET version = 9", "the receipt's input differs in version"),
    ],
)
def test_each_disagreement_is_named_with_what_mends_it(mesh, statement, said):
    with sqlite3.connect(mesh.root / CATALOG) as connection:
        assert connection.execute(statement).rowcount

    text = told(mesh, "verify", code=1)

    assert said in text
    assert "try: `mesh catalog" in text


def test_a_receipt_that_no_lake_has_is_named(mesh):
    (table,) = [p.parent for p in mesh.root.glob(".mesh/lake/dev/reports/days/v1/_delta_log")]
    table.rename(table.with_name("v1_away"))

    assert "the receipt is not in the lake" in told(mesh, "verify", code=1)


def test_a_rebuilt_catalog_is_the_same(mesh):
    before = content(mesh)

    assert "the catalog was made anew, with 2 receipts" in told(mesh, "rebuild", "--carry", "all")

    assert content(mesh) == before
    assert "agree" in told(mesh, "verify")


def test_what_was_damaged_is_mended(mesh):
    before = content(mesh)
    change(mesh, "UPDATE receipts SET rows_accepted = 7")
    change(mesh, "DELETE FROM column_edges")

    told(mesh, "rebuild", "--carry", "all")

    assert content(mesh) == before
    assert "days_v1" in mesh.process("search", "days").stdout


def test_what_nobody_else_knows_is_listed_first_and_kept_on_request(mesh):
    mesh.write("event.json", json.dumps(run_event("COMPLETE", 1, inputs=["a"], outputs=["b"])))
    told(mesh, "import-events", str(mesh.root / "event.json"))
    assert mesh.process("token", "create", "--as", "ada", "--scope", "read").returncode == 0

    text = told(mesh, "rebuild", code=1)
    assert "neither definitions nor the lake know tokens: 1 row" in text
    assert "nothing was done" in text

    told(mesh, "rebuild", "--carry", "all")
    assert "ada" in mesh.process("token", "list").stdout
    assert "db#b" in mesh.process("lineage", "db#b", "--up").stdout

    told(mesh, "rebuild", "--carry", "tokens")
    assert "ada" in mesh.process("token", "list").stdout
    assert mesh.process("lineage", "db#b", "--up").returncode == 1

    told(mesh, "rebuild", "--carry", "none")
    assert "ada" not in mesh.process("token", "list").stdout


def test_a_product_that_nobody_declares_any_more_is_kept(mesh):
    (mesh.root / "domains/reports/products/days.py").unlink()
    mesh.process("catalog", "sync")

    told(mesh, "rebuild", "--carry", "all")

    with sqlite3.connect(mesh.root / CATALOG) as connection:
        found = connection.execute(
            "SELECT name, is_declared FROM products ORDER BY name"
        ).fetchall()
    assert found == [("reports.days_v1", 0), ("shop.sales_v1", 1)]
    assert "agree" in told(mesh, "verify")


def test_a_domain_that_does_not_load_keeps_the_catalog_as_it_is(mesh):
    before = content(mesh)
    mesh.write("domains/shop/products/sales.py", "import nothing_of_that_name\n")

    text = told(mesh, "rebuild", "--carry", "all", code=1)

    assert "would be forgotten: shop" in text
    assert content(mesh) == before


def test_what_cannot_be_carried_is_told(mesh):
    assert "--carry knows no dreams" in told(mesh, "rebuild", "--carry", "dreams", code=1)
