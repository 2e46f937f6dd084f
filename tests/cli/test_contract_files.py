"""Contracts come in from ODCS files and go out again; a next major of one is written beside it."""

import json
import textwrap

import pytest
import yaml

ORDERS = textwrap.dedent(
    """
    # How the shop's till writes orders down.
    apiVersion: v3.1.0
    kind: DataContract
    id: 53581432-6c55-4ba2-a65f-72344a91553a
    version: 1.2.0   # the till's own
    status: active
    team:
      name: Tills
    slaProperties:
      - property: latency
        value: 1
        unit: d
    customProperties:
      - property: till
        value: old
    schema:
      - name: orders
        description: One row per order.
        properties:
          - name: order_id
            logicalType: integer
            primaryKey: true
          - name: amount
            logicalType: number
            required: true
            logicalTypeOptions: {minimum: 0}   # never paid back
            quality:
              - type: text
                description: Amounts are before tax.
    """
).lstrip()


@pytest.fixture
def file(tmp_path_factory):
    found = tmp_path_factory.mktemp("elsewhere") / "till.odcs.yaml"
    found.write_text(ORDERS)
    return found


def imported(mesh, file, *options):
    return mesh.process("contract", "import", str(file), "--domain", "shop", *options)


def test_a_file_becomes_a_product_that_checks_and_publishes_once_it_is_filled_in(empty_mesh, file):
    told = imported(empty_mesh, file)

    assert told.returncode == 0, told.stderr
    assert "wrote   domains/shop/products/orders.odcs.yaml" in told.stdout
    assert "Amounts are before tax" not in told.stdout
    assert "kept, not enforced: schema.0.properties.1.quality.0: a text for people" in told.stdout
    assert "stays in the contract: team, slaProperties" in told.stdout
    kept = empty_mesh.root / "domains/shop/products/orders.odcs.yaml"
    assert kept.read_text() == ORDERS
    assert empty_mesh.process("check").returncode == 0

    module = empty_mesh.root / "domains/shop/products/orders.py"
    rows = 'pl.LazyFrame({"order_id": [1, 2], "amount": [1.0, -1.0]})'
    text = module.read_text()
    begin = text.index("return pl.LazyFrame(")
    module.write_text(f"{text[:begin]}return {rows}\n")
    refused = empty_mesh.process("run", "shop.orders", "--no-report")
    assert refused.returncode == 1
    assert "1 of 2 rows break `amount ≥ 0`" in refused.stderr
    module.write_text(module.read_text().replace("-1.0", "2.0"))
    assert empty_mesh.process("run", "shop.orders", "--no-report").returncode == 0
    shown = json.loads(empty_mesh.process("show", "shop.orders", "--json").stdout)
    assert shown["contract"]["version"] == "1.2.0"
    assert shown["service_levels"]["freshness"] == "1d"


def test_what_came_in_goes_out_as_it_was(empty_mesh, file, tmp_path):
    imported(empty_mesh, file)
    out = tmp_path / "out.odcs.yaml"
    told = empty_mesh.process("contract", "export", "shop.orders", "--output", str(out))

    assert told.returncode == 0, told.stderr
    found, before = yaml.safe_load(out.read_text()), yaml.safe_load(ORDERS)
    added = {key: found.pop(key) for key in ("domain", "dataProduct")}
    assert found == before
    assert added == {"domain": "shop", "dataProduct": "orders"}
    other = empty_mesh.process("contract", "export", "shop.orders", "--standard", "3.2.0").stdout
    assert yaml.safe_load(other)["apiVersion"] == "v3.2.0"


