"""`mesh contract lint`, and products whose contract is an ODCS file."""

import json

import pytest

from tests import shared_data

DOCUMENT = """
    # Written by hand.
    apiVersion: v3.2.0
    kind: DataContract
    id: shop-contract
    version: 1.2.0
    description:
      purpose: Orders and the customers behind them.
    schema:
      - name: customers
        description: One row per customer.
        properties:
          - {name: customer_id, logicalType: integer, primaryKey: true}
          - {name: email, logicalType: string, classification: PII, logicalTypeOptions: {format: email}}
      - name: Shop_Orders
        physicalName: orders
        properties:
          - {name: order_id, logicalType: integer, primaryKey: true}
          - name: customer_id
            logicalType: integer
            required: true
            relationships: [{to: customers.customer_id}]
          - {name: follows, logicalType: integer, relationships: [{to: Shop_Orders.order_id}]}
          - {name: country, logicalType: string, required: true, partitioned: true}
          - {name: ordered_at, logicalType: timestamp, required: true}
        quality:
          - {type: text, description: Orders are booked within an hour.}
          - {metric: rowCount, mustBeLessThan: 100, severity: warning}
    slaProperties:
      - {property: latency, value: 4, unit: d, element: Shop_Orders.ordered_at}
      - {property: retention, value: 3, unit: y, element: Shop_Orders.ordered_at}
"""
MODULE = '''
    """Orders, and who ordered."""
    from datetime import UTC, datetime
    from pathlib import Path

    import polars as pl

    import mesh


    @mesh.data_product(contract=Path("shop.odcs.yaml#customers"))
    def customers() -> pl.DataFrame:
        return pl.DataFrame({"customer_id": [1, 2], "email": ["a@b.org", None]})


    @mesh.data_product(contract="shop.odcs.yaml")
    def orders() -> pl.DataFrame:
        return pl.DataFrame(
            {
                "order_id": [1, 2, 3],
                "customer_id": [1, 2, CUSTOMER],
                "follows": [None, 1, None],
                "country": ["DE", "NL", "DE"],
                "ordered_at": [datetime(2026, 11, 26, tzinfo=UTC)] * 3,
            }
        )
'''
FILE = "domains/shop/products/shop.odcs.yaml"


@pytest.fixture
def shop(empty_mesh):
    """A mesh with two products of one document."""
    empty_mesh.write(FILE, DOCUMENT)
    empty_mesh.write("domains/shop/products/orders.py", MODULE.replace("CUSTOMER", "2"))
    return empty_mesh


def change(mesh, old, new):
    file = mesh.root / FILE
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_products_of_one_document_hold_together_and_are_published(shop):
    checked = shop("check")
    assert checked.exit_code == 0, checked.output
    ran = shop("run", "shop.customers", "shop.orders", "--no-report")
    assert ran.exit_code == 0, ran.output
    shown = shop("show", "shop.orders")
    for text in (
        "customer_id is in shop.customers_v1.customer_id",
        "follows is in shop.orders_v1.order_id",
        "rowCount < 100",
        "partitioned by country",
        "freshness: within 4d",
        "retention: 3y, by ordered_at",
        "Orders and the customers behind them.",
        "Orders are booked within an hour.",
    ):
        assert text in shown.output
    assert "personal" in shop("show", "shop.customers").output


def test_rules_of_a_document_that_nobody_enforces_are_notes(shop):
    soda = "- {type: custom, engine: soda, implementation: x}"
    change(shop, "- {metric: rowCount", f"{soda}\n      - {{metric: rowCount")
    checked = shop("check")
    assert checked.exit_code == 0, checked.output
    (note,) = [line for line in checked.output.splitlines() if line.startswith("note: ")]
    where = "domains/shop/products/orders.py: shop.orders_v1, schema.1.quality.1"
    assert note == f"note: {where}: kept, not enforced: a rule for soda, which Mesh does not run"


def test_a_customer_who_is_none_refuses_the_orders(shop):
    shop.write("domains/shop/products/orders.py", MODULE.replace("CUSTOMER", "9"))
    ran = shop("run", "shop.customers", "shop.orders", "--no-report")
    assert ran.exit_code == 1
    assert "customer_id is in shop.customers_v1.customer_id" in ran.output


def test_dagster_sees_such_a_product_as_any_other(shop):
    script = (
        "import sys; sys.path.insert(0, '.')\n"
        "from domains.shop.definitions import defs\n"
        "graph = defs.resolve_asset_graph()\n"
        "names = {key.to_user_string() for key in graph.get_all_asset_keys()}\n"
        "assert {'shop/orders_v1', 'shop/customers_v1'} <= names, names\n"
        "checks = {c.name for c in graph.asset_check_keys if c.asset_key.path[-1] == 'orders_v1'}\n"
        "assert 'customer_id_references' in checks, checks\n"
    )
    done = shop.python(script)
    assert done.returncode == 0, done.stderr


