"""SQL products built by a real dbt, in a real DuckDB."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from mesh.contracts.model import Severity
from mesh.engines.dbt import BuildResult, build
from mesh.engines.dbt_workspace import make_workspace
from mesh.errors import SqlTransformError, TransformError
from mesh.lake import Lake
from mesh.products.dbt_files import read_domain
from mesh.products.sql import collect_sql_products
from mesh.publishing import publish
from tests.engines.sql_mesh import SqlMesh

ORDERS = pl.DataFrame(
    {"customer": ["ada", "bob", "ada"], "amount": [1.5, 2.0, 3.0]},
    schema={"customer": pl.String, "amount": pl.Float64},
)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory) -> Path:
    """What dbt keeps of its parsing, shared by these tests: each build is two seconds faster."""
    return tmp_path_factory.mktemp("parsed") / "sales.totals_v1.msgpack"


@pytest.fixture
def mesh(tmp_path, parsed) -> Iterator[SqlMesh]:
    own = tmp_path / ".mesh/dbt/parsed" / parsed.name
    own.parent.mkdir(parents=True)
    if parsed.exists():
        shutil.copyfile(parsed, own)
    yield SqlMesh(tmp_path)
    if own.exists() and not parsed.exists():
        shutil.copyfile(own, parsed)


def built(
    mesh: SqlMesh, orders: object = ORDERS, name: str = "totals", **more: object
) -> BuildResult:
    product = mesh.product(name)
    inputs = {"shop.orders_v1": orders, **more}
    return build(product.transform, product, inputs, settings=mesh.settings, run_id="run-1")


def rows_of(result: BuildResult) -> list[dict[str, object]]:
    with result:
        return pl.from_arrow(result.reader.read_all()).to_dicts()


def left_over(mesh: SqlMesh) -> list[Path]:
    return list((mesh.root / ".mesh/dbt/builds").iterdir())


def test_a_model_is_built_and_tested(mesh):
    with built(mesh) as result:
        assert not result.failed_tests
        assert {(test.name, test.status) for test in result.tests} == {
            ("unique_customer", "pass"),
            ("not_null_customer", "pass"),
            ("accepted_values_customer", "pass"),
            ("not_null_total", "pass"),
        }
        assert {test.name for test in result.tests} == set(mesh.product().transform.data_tests)
        assert pl.from_arrow(result.reader.read_all()).to_dicts() == [
            {"customer": "ada", "orders": 2, "total": 4.5},
            {"customer": "bob", "orders": 1, "total": 2.0},
        ]
    assert left_over(mesh) == []


def test_rows_that_break_a_constraint_reach_the_gate(mesh):
    """DuckDB itself would refuse the table; the gate sends the row to quarantine."""
    orders = pl.concat([ORDERS, pl.DataFrame({"customer": ["eve"], "amount": [-9.0]})])
    mesh.change("totals.yml", "values: [ada, bob]", "values: [ada, bob, eve]")
    product, lake = mesh.product(), Lake.of(mesh.settings)
    with built(mesh, orders) as result:
        receipt = publish(
            product,
            result.reader,
            lake=lake,
            run_id="run-1",
            settings=mesh.settings.publishing,
        )
    assert (receipt.rows_accepted, receipt.rows_rejected) == (2, 1)
    assert lake.table(product.id).scan().collect()["customer"].to_list() == ["ada", "bob"]


def test_a_failing_data_test_is_a_value(mesh):
    orders = pl.concat([ORDERS, pl.DataFrame({"customer": ["eve"], "amount": [None]})])
    with built(mesh, orders) as result:
        (failed,) = result.failed_tests
        assert (failed.name, failed.failures) == ("accepted_values_customer", 1)
        assert failed.severity is Severity.ERROR
        assert "1 result" in failed.message
        warned = next(test for test in result.tests if test.name == "not_null_total")
        assert (warned.status, warned.failures, warned.severity) == ("warn", 1, Severity.WARNING)
        assert result.reader.read_all().num_rows == 3
    assert left_over(mesh) == []


def test_a_failing_test_of_a_private_model_leaves_no_rows(mesh):
    mesh.model(
        "totals.sql",
        "select customer, 1::bigint as orders, 1.0::double as total from {{ ref('clean') }}",
    )
    mesh.model("clean.sql", "select distinct customer from {{ source('shop', 'orders_v1') }}")
    mesh.model(
        "clean.yml",
        """
        models:
          - name: clean
            columns: [{name: customer, data_tests: [accepted_values: {arguments: {values: [x]}}]}]
        """,
    )
    with built(mesh) as result:
        assert [test.name for test in result.failed_tests] == ["clean_accepted_values_customer"]
        assert {test.name for test in result.tests} == set(mesh.product().transform.data_tests)
        assert result.reader.read_all().num_rows == 0
        assert result.reader.schema.names == ["customer", "orders", "total"]


def test_private_models_macros_and_singular_tests_are_part_of_the_build(mesh):
    mesh.model(
        "totals.sql",
        """
        select customer, count(*) as orders, sum({{ doubled('amount') }}) as total
        from {{ ref('clean') }} group by customer order by customer
        """,
    )
    mesh.model(
        "clean.sql",
        """
        {{ config(materialized='ephemeral') }}
        select * from {{ source('shop', 'orders_v1') }} where customer <> 'bob'
        """,
    )
    mesh.write("dbt_project/macros/doubled.sql", "{% macro doubled(x) %}2 * {{ x }}{% endmacro %}")
    mesh.write(
        "dbt_project/tests/sales/nobody_is_lost.sql",
        "select 1 from {{ ref('totals') }} having count(*) <> 2",
    )
    with built(mesh) as result:
        assert [test.name for test in result.failed_tests] == ["nobody_is_lost"]
        assert result.reader.read_all().to_pylist() == [
            {"customer": "ada", "orders": 2, "total": 9.0}
        ]


def test_what_is_broken_elsewhere_is_no_concern(mesh):
    mesh.write("dbt_project/models/weather/totals.sql", "select {{ nothing(")
    mesh.write("dbt_project/models/weather/totals.yml", "models: [")
    mesh.model("broken.sql", "select * from nowhere {{ undefined_macro() }}")
    assert len(rows_of(built(mesh))) == 2


def test_an_error_in_the_sql_is_one_readable_block(mesh):
    mesh.change("../sales/totals.sql", "sum(amount)", "sum(amuont)")
    with pytest.raises(SqlTransformError) as caught:
        built(mesh)
    text = str(caught.value)
    assert text.startswith("sales.totals_v1 (")
    assert "totals.sql): dbt could not build it:" in text
    assert "amuont" in text
    assert 'Candidate bindings: "amount"' in text
    assert "Traceback" not in text
    assert "target/" not in text
    assert left_over(mesh) == []


def test_an_error_in_the_jinja_is_one_readable_block(mesh):
    mesh.change("totals.sql", "sum(amount)", "{{ total_of('amount') }}")
    with pytest.raises(SqlTransformError, match="'total_of' is undefined"):
        built(mesh)


def test_columns_that_are_not_those_of_the_contract_are_an_error(mesh):
    mesh.change("totals.sql", "count(*) as orders", "count(*)::varchar as orders")
    with pytest.raises(SqlTransformError) as caught:
        built(mesh)
    assert "enforced contract that failed" in str(caught.value)
    assert "orders" in str(caught.value)


def test_a_data_test_that_cannot_run_is_an_error_and_no_verdict(mesh):
    mesh.write("dbt_project/tests/sales/wrong.sql", "select nothing from {{ ref('totals') }}")
    with pytest.raises(SqlTransformError, match="nothing"):
        built(mesh)


def test_an_ephemeral_product_is_an_error(mesh):
    mesh.change(
        "totals.yml",
        "contract: {enforced: true}",
        "contract: {enforced: true}\n      materialized: ephemeral",
    )
    with pytest.raises(SqlTransformError):
        built(mesh)


def test_a_view_will_do(mesh):
    mesh.change(
        "totals.yml",
        "contract: {enforced: true}",
        "contract: {enforced: true}\n      materialized: view",
    )
    assert len(rows_of(built(mesh))) == 2


def test_a_model_that_changed_since_it_was_declared_is_not_built(mesh):
    product = mesh.product()
    mesh.change("totals.sql", "order by customer", "order by 1")
    with pytest.raises(SqlTransformError, match="changed since its declaration"):
        build(
            product.transform, product, {"shop.orders_v1": ORDERS},
            settings=mesh.settings, run_id="run-1",
        )  # fmt: skip


@pytest.mark.parametrize("orders", [ORDERS.lazy(), ORDERS.clear()], ids=["lazy", "empty"])
def test_inputs_may_be_any_arrow_producer(mesh, orders):
    mesh.change("totals.yml", "        data_tests:\n          - unique\n          - not_null\n"
                "          - accepted_values: {arguments: {values: [ada, bob]}}\n", "")  # fmt: skip
    expected = 0 if isinstance(orders, pl.DataFrame) else 2
    assert len(rows_of(built(mesh, orders))) == expected


def test_inputs_stream_and_are_never_whole_in_memory(mesh):
    held: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(200):
            held.append(pa.total_allocated_bytes())
            yield pa.record_batch({"customer": ["ada"] * 50_000, "amount": [1.0] * 50_000})

    schema = pa.schema({"customer": pa.string(), "amount": pa.float64()})
    before = pa.total_allocated_bytes()
    found = rows_of(built(mesh, pa.RecordBatchReader.from_batches(schema, batches())))
    assert found == [{"customer": "ada", "orders": 10_000_000, "total": 10_000_000.0}]
    assert max(held) - before < 40_000_000


def test_the_result_streams_in_batches(mesh):
    mesh.change("totals.yml", "        data_tests:\n          - unique\n          - not_null\n"
                "          - accepted_values: {arguments: {values: [ada, bob]}}\n", "")  # fmt: skip
    orders = pl.select(customer=pl.int_range(300_000).cast(pl.String), amount=1.0)
    with built(mesh, orders) as result:
        sizes = [batch.num_rows for batch in result.reader]
    assert sum(sizes) == 300_000
    assert max(sizes) <= mesh.settings.publishing.batch_rows


def test_an_input_that_fails_midway_leaves_nothing_behind(mesh):
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"customer": ["ada"], "amount": [1.0]})
        raise OSError("the disk is on fire")

    schema = pa.schema({"customer": pa.string(), "amount": pa.float64()})
    with pytest.raises(TransformError, match="the disk is on fire"):
        built(mesh, pa.RecordBatchReader.from_batches(schema, batches()))
    assert left_over(mesh) == []


def test_values_pass_through_unchanged(mesh):
    moment = dt.datetime(2013, 7, 1, 12, 30, 15, 123456, tzinfo=dt.UTC)
    orders = pl.DataFrame(
        {
            "at": [moment],
            "day": [dt.date(2013, 7, 1)],
            "price": pl.Series(["12.34"]).str.to_decimal(scale=2).cast(pl.Decimal(12, 2)),
            "note": ["O'Hare — 日本語 \x7f\n" + "x" * 100_000],
            "tags": [["a", None]],
        }
    )
    mesh.model("totals.sql", "select * from {{ source('shop', 'orders_v1') }}")
    mesh.model(
        "totals.yml",
        """
        models:
          - name: totals
            config: {contract: {enforced: true}, meta: {mesh: {version: "1.0.0"}}}
            columns:
              - {name: at, quote: true, data_type: timestamptz}
              - {name: day, data_type: date}
              - {name: price, data_type: "decimal(12, 2)"}
              - {name: note, data_type: varchar}
              - {name: tags, data_type: "varchar[]"}
        """,
    )
    with built(mesh, orders) as result:
        table = result.reader.read_all()
    assert table.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert pl.from_arrow(table).to_dicts() == orders.to_dicts()


def test_what_was_kept_of_dbts_parsing_may_be_stale_or_damaged(mesh, parsed):
    own = mesh.root / ".mesh/dbt/parsed" / parsed.name
    own.write_bytes(b"\x00nonsense")
    assert rows_of(built(mesh))[0]["total"] == 4.5
    assert own.stat().st_size > 100_000
    mesh.change("totals.sql", "sum(amount)", "2 * sum(amount)")
    assert rows_of(built(mesh))[0]["total"] == 9.0


def test_what_a_killed_build_left_behind_is_swept_after_a_day(mesh):
    builds = mesh.root / ".mesh/dbt/builds"
    for name, age in (("old", 2 * 86_400), ("running", 60)):
        (builds / name).mkdir(parents=True)
        os.utime(builds / name, (time.time() - age,) * 2)
    found = read_domain("sales", mesh.settings)
    own = make_workspace(found.files_of("totals"), builds, "sales.totals_v1")
    assert set(left_over(mesh)) == {builds / "running", own}


def test_the_environment_of_another_dbt_project_does_not_matter(mesh, monkeypatch):
    for name in ("DBT_PROFILES_DIR", "DBT_PROJECT_DIR", "DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.setenv(name, "/nowhere")
    assert len(rows_of(built(mesh))) == 2


def test_a_pandera_contract_needs_nothing_of_dbts(mesh):
    mesh.model("contracts.py", "import mesh\n\nclass Totals(mesh.Contract):\n"
               "    customer: str\n    orders: int\n    total: float\n")  # fmt: skip
    mesh.model("totals.yml", """
        models: [{name: totals, config: {meta: {mesh: {contract: "contracts:Totals"}}}}]
        """)  # fmt: skip
    assert len(rows_of(built(mesh))) == 2


def test_dbt_by_hand_reads_what_is_published(mesh):
    mesh.write("dbt_project/.dbtignore", "*.py\n")
    mesh.model("contracts.py", "this is no dbt model")
    mesh.change("sources.yml", "- name: shop", "- name: shop\n    config: {meta: {plugin: mesh}}")
    mesh.write(
        "dbt_project/profiles.yml",
        """
        mesh:
          target: by_hand
          outputs:
            by_hand:
              {type: duckdb, path: by_hand.duckdb, schema: mesh, plugins:
                [{module: mesh.engines.dbt_plugin, alias: mesh}]}
        """,
    )
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--no-use-colors",
               "--no-send-anonymous-usage-stats", "build", "--log-path", "logs"]  # fmt: skip
    path = os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH", "")]))  # noqa: PTH109

    def dbt() -> str:
        done = subprocess.run(
            command, cwd=mesh.root / "dbt_project", env={**os.environ, "PYTHONPATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout

    publish_orders(mesh)
    assert "PASS=5" in dbt()


def publish_orders(mesh: SqlMesh) -> None:
    mesh.write(
        "dbt_project/models/shop/orders.yml",
        """
        models:
          - name: orders
            config: {contract: {enforced: true}, meta: {mesh: {version: "1.0.0"}}}
            columns: [{name: customer, data_type: varchar}, {name: amount, data_type: double}]
        """,
    )
    mesh.write("dbt_project/models/shop/orders.sql", "select 1")
    (product,) = collect_sql_products("shop", mesh.settings)
    (mesh.root / "dbt_project/models/shop/orders.sql").unlink()
    (mesh.root / "dbt_project/models/shop/orders.yml").unlink()
    publish(
        product,
        ORDERS,
        lake=Lake.of(mesh.settings),
        run_id="orders",
        settings=mesh.settings.publishing,
    )