def test_a_contract_in_python_goes_out_and_is_one_that_lint_takes(empty_mesh, tmp_path):
    out = tmp_path / "sales.odcs.yaml"
    empty_mesh.process("contract", "export", "shop.sales", "--output", str(out))
    assert empty_mesh.process("contract", "lint", str(out)).returncode == 0
    made = yaml.safe_load(out.read_text())
    assert made["id"] == "shop.sales_v1"
    assert made["team"]["name"] == "Tills"
    assert made["slaProperties"] == [{"property": "latency", "value": 1, "unit": "d"}]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--product", "Orders!"), "cannot be a product's name"),
        (("--product", "../orders"), "cannot be a product's name"),
        (("--table", "order"), "there is no table 'order'"),
    ],
)
def test_what_cannot_be_imported_says_why_and_writes_nothing(empty_mesh, file, options, why):
    before = sorted(empty_mesh.root.rglob("*"))
    told = imported(empty_mesh, file, *options)
    assert told.returncode == 1
    assert why in told.stderr
    assert sorted(empty_mesh.root.rglob("*")) == before


def test_nothing_that_is_there_is_written_over(empty_mesh, file):
    imported(empty_mesh, file)
    again = imported(empty_mesh, file)
    assert again.returncode == 1
    assert "it exists already" in again.stderr


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version: 1.2.0", "version: 0.9.0", "raise the contract's version"),
        ("name: orders", "name: ../..", "gives no product's name"),
        ("minimum: 0", "minimum: 9, maximum: 1", "no value keeps"),
        ("kind: DataContract", "kind: !!python/object:os.system x", "python/object"),
        ("status: active", "status: active\nstatus: twice", "status"),
    ],
)
def test_a_file_that_is_wrong_is_told_by_line_and_nothing_is_written(
    empty_mesh, file, old, new, why
):
    file.write_text(ORDERS.replace(old, new))
    before = sorted(empty_mesh.root.rglob("*"))
    told = imported(empty_mesh, file)
    assert told.returncode == 1
    assert why in told.stderr
    assert "Traceback" not in told.stderr
    assert sorted(empty_mesh.root.rglob("*")) == before


@pytest.mark.parametrize("schema", ["schema: []", "", "schema: [{name: orders, properties: []}]"])
def test_a_contract_without_columns_says_what_a_product_needs(empty_mesh, file, schema):
    file.write_text(f"{ORDERS.partition('schema:')[0]}{schema}\n")
    before = sorted(empty_mesh.root.rglob("*"))
    told = imported(empty_mesh, file, "--product", "orders")
    assert told.returncode == 1
    assert f"{file.name}: it promises no columns" in told.stderr.replace("\n", "")
    assert "list them in schema, each with a name and a logicalType" in told.stderr
    assert sorted(empty_mesh.root.rglob("*")) == before


def test_a_contract_before_its_first_version_says_how_to_take_it_in(empty_mesh, file):
    file.write_text(ORDERS.replace("version: 1.2.0", "version: 0.9.0"))
    told = " ".join(imported(empty_mesh, file).stderr.split())
    assert "major version 0 is not between 1 and 9999" in told
    assert "a product's first version is 1.0.0: raise the contract's version in a copy" in told


def test_an_unknown_domain_or_version_is_told_with_those_that_are(empty_mesh, file):
    told = empty_mesh.process("contract", "import", str(file), "--domain", "shp")
    assert "did you mean shop" in told.stderr
    wrong = empty_mesh.process("contract", "export", "shop.sales", "--standard", "4.0")
    assert "versions are 3.0.2, 3.1.0, 3.2.0" in wrong.stderr


def test_the_next_major_of_a_file_keeps_its_comments(empty_mesh, file):
    imported(empty_mesh, file)
    told = empty_mesh.process("new", "version", "shop.orders", "--deprecate", "2099-01-01")

    assert told.returncode == 0, told.stderr
    folder = empty_mesh.root / "domains/shop/products"
    assert (folder / "orders_v2.odcs.yaml").read_text() == ORDERS.replace("1.2.0 ", "2.0.0 ")
    assert 'contract="orders_v2.odcs.yaml"' in (folder / "orders_v2.py").read_text()
    assert 'deprecated="2099-01-01"' in (folder / "orders.py").read_text()
    assert (folder / "orders.odcs.yaml").read_text() == ORDERS
    assert empty_mesh.process("check").returncode == 0