def test_a_plan_tells_what_changed_in_the_document(shop):
    assert shop("run", "shop.customers", "shop.orders", "--no-report").exit_code == 0
    change(shop, "{name: follows,", "{name: note, logicalType: string}\n      - {name: follows,")
    planned = shop("plan", "--json")
    assert planned.exit_code == 0, planned.output
    told = {item["product"]: item for item in json.loads(planned.output)["products"]}
    kinds = {change["kind"] for change in told["shop.orders_v1"]["contract"]["changes"]}
    assert "column added" in kinds
    assert {c["bump"] for c in told["shop.customers_v1"]["contract"]["changes"]} == {"patch"}
    again = shop("run", "shop.customers", "--no-report")
    assert "the schema of its document differs" in again.output


def test_what_the_declaration_says_goes_before_the_document(shop):
    text = MODULE.replace("CUSTOMER", "2").replace(
        'contract="shop.odcs.yaml")',
        'contract="shop.odcs.yaml", freshness=mesh.Freshness("1h"), '
        'retention=mesh.Retention("9d"), partition_by="customer_id")',
    )
    shop.write("domains/shop/products/orders.py", text)
    assert shop("run", "shop.customers", "shop.orders", "--no-report").exit_code == 0
    shown = shop("show", "shop.orders").output
    assert "within 1h" in shown
    assert "retention: 9d" in shown
    assert "partitioned by customer_id" in shown


def test_what_is_wrong_with_a_document_is_told_once_with_file_line_and_path(shop):
    change(shop, "required: true, partitioned: true", "required: perhaps, partitioned: true")
    change(shop, "[{to: customers.customer_id}]", "[{to: customers.id}]")
    checked = shop("check")
    assert checked.exit_code == 1
    assert (
        f"{FILE}:23: schema.1.properties.3.required: 'perhaps' is not true or false"
        in checked.output
    )
    assert "customers has no column 'id'" in checked.output
    assert "2 problems" in checked.output


def test_relationships_of_several_columns_are_looked_up(shop):
    pair = "{from: [Shop_Orders.customer_id, Shop_Orders.country], to: [shop.sales_v1.sale_id, %s]}"
    relation = f"relationships: [{pair}]\n    quality:"
    text = (shop.root / FILE).read_text(encoding="utf-8")
    for last, wanted in {
        "shop.sales_v1.note": "",
        "shop.sales_v1.notes": "shop.sales_v1 has no column 'notes'",
        "shop.sales_v1.amount_usd": "country is string, shop.sales_v1.amount_usd is float64",
    }.items():
        (shop.root / FILE).write_text(text.replace("quality:", relation % last), encoding="utf-8")
        checked = shop("check")
        assert checked.exit_code == (1 if wanted else 0), checked.output
        assert wanted in checked.output


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("gone.odcs.yaml", "there is no such file"),
        ("shop.odcs.yaml#customer", "there is no table 'customer'"),
    ],
)
def test_a_contract_that_is_not_there_is_told(shop, named, wanted):
    text = MODULE.replace("CUSTOMER", "2").replace('"shop.odcs.yaml")', f'"{named}")')
    shop.write("domains/shop/products/orders.py", text)
    checked = shop("check")
    assert checked.exit_code == 1
    assert wanted in checked.output


def test_a_version_that_no_product_has_is_told(shop):
    change(shop, "version: 1.2.0", "version: 0.0.1")
    checked = shop("check")
    assert checked.exit_code == 1
    assert f"{FILE}:5: version: major version 0 is not between 1 and 9999" in checked.output


def test_lint_tells_what_is_kept_and_ends_well(shop):
    before = sorted(shop.root.rglob("*"))
    linted = shop("contract", "lint", str(shop.root / FILE))
    assert linted.exit_code == 0, linted.output
    assert "kept, not enforced" in linted.output
    assert "schema.1.quality.0: a text for people: nothing can measure it" in linted.output
    assert "slaProperties" not in linted.output
    assert "2 tables, no problems" in linted.output
    assert sorted(shop.root.rglob("*")) == before


def test_lint_tells_every_problem_of_every_file_and_fails(shop):
    change(shop, "logicalType: timestamp", "logicalType: moment")
    change(shop, "mustBeLessThan: 100", "mustBeLessThan: many")
    shop.write("other.odcs.yaml", "apiVersion: v9\nname: a\nname: b\n")
    linted = shop("contract", "lint", str(shop.root / FILE), str(shop.root / "other.odcs.yaml"))
    assert linted.exit_code == 1
    for text in (
        "'moment' is not in the standard",
        "'many' is not a number",
        "key 'name' is there twice",
    ):
        assert text in linted.output
    assert f"{FILE}:24: schema.1.properties.4.logicalType" in linted.output


def test_lint_speaks_json(shop):
    change(shop, "apiVersion: v3.2.0", "apiVersion: v3.0.2")
    linted = shop("contract", "lint", "--json", str(shop.root / FILE))
    assert linted.exit_code == 0
    (told,) = json.loads(linted.output)["files"]
    assert told["is_sound"]
    assert told["tables"] == ["customers", "Shop_Orders"]
    assert {
        "path": "schema.1.quality.0",
        "what": "a text for people: nothing can measure it",
    } in told["kept"]
    assert any("(v3.0.2)" in note["what"] for note in told["notes"])


@shared_data.needs_shared_data
def test_lint_finds_no_problem_in_the_standards_examples(empty_mesh):
    files = [str(file) for file in shared_data.files("odcs/examples/*.odcs.yaml")]
    linted = empty_mesh("contract", "lint", *files)
    assert linted.exit_code == 0, linted.output
