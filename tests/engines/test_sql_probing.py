"""A SQL product is looked at without dbt: what its model reads, makes, and from what."""

from pathlib import Path

import duckdb
import polars as pl
import pytest

from mesh.engines.probing import probe
from mesh.products.collection import load_organization
from mesh.settings import load
from tests.engines.probed_products import contract
from tests.engines.sql_mesh import SqlMesh

ROOT = Path(__file__).parents[2]
ORDERS = "shop.orders_v1"
CONTRACTS = {
    ORDERS: contract(
        "Orders",
        {
            "customer": "string",
            "amount": "float64",
            "note": "string",
            "ordered_at": "timestamp",
            "quantity": "int64",
        },
    )
}
ROWS = pl.DataFrame(
    {
        "customer": ["ada", "bob", "ada"],
        "amount": [1.0, 2.5, 4.0],
        "note": ["x", None, "z"],
        "ordered_at": pl.Series(["2024-01-01", "2024-01-02", "2024-02-01"]).str.to_datetime(
            time_unit="us", time_zone="UTC"
        ),
        "quantity": [1, 2, 3],
    }
)
SOURCE = "{{ source('shop', 'orders_v1') }}"
QUERIES = {
    "grouped": f"select customer, sum(amount) as total from {SOURCE} group by customer",
    "star": f"with o as (select * from {SOURCE}) select customer, amount from o",
    "mentioned": f"with o as (select customer, note from {SOURCE}) select customer from o",
    "distinct": f"select customer from (select distinct customer, note from {SOURCE})",
    "windowed": f"select customer, row_number() over (partition by customer order by ordered_at)"
    f" as place from {SOURCE}",
    "filtered": f"select customer from {SOURCE} where quantity > 1 and amount < 9",
    "latest": f"select customer, amount from {SOURCE}"
    f" qualify row_number() over (partition by customer order by ordered_at desc) = 1",
    "self joined": f"select a.customer, b.amount from {SOURCE} a join {SOURCE} b"
    f" on a.customer = b.customer and a.quantity < b.quantity",
    "counted": f"select count(*) as orders from {SOURCE}",
    "united": f"select customer from {SOURCE} where amount > 2 union select note from {SOURCE}",
    "all grouped": f"select customer, max(quantity) as most from {SOURCE} group by all",
    "in others": f"select customer from {SOURCE} where customer in"
    f" (select note from {SOURCE} where amount > 1)",
    "columns": f"select columns('cust.*') from {SOURCE}",
    "excluded": f"select * exclude (note, ordered_at) from {SOURCE}",
}


@pytest.fixture
def mesh(tmp_path):
    return SqlMesh(tmp_path)


def probed(mesh, sql=None, columns=None, makes=None):
    """The probe of the small mesh's product, with other SQL, input columns and contract."""
    if sql is not None:
        mesh.write("dbt_project/models/sales/totals.sql", sql)
    file = mesh.root / "dbt_project/models/sales/totals.yml"
    if columns is not None:
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("columns: [customer, amount], ", columns), encoding="utf-8")
    (product,) = mesh.products()
    return probe(product, CONTRACTS)


def result(sql, leave_out=None):
    """What a query makes of real rows, without one column; None when it cannot be bound."""
    rows = ROWS if leave_out is None else ROWS.drop(leave_out)
    with duckdb.connect() as connection:
        connection.execute("create schema shop")
        connection.register("rows", rows.to_arrow())
        connection.execute("create table shop.orders_v1 as from rows")
        try:
            made = connection.sql(sql.replace(SOURCE, "shop.orders_v1")).pl()
        except duckdb.Error:
            return None
    return made.sort(made.columns)


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES)
def test_what_is_read_is_what_breaks_when_it_is_gone(mesh, sql):
    found = probed(mesh, sql, columns="")
    whole = result(sql)
    read = found.reads[ORDERS]

    assert read.is_complete
    for column in ROWS.columns:
        without = result(sql, column)
        is_same = without is not None and without.equals(whole)
        assert is_same == (column not in read.columns), column


