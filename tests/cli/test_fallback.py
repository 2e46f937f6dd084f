"""Environments never write each other's tables; what one has not built it reads from another."""

import json

import pytest

from mesh.errors import SettingsError, StorageError
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.settings import load

SALES, DAYS = ProductId.parse("shop.sales_v1"), ProductId.parse("reports.days_v1")


@pytest.fixture
def prod(empty_mesh, monkeypatch):
    """A mesh in which `prod` has everything, and `dev`, which falls back to it, nothing."""
    monkeypatch.setenv("MESH_FALLBACK", "prod")
    assert empty_mesh("run", "--all", "--env", "prod", "--no-report").exit_code == 0
    return empty_mesh


def everything_in(folder):
    """Every file of a folder, with what it holds and when it was written."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if not path.name.startswith("catalog.db-")  # SQLite's own, made by whoever looks
    }


def last_receipt(mesh, product, *options):
    return json.loads(mesh("show", product, "--json", *options).stdout)["last_receipt"]


def test_an_input_that_is_not_built_here_is_read_from_the_fallback_and_said_to_be(prod):
    told = prod("run", "reports.days", "--no-report")

    assert told.exit_code == 0, told.stderr
    said = "reports.days_v1: read shop.sales_v1 from prod, since this environment has not built it"
    assert said in told.stdout
    (used,) = last_receipt(prod, "reports.days")["inputs"]
    assert (used["product"], used["version"], used["environment"]) == ("shop.sales_v1", 0, "prod")
    page = prod("show", "reports.days").stdout
    assert "shop.sales_v1 version 0 was read from prod" in page
    lake = Lake.of(load(prod.root))
    assert lake.table(DAYS).exists()
    assert not lake.table(SALES).exists()


def test_nothing_is_ever_written_into_the_fallback(prod):
    lake, state = prod.root / ".mesh/lake/prod", prod.root / ".mesh/prod"
    before = everything_in(lake), everything_in(state)
    prod("run", "reports.days", "--no-report")
    prod("run", "--all", "--no-report")
    prod("quarantine", "replay", "shop.sales")
    prod("quarantine", "discard", "shop.sales", "--why", "a test")
    prod("maintain", "--apply")
    prod("show", "reports.days")

    assert (everything_in(lake), everything_in(state)) == before


def test_what_was_built_here_goes_before_the_fallback(prod):
    prod("run", "reports.days", "--no-report")
    prod("run", "shop.sales", "--no-report")
    told = prod("run", "reports.days", "--no-report")

    assert "from prod" not in told.stdout
    (used,) = last_receipt(prod, "reports.days")["inputs"]
    assert "environment" not in used


def test_an_environment_that_is_fallen_back_to_falls_back_to_none(prod):
    assert load(prod.root, environment="prod").fallbacks == ()
    (used,) = last_receipt(prod, "reports.days", "--env", "prod")["inputs"]
    assert "environment" not in used


def test_who_reads_by_name_reads_this_environment(prod):
    assert "shop.sales_v1 is not published yet" in prod("read", "shop.sales").stderr
    assert prod("read", "shop.sales", "--env", "prod").exit_code == 0


def test_where_it_was_looked_for_is_said_when_nobody_has_it(empty_mesh, monkeypatch):
    monkeypatch.setenv("MESH_FALLBACK", "prdo")
    told = empty_mesh("run", "reports.days", "--no-report")

    assert told.exit_code == 1
    assert "shop.sales_v1 is not published yet in dev, nor in prdo (" in told.stderr
    assert ".mesh/lake/prdo), which it falls back to" in told.stderr


def test_without_a_fallback_nothing_else_is_read(prod, monkeypatch):
    monkeypatch.delenv("MESH_FALLBACK")
    told = prod("run", "reports.days", "--no-report")

    assert told.exit_code == 1
    assert "shop.sales_v1 is not published yet\n" in told.stderr


def test_environments_may_fall_back_one_to_the_next(prod, monkeypatch):
    monkeypatch.setenv("MESH_FALLBACK", '{"mine": "dev", "dev": "prod"}')
    prod("run", "reports.days", "--no-report")
    assert load(prod.root, environment="mine").fallbacks == ("dev", "prod")
    told = prod("run", "reports.days", "--env", "mine", "--no-report")

    assert "read shop.sales_v1 from prod" in told.stdout


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            '{"dev": "prod", "prod": "dev"}',
            "environments fall back to each other: dev → prod → dev",
        ),
        ("No Such", "'No Such' cannot be a"),
        ('{"dev": "No Such"}', "'No Such' cannot be a"),
    ],
)
def test_a_fallback_that_cannot_be_is_refused(tmp_path, monkeypatch, value, told):
    monkeypatch.setenv("MESH_FALLBACK", value)
    with pytest.raises(SettingsError, match=told):
        _ = load(tmp_path, environment="dev").fallbacks


def test_a_table_of_the_fallback_refuses_to_be_written(prod):
    lake = Lake.of(load(prod.root)).home_of(SALES)
    table = lake.table(SALES)

    assert lake.environment == "prod"
    for write in (
        table.store.probe,
        table.checkpoint,
        lambda: table.store.delete(["_delta_log/00000000000000000000.json"]),
        lambda: table.store.put_once("a", b""),
        lambda: table.store.replace("a", b""),
        lambda: table.store.open_output("a"),
        lambda: table.restore(0, {}),
    ):
        with pytest.raises(StorageError, match="only read here"):
            write()


INCREMENTAL = '''
    """Sales, copied as they change."""
    import polars as pl

    import mesh


    class Copies(mesh.Contract):
        """One row per sale."""

        sale_id: int = mesh.Field(key=True)
        amount_usd: float


    @mesh.data_product(
        contract=Copies,
        write=mesh.Upsert(on="sale_id"),
        inputs={
            "sales": mesh.Input(
                "shop.sales_v1", columns=["sale_id", "amount_usd"], incremental=True
            )
        },
    )
    def copies(sales: pl.LazyFrame) -> pl.LazyFrame:
        """Every sale."""
        return sales.select("sale_id", "amount_usd")
'''


def test_an_incremental_input_is_read_as_a_whole_when_its_environment_changes(prod):
    prod.write("domains/reports/products/copies.py", INCREMENTAL)
    types = prod.process
    options = {"MESH_FALLBACK": "prod"}

    def how():
        assert types("run", "reports.copies", "--no-report", **options).returncode == 0
        (used,) = json.loads(types("show", "reports.copies", "--json", **options).stdout)[
            "last_receipt"
        ]["inputs"]
        return used["how"], used.get("reason"), used.get("environment")

    assert how() == ("all rows", "", "prod")
    types("run", "shop.sales", "--env", "prod", "--no-report", **options)
    assert how()[::2] == ("changes", "prod")
    types("run", "shop.sales", "--no-report", **options)
    assert how() == ("all rows", "it is read from this environment by now", None)
