"""Two majors of a product side by side, until the last consumer has moved and the first retires."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from mesh import read
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.reading import RetiredWarning
from mesh.settings import load
from tests.catalog.factories import domain, product
from tests.cli.conftest import Mesh
from tests.journey.walkthrough import copy_of_the_mesh

SALES, DAYS = "domains/shop/products/sales.py", "domains/reports/products/days.py"
TODAY = datetime.now(UTC).date()
SOON, OVER = str(TODAY + timedelta(days=90)), str(TODAY - timedelta(days=1))


def text_of(mesh, path):
    return (mesh.root / path).read_text()


def change(mesh, path, old, new):
    text = text_of(mesh, path)
    assert old in text
    (mesh.root / path).write_text(text.replace(old, new))


def shown(mesh, product):
    return json.loads(mesh.process("show", product, "--json").stdout)


@pytest.fixture
def two(mesh):
    """`shop.sales_v2` beside `shop.sales_v1`, which has a last day; both are published."""
    told = mesh.process("new", "version", "shop.sales", "--deprecate", SOON)
    assert told.returncode == 0, told.stderr
    assert mesh.process("run", "shop.sales_v2", "--no-report").returncode == 0
    return mesh


def test_the_next_major_is_written_runs_untouched_and_leaves_the_first_as_it_was(mesh):
    before = text_of(mesh, SALES)
    told = mesh.process("new", "version", "shop.sales")

    assert told.returncode == 0, told.stderr
    assert "wrote   domains/shop/products/sales_v2.py" in told.stdout
    assert text_of(mesh, SALES) == before
    assert mesh.process("check").returncode == 0
    done = mesh.process("run", "shop.sales_v2", "--no-report")
    assert "shop.sales_v2   published" in done.stdout
    again = mesh.process("new", "version", "shop.sales_v1")
    assert again.returncode == 1
    assert "shop.sales_v2 is there already" in again.stderr


def test_a_last_day_is_written_into_the_first_and_into_no_other(two):
    assert f'deprecated="{SOON}"' in text_of(two, SALES)
    assert 'successor="shop.sales_v2"' in text_of(two, SALES)
    assert "deprecated" not in text_of(two, "domains/shop/products/sales_v2.py")
    third = two.process("new", "version", "shop.sales_v2", "--deprecate", SOON)
    assert third.returncode == 0, third.stderr
    assert 'version = "3.0.0"' in text_of(two, "domains/shop/products/sales_v3.py")


LAYOUTS = {
    "one line": '@mesh.data_product(contract=Refunds, tags={"a": "b"})',
    "lines": '@mesh.data_product(\n    contract=Refunds,\n    tags={"a": "b"},  # kept\n)',
    "no comma": '@mesh.data_product(\n    contract=Refunds,\n    tags={"a": "b"}\n)',
    "ended": '@mesh.data_product(contract=Refunds, deprecated="2026-01-01", tags={"a": "b"})',
    "ended last": '@mesh.data_product(\n    contract=Refunds,\n    deprecated="2026-01-01",\n)',
}
CONFIGS = {
    "none": "",
    "version": '\n    class Config:\n        """Ü."""\n\n        version = "1.4.2"  # kept\n',
    "other": "\n    class Config:\n        coerce = False\n",
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("config", CONFIGS)
def test_modules_are_edited_however_they_are_laid_out(empty_mesh, layout, config):
    module = (
        '"""Refunds: Rückgaben."""\n\nimport polars as pl\n\nimport mesh\n\n\n'
        'class Refunds(mesh.Contract):\n    """One row per refund."""\n\n'
        f"    refund_id: int = mesh.Field(key=True)\n{CONFIGS[config]}\n\n"
        f"{LAYOUTS[layout]}\ndef refunds() -> pl.LazyFrame:\n"
        '    """Every refund."""\n    return pl.LazyFrame({"refund_id": [1]})\n'
    )
    (empty_mesh.root / "domains/shop/products/refunds.py").write_text(module)
    told = empty_mesh.process("new", "version", "shop.refunds", "--deprecate", SOON)

    assert told.returncode == 0, told.stderr
    new = text_of(empty_mesh, "domains/shop/products/refunds_v2.py")
    old = text_of(empty_mesh, "domains/shop/products/refunds.py")
    assert new.count('version = "2.0.0"') == 1
    assert "1.4.2" not in new
    assert "deprecated" not in new
    assert old.count(f'deprecated="{SOON}"') == old.count("deprecated") == 1
    assert new.count("# kept") == module.count("# kept") == old.count("# kept")
    assert empty_mesh.process("check").returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("contract=Sales", "contract=shop_sales.Sales", "not a class of its module"),
        ("def sales(", "def more(): ...\n\n\n@mesh.data_product(contract=Sales)\ndef sales(", "2"),
    ],
)
def test_what_cannot_be_written_says_what_to_write_and_writes_nothing(mesh, old, new, why):
    from mesh.cli.next_major import _Module
    from mesh.errors import MeshError
    from mesh.products.collection import load_organization
    from mesh.settings import load

    product = load_organization(load(mesh.root)).products["shop.sales_v1"]
    with pytest.raises(MeshError, match="cannot be written") as raised:
        _Module.of(text_of(mesh, SALES).replace(old, new), product)
    assert why in raised.value.what
    assert "sales_v2.py by hand" in raised.value.hint


def test_a_day_that_is_none_is_refused(mesh):
    told = mesh.process("new", "version", "shop.sales", "--deprecate", "next year")
    assert told.returncode == 1
    assert "'next year' is no day such as 2027-06-30" in told.stderr
    assert not (mesh.root / "domains/shop/products/sales_v2.py").exists()


def test_consumers_are_told_until_the_last_day_and_each_move_is_shown(two):
    told = two.process("check")
    assert told.returncode == 0
    assert f"it reads shop.sales_v1, whose last day is {SOON}" in told.stderr
    assert shown(two, "shop.sales_v1")["consumers"] == [
        {"consumer": "reports.days_v1", "move": "not yet", "is_elsewhere": False}
    ]
    assert (
        f"it reads shop.sales_v1, whose last day is {SOON}"
        in two.process("show", "reports.days").stdout
    )
    assert "shop.sales_v1 has its last day on" in two.process("list").stdout

    change(two, DAYS, "shop.sales_v1", "shop.sales_v2")
    assert shown(two, "shop.sales_v1")["consumers"] == [
        {"consumer": "reports.days_v1", "move": "has moved", "is_elsewhere": False}
    ]
    assert "whose last day" not in two.process("check").stderr


def test_after_the_last_day_nobody_new_reads_it(two):
    change(two, SALES, SOON, OVER)
    told = two.process("check")
    assert told.returncode == 1
    assert f"it begins to read shop.sales_v1, whose last day was {OVER}" in told.stderr
    plan = two.process("plan")
    assert plan.returncode == 1
    assert f"it begins to read shop.sales_v1, whose last day was {OVER}" in plan.stderr
    done = two.process("run", "reports.days", "--no-report")
    assert done.returncode == 1
    assert "it would begin to read shop.sales_v1" in done.stderr
    assert "read shop.sales_v2" in done.stderr


def test_who_read_it_in_time_may_go_on(two):
    change(two, SALES, SOON, str(TODAY))
    assert two.process("run", "reports.days", "--no-report").returncode == 0
    assert two.process("check").returncode == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ('successor="shop.sales_v2"', "names a successor, shop.sales_v2, and no last day"),
        (f'deprecated="{SOON}", successor="shop.sails_v1"', "there is no product 'shop.sails_v1'"),
        (f'deprecated="{SOON}", successor="shop.sales_v1"', "it is its own successor"),
    ],
)
def test_a_last_day_that_makes_no_sense_is_a_problem(empty_mesh, words, why):
    change(empty_mesh, SALES, "contract=Sales,", f"contract=Sales, {words},")
    told = empty_mesh.process("check")
    assert told.returncode == 1
    assert why in told.stderr


def register_afar(mesh, *read):
    """Another repository, which has the same catalog, declares a consumer of these."""
    afar = product("afar.days_v1", **{f"port{n}": name for n, name in enumerate(read)})
    with Catalog.open(load(mesh.root).catalog_url) as catalog:
        catalog.register(domain("afar", afar))


def test_consumers_that_only_the_shared_catalog_knows_are_named(two):
    register_afar(two, "shop.sales_v1")
    told = {"consumer": "afar.days_v1", "is_elsewhere": True}
    assert shown(two, "shop.sales_v1")["consumers"][0] == {**told, "move": "not yet"}
    words = "afar.days_v1: not yet (declared elsewhere, as the catalog knows)"
    assert words in two.process("show", "shop.sales_v1").stdout
    change(two, SALES, SOON, OVER)
    change(two, DAYS, "shop.sales_v1", "shop.sales_v2")
    refused = two.process("retire", "shop.sales_v1", "--why", "moved")
    assert refused.returncode == 1
    assert "afar.days_v1 still reads shop.sales_v1, as the catalog knows" in refused.stderr

    register_afar(two, "shop.sales_v1", "shop.sales_v2")
    assert shown(two, "shop.sales_v1")["consumers"][0] == {**told, "move": "reads both"}
    register_afar(two, "shop.sales_v2")
    assert "afar" not in str(shown(two, "shop.sales_v1")["consumers"])
    assert two.process("retire", "shop.sales_v1", "--why", "moved").returncode == 0


def test_a_plan_names_consumers_that_only_the_shared_catalog_knows(two):
    register_afar(two, "shop.sales_v1")
    change(two, SALES, SOON, str(TODAY))
    (found,) = json.loads(two.process("plan", "--json").stdout)["products"][1:]
    assert (found["product"], found["action"]) == ("shop.sales_v1", "changed")
    (hit,) = [hit for hit in found["hits"] if hit["is_elsewhere"]]
    assert hit["sentence"].startswith(
        "afar.days_v1 (declared elsewhere, as the catalog knows) reads shop.sales_v1, which would"
    )

    (two.root / SALES).unlink()
    change(two, DAYS, "shop.sales_v1", "shop.sales_v2")
    plan = two.process("plan", "--json")
    assert plan.returncode == 0, plan.stderr
    told = {product["product"]: product for product in json.loads(plan.stdout)["products"]}
    gone = told["shop.sales_v1"]
    assert [hit["consumer"] for hit in gone["hits"] if hit["is_elsewhere"]] == ["afar.days_v1"]
    assert gone["moved"] == ["reports.days_v1"]
    warning = "afar.days_v1 reads it, as the catalog knows, and is not in this working tree"
    assert warning in gone["warnings"][-1]
    afar = "domain afar is not in this working tree: nothing happens to it if another repository"
    assert afar in told["afar.days_v1"]["warnings"][-1]


@pytest.fixture
def retired(two):
    """`shop.sales_v1` has retired, and its module is gone."""
    change(two, SALES, SOON, OVER)
    change(two, DAYS, "shop.sales_v1", "shop.sales_v2")
    done = two.process("retire", "shop.sales_v1", "--why", "moved", "--by", "ada")
    assert done.returncode == 0, done.stderr
    kept = TODAY + timedelta(days=90)
    end = f"shop.sales_v1 was retired on {TODAY} by ada: moved; its rows can be read until {kept}"
    assert f"{end}: use shop.sales_v2" in two.process("list").stdout
    assert "has its last day on" not in two.process("list").stdout
    (row,) = [
        row
        for row in json.loads(two.process("list", "--json").stdout)
        if row["retired"] is not None
    ]
    assert (row["product"], row["retired"]["retired_by"]) == ("shop.sales_v1", "ada")
    (two.root / SALES).unlink()
    return two, f"{end}: use shop.sales_v2"


def test_a_retired_product_is_read_with_a_warning_that_names_its_successor(retired):
    mesh, end = retired
    told = mesh.process("read", "shop.sales_v1", "--format", "json")
    assert told.returncode == 0
    assert len(json.loads(told.stdout)) == 49
    assert end in told.stderr.replace("\n", " ")
    with pytest.warns(RetiredWarning, match="use shop.sales_v2"):
        rows = read("shop.sales_v1", settings=load(mesh.root))
    assert rows.collect().height == 49
    with pytest.warns(RetiredWarning):
        read("shop.sales_v1", version=0, settings=load(mesh.root))
    assert "retired" not in mesh.process("read", "shop.sales_v2").stderr


@pytest.mark.parametrize("name", ["shop.sales_v1", "shop.sales"])
def test_a_retired_product_is_shown_though_its_module_is_gone(retired, name):
    mesh, _ = retired
    if name == "shop.sales":
        (mesh.root / "domains/shop/products/sales_v2.py").unlink()
    told = mesh.process("show", name)
    assert told.returncode == 0, told.stderr
    for words in (f"retired on {TODAY} by ada: moved", "its rows can be read until",
                  "use shop.sales_v2", "Tills", "version 0", "Every sale."):  # fmt: skip
        assert words in told.stdout
    found = shown(mesh, name)
    assert (found["product"], found["is_declared"]) == ("shop.sales_v1", False)
    assert (found["retired"]["why"], found["consumers"]) == ("moved", [])
    assert mesh.process("show", "shop.sails_v1").returncode == 1
    assert "there is no product" in mesh.process("show", "not a name").stderr


@pytest.mark.parametrize("way", ["show", "sync"])
def test_a_lost_catalog_knows_of_a_retired_product_whose_module_is_gone(retired, way):
    mesh, _ = retired
    for file in (mesh.root / ".mesh").rglob("catalog.db*"):
        file.unlink()
    if way == "sync":
        told = mesh.process("catalog", "sync")
        assert told.returncode == 0, told.stderr
        assert "found shop.sales_v1 in the lake, which no domain here declares" in told.stdout
    found = shown(mesh, "shop.sales_v1")
    assert (found["retired"]["retired_by"], found["description"]) == ("ada", "")
    assert found["last_receipt"]["run_id"] == "first"


def test_the_rows_of_a_retired_product_go_though_module_and_catalog_are_lost(retired):
    mesh, _ = retired
    for file in (mesh.root / ".mesh").rglob("catalog.db*"):
        file.unlink()
    table = Lake.of(load(mesh.root)).table(ProductId("shop", "sales", 1))
    (log,) = [f for f in table.store.list("_delta_log") if f.path.endswith("1.json")]
    kept = re.compile(rb"(keep_until\W+)\d{4}")
    table.store.replace(log.path, kept.sub(rb"\g<1>2001", table.store.read(log.path)))

    planned = mesh.process("maintain")
    assert "remove retired rows" in planned.stdout, planned.stderr
    assert mesh.process("maintain", "--apply").returncode == 0
    assert not list(Path(table.url).glob("*.parquet"))
    told = mesh.process("read", "shop.sales_v1")
    assert "its rows were kept until 2001" in told.stderr.replace("\n", " ")
    assert "its rows were kept until 2001" in mesh.process("show", "shop.sales_v1").stdout


def test_a_product_retires_once_its_day_is_over_and_nobody_reads_it(two):
    early = two.process("retire", "shop.sales_v1", "--why", "moved")
    assert early.returncode == 1
    assert f"the last day of shop.sales_v1 is {SOON}: readers count on it" in early.stderr
    assert "reports.days_v1 still reads shop.sales_v1" in early.stderr

    change(two, SALES, SOON, OVER)
    change(two, DAYS, "shop.sales_v1", "shop.sales_v2")
    assert two.process("run", "reports.days", "--no-report").returncode == 0
    told = two.process("retire", "shop.sales_v1", "--why", "moved", "--by", "ada")
    assert told.returncode == 0, told.stderr
    assert f"shop.sales_v1 was retired on {TODAY} by ada: moved" in told.stdout

    refused = two.process("run", "shop.sales_v1", "--no-report")
    assert refused.returncode == 1
    assert f"it was retired on {TODAY} by ada: moved" in refused.stderr
    assert "1.5" in two.process("read", "shop.sales_v1", "--limit", "2").stdout
    assert shown(two, "shop.sales_v1")["retired"]["retired_by"] == "ada"
    again = two.process("retire", "shop.sales_v1", "--why", "twice", "--by", "bob")
    assert "by ada: moved" in again.stdout

    (two.root / SALES).unlink()
    assert two.process("check").returncode == 0
    plan = two.process("plan")
    assert plan.returncode == 0, plan.stdout
    assert "shop.sales_v1 1.0.0: removed" in plan.stdout


def test_a_product_that_was_never_deprecated_does_not_retire(mesh):
    told = mesh.process("retire", "reports.days", "--why", "x")
    assert told.returncode == 1
    assert "reports.days_v1 was not deprecated" in told.stderr


def test_a_product_that_was_never_published_has_nothing_to_retire(empty_mesh):
    told = empty_mesh.process("retire", "reports.days", "--why", "x")
    assert told.returncode == 1
    assert "it was never published" in told.stderr


def test_what_a_broken_domain_reads_is_not_known_so_nothing_retires(two):
    change(two, SALES, SOON, OVER)
    (two.root / DAYS).write_text("import nope\n")
    told = two.process("retire", "shop.sales_v1", "--why", "moved")
    assert told.returncode == 1
    assert "domain reports does not load: nobody knows whether it reads" in told.stderr


def test_a_product_in_sql_gets_its_next_major_too(tmp_path):
    made = Mesh(copy_of_the_mesh(tmp_path / "mesh"))
    models = "dbt_project/models/punctuality"
    before = text_of(made, f"{models}/daily_on_time.yml")
    told = made.process("new", "version", "punctuality.daily_on_time", "--deprecate", SOON)

    assert told.returncode == 0, told.stderr
    assert text_of(made, f"{models}/daily_on_time_v2.sql") == text_of(
        made, f"{models}/daily_on_time.sql"
    )
    new = yaml.safe_load(text_of(made, f"{models}/daily_on_time_v2.yml"))["models"]
    (old,) = yaml.safe_load(text_of(made, f"{models}/daily_on_time.yml"))["models"]
    (was,) = yaml.safe_load(before)["models"]
    terms = old["config"]["meta"]["mesh"]
    assert (terms.pop("deprecated"), terms.pop("successor")) == (
        SOON,
        "punctuality.daily_on_time_v2",
    )
    assert old == was
    was["name"] = "daily_on_time_v2"
    was["config"]["meta"]["mesh"]["version"] = "2.0.0"
    assert new == [was]
    again = made.process("new", "version", "punctuality.daily_on_time_v1")
    assert "punctuality.daily_on_time_v2 is there already" in again.stderr
    assert made.process("check").returncode == 0