def test_an_output_column_is_made_from_columns_of_inputs(mesh):
    found = probed(mesh)

    assert found.problems == found.notes == ()
    assert found.columns == {"customer": "string", "orders": "int64", "total": "float64"}
    assert found.lineage == {
        "customer": {(ORDERS, "customer")},
        "orders": frozenset(),
        "total": {(ORDERS, "amount")},
    }


def test_lineage_goes_through_private_models(mesh):
    mesh.write("dbt_project/models/sales/big.sql", f"select * from {SOURCE} where quantity > 1")
    sql = """
    select customer, count(*) as orders, sum(price) as total
    from (select customer, amount * quantity as price from {{ ref('big') }})
    group by customer
    """
    found = probed(mesh, sql, columns="columns: [customer, amount, quantity], ")

    assert found.problems == found.notes == ()
    assert found.lineage["total"] == {(ORDERS, "amount"), (ORDERS, "quantity")}


def test_an_output_that_cannot_fulfil_its_contract_is_a_problem(mesh):
    found = probed(mesh, f"select customer, 1.5 as orders, 'x' as total from {SOURCE}")

    told = [problem.what for problem in found.problems]
    assert "orders is promised as int64, the transform makes decimal(2,1)" in told[0]
    assert "total is promised as float64, the transform makes string" in told[1]
    assert found.problems[0].where == "dbt_project/models/sales/totals.sql: sales.totals_v1"


def test_columns_that_are_used_and_not_declared_are_problems_all_at_once(mesh):
    found = probed(
        mesh,
        f"select customer, sum(quantity) as orders, sum(amount) as total from {SOURCE}"
        " where note is null group by customer",
    )

    assert {problem.what.partition(",")[0] for problem in found.problems} >= {
        f"the transform reads {ORDERS}.quantity",
        f"the transform reads {ORDERS}.note",
    }


def test_a_declared_column_that_nothing_reads_is_noted(mesh):
    found = probed(mesh, columns="columns: [customer, amount, note], ")

    assert found.problems == ()
    assert found.notes[0].what == f"it declares note of {ORDERS}, which the transform does not read"


def test_sql_that_cannot_be_bound_is_a_problem(mesh):
    (problem,) = probed(mesh, f"select custmer from {SOURCE}").problems

    assert 'its SQL cannot be bound: Binder Error: Referenced column "custmer"' in problem.what


@pytest.mark.parametrize(
    "sql",
    [
        "select {{ cents('amount') }} as total from " + SOURCE,
        "select {{ var('rate') }} as total from " + SOURCE,
        "select {{ dbt_utils.star(this) }} from " + SOURCE,
    ],
)
def test_what_only_dbt_can_expand_is_unknown_and_no_problem(mesh, sql):
    found = probed(mesh, sql)

    assert found.problems == ()
    assert found.unknown.startswith("only dbt can expand it: ")
    assert found.lineage == {}


def test_sql_reaches_no_file(mesh, tmp_path):
    file = tmp_path / "rates.csv"
    file.write_text("customer,rate\nada,1\n", encoding="utf-8")
    found = probed(
        mesh, f"select customer, rate from {SOURCE} join read_csv('{file}') using (customer)"
    )

    assert found.problems == ()
    assert "Permission Error" in found.unknown


def test_both_sql_products_of_the_reference_mesh_are_understood():
    organization = load_organization(load(ROOT))
    contracts = {name: product.contract for name, product in organization.products.items()}
    departures = "punctuality.departures_v1"
    weather = ["precipitation_inches", "temperature_f", "visibility_miles", "wind_gust_mph",
               "wind_speed_mph"]  # fmt: skip

    found = {
        name: probe(organization.product(name), contracts)
        for name in ("punctuality.daily_on_time_v1", "punctuality.delay_drivers_v1")
    }

    for name, item in found.items():
        assert item.problems == item.notes == (), name
        assert set(item.lineage) == set(item.columns) == set(contracts[name].column_names)
    drivers = found["punctuality.delay_drivers_v1"]
    assert drivers.lineage["weather_condition"] == {(departures, name) for name in weather}
    assert drivers.made_from((departures, "wind_speed_mph")) == ("weather_condition",)
    daily = found["punctuality.daily_on_time_v1"]
    assert daily.lineage["carrier_name"] == {(departures, "carrier_name")}
    assert daily.lineage["scheduled_departures"] == frozenset()
