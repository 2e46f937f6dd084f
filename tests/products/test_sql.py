"""SQL products as they are declared: found, named, wired and refused without dbt."""

import subprocess
import sys

import pytest

from mesh.errors import DefinitionError, DomainImportError
from mesh.naming import ProductId
from mesh.products.declaration import SqlModel
from mesh.products.ports import Access, Freshness, Input, Quarantine, Refuse
from mesh.products.sql import collect_sql_products
from mesh.settings import load
from tests.engines.sql_mesh import SqlMesh
from tests.house.repository import ROOT


@pytest.fixture
def mesh(tmp_path) -> SqlMesh:
    return SqlMesh(tmp_path)


def problems_of(mesh: SqlMesh) -> list[str]:
    """What is wrong, each as `file:line: path: what`, without folders."""
    with pytest.raises(DefinitionError) as caught:
        mesh.products()
    folder = f"{mesh.root}/dbt_project/models/sales/"
    return [f"{p.where}: {p.what}".replace(folder, "") for p in caught.value.problems]


def hint_of(mesh: SqlMesh) -> str:
    with pytest.raises(DefinitionError) as caught:
        mesh.products()
    (problem,) = caught.value.problems
    return problem.hint


def test_expectations_of_an_input_are_said_in_yaml(mesh):
    expects = "columns: [customer, amount], expects: {amount: {max_null_share: 0.1, min: 0}}, "
    mesh.change("totals.yml", "columns: [customer, amount], ", expects)

    (port,) = mesh.product().inputs.values()
    assert port.expects == {"amount": {"max_null_share": 0.1, "min": 0}}


def test_an_expectation_of_an_input_may_be_wrong_in_yaml(mesh):
    expects = "columns: [customer, amount], expects: {amont: {max_null_share: 7}}, "
    mesh.change("totals.yml", "columns: [customer, amount], ", expects)

    with pytest.raises(DefinitionError) as caught:
        mesh.products()

    assert [problem.what for problem in caught.value.problems] == [
        "'amont' is not a column of the input",
        "max_null_share is 7",
    ]
    assert caught.value.problems[0].where.startswith(str(mesh.root / "dbt_project/models/sales/"))


def test_a_model_with_terms_is_a_product(mesh):
    (product,) = mesh.products()
    assert product.id == ProductId("sales", "totals", 1)
    assert product.description == "Orders of each customer."
    assert product.inputs == {
        "shop.orders_v1": Input("shop.orders_v1", ("customer", "amount"), "reports")
    }
    assert product.on_violation == Quarantine(0.5)
    assert product.freshness == Freshness("1d")
    assert product.access is Access.PUBLIC
    assert product.tags == {"team": "sales"}
    assert product.source == "dbt_project/models/sales/totals.sql"
    assert product.engine == "dbt"
    assert product.contract.name == "Totals"
    assert product.contract.key == ("customer",)


def test_data_tests_have_stable_names(mesh):
    mesh.change("totals.yml", "- unique\n", "- unique\n          - unique\n")
    mesh.change("totals.yml", "values: [ada, bob]}}", "values: [ada]}, name: known_customers}")
    mesh.write("dbt_project/tests/sales/adds_up.sql", "select 1 from {{ ref('totals') }} where 1=0")
    mesh.write("dbt_project/tests/sales/elsewhere.sql", "select 1 from {{ ref('other') }}")
    transform = mesh.product().transform
    assert isinstance(transform, SqlModel)
    assert transform.data_tests == (
        "unique_customer",
        "unique_customer_2",
        "not_null_customer",
        "known_customers",
        "not_null_total",
        "adds_up",
    )


def test_a_mesh_without_sql_has_no_sql_products(tmp_path):
    assert collect_sql_products("sales", load(tmp_path)) == []
    mesh = SqlMesh(tmp_path)
    assert collect_sql_products("weather", mesh.settings) == []


def test_a_broken_dbt_project_is_no_concern_of_a_domain_without_sql(mesh):
    mesh.write("dbt_project/dbt_project.yml", "models: [")
    assert collect_sql_products("weather", mesh.settings) == []
    assert "it cannot be read" in problems_of(mesh)[0]


def test_what_is_wrong_in_another_domain_is_no_concern_here(mesh):
    mesh.write("dbt_project/models/weather/totals.sql", "select {{ nothing")
    mesh.write("dbt_project/models/weather/totals.yml", "models: [")
    assert [str(product.id) for product in mesh.products()] == ["sales.totals_v1"]


def test_inputs_are_found_through_private_models(mesh):
    mesh.model("totals.sql", "select * from {{ ref('summed') }}")
    mesh.model("deep/summed.sql", "select * from {{ ref('cleaned') }}")
    mesh.model(
        "cleaned.sql",
        """
        {% set names = ['a', 'b'] %}
        {% do names.append('c') %}
        select * from {{ source('shop', 'orders_v1') }} -- {# source('no', 'comment_v1') #}
        {% raw %} {{ source('no', 'text_v1') }} {% endraw %}
        """,
    )
    assert set(mesh.product().inputs) == {"shop.orders_v1"}


def test_a_test_may_read_another_product_and_then_that_is_an_input(mesh):
    arguments = """{to: "source('crm', 'customers_v1')", field: name}"""
    relation = f"relationships: {{arguments: {arguments}}}"
    mesh.change("totals.yml", "- unique\n", f"- unique\n          - {relation}\n")
    mesh.change(
        "sources.yml", "sources:", "sources:\n  - {name: crm, tables: [{name: customers_v1}]}"
    )
    product = mesh.product()
    assert set(product.inputs) == {"shop.orders_v1", "crm.customers_v1"}


def test_the_code_version_follows_whatever_makes_the_data(mesh):
    versions = [mesh.product().code_version]
    mesh.model("totals.sql", "select * from {{ ref('summed') }}")
    mesh.model("summed.sql", "select * from {{ source('shop', 'orders_v1') }}")
    versions.append(mesh.product().code_version)
    mesh.model("summed.sql", "select 1 from {{ source('shop', 'orders_v1') }}")
    versions.append(mesh.product().code_version)
    mesh.change("totals.yml", "Orders of", "All orders of")
    versions.append(mesh.product().code_version)
    mesh.write("dbt_project/macros/cents.sql", "{% macro cents() %}100{% endmacro %}")
    versions.append(mesh.product().code_version)
    assert len(set(versions)) == len(versions)
    mesh.model("unrelated.sql", "select 1")
    assert mesh.product().code_version == versions[-1]


def test_a_second_major_is_a_second_file(mesh):
    mesh.model("totals_v2.sql", mesh.product().transform.path.read_text())
    text = (mesh.root / "dbt_project/models/sales/totals.yml").read_text()
    mesh.model(
        "totals_v2.yml", text.replace("name: totals", "name: totals_v2").replace('"1.0', '"2.0')
    )
    assert [str(product.id) for product in mesh.products()] == [
        "sales.totals_v1",
        "sales.totals_v2",
    ]


@pytest.mark.parametrize("name", ["totals_v1", "totals_v2"])
def test_the_file_is_named_for_the_product(mesh, name):
    mesh.model(f"{name}.sql", mesh.product().transform.path.read_text())
    mesh.change("totals.yml", "name: totals", f"name: {name}")
    assert hint_of(mesh).startswith("name the file totals.sql")


@pytest.mark.parametrize("name", ["Totals", "to-tals", "drop table x", "class", "../x", "_t"])
def test_a_hostile_name_is_refused(mesh, name):
    (mesh.root / "dbt_project/models/sales/totals.sql").rename(
        mesh.model("placeholder", "").with_name(f"{name.rpartition('/')[2]}.sql")
    )
    mesh.change("totals.yml", "name: totals", f'name: "{name}"')
    assert problems_of(mesh)


def test_every_problem_is_reported_at_once(mesh):
    mesh.change("totals.yml", "freshness: 1d", "freshness: soon\n          freshnes: 1d")
    mesh.model("weekly.sql", "select * from {{ source('shop', 'items_v1') }}, {{ ref('total') }}")
    mesh.model(
        "weekly.yml",
        """
        models:
          - name: weekly
            config:
              meta:
                mesh:
                  version: one
                  inputs: [{product: shop.item_v1}]
            columns:
              - {name: week, data_type: int, constraints: [{type: check, expression: w > 0}]}
          - name: monthly
            config: {meta: {mesh: {version: "1.0.0"}}}
          - name: yearly
            meta: {mesh: {version: "1.0.0"}}
        """,
    )
    assert set(problems_of(mesh)) == {
        "weekly.yml:11: there is no model 'monthly'",
        "weekly.yml:13: there is no model 'yearly'",
        "weekly.sql: there is no model 'total' in sales",
        "weekly.yml:14: meta: meta.mesh is not read",
        (
            "totals.yml:11: config.meta.mesh.freshness: Value error, 'soon' is not a duration "
            "such as 30m, 12h, 1d or 2w, found 'soon'"
        ),
        "totals.yml:12: config.meta.mesh.freshnes: unknown key 'freshnes'",
        "weekly.sql: source shop.items_v1 is in none of the domain's YAML files",
        "weekly.yml:8: config.meta.mesh.inputs.0: the SQL does not read 'shop.item_v1'",
        "weekly.yml:4: config.contract: dbt does not enforce the contract",
        "weekly.yml:7: config.meta.mesh.version: 'one' is not a version such as 1.0.0",
        "weekly.yml:10: columns.0.constraints.0: check `w > 0` names 'w', which is not a column",
    }


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select {{ source('shop') }}", "totals.sql:1: source does not name its table"),
        ("\nselect {{ source(var('x'), 'y') }}", "totals.sql:2: source does not name its table"),
        ("select {{ ref('a', v=2) }}", "totals.sql:1: ref does not name its table"),
        ("select {{ ref(*names) }}", "totals.sql:1: ref does not name its table"),
        ("select {% if %}", "totals.sql:1: its Jinja cannot be read"),
        ("select {{ source('../x', 'y_v1') }}", "cannot be a domain's name"),
        ("select {{ source('shop', 'orders') }}", "'shop.orders' is not a product's name"),
        ("select {{ ref('totals') }}", "'totals' reads itself"),
    ],
)
def test_what_cannot_be_an_input_is_a_problem(mesh, sql, problem):
    mesh.model("totals.sql", sql)
    assert any(problem in found for found in problems_of(mesh))


def test_a_product_is_never_read_past_its_contract(mesh):
    mesh.model("weekly.sql", "select * from {{ ref('totals') }}")
    text = (mesh.root / "dbt_project/models/sales/totals.yml").read_text()
    inputs = (
        "            - {product: shop.orders_v1, columns: [customer, amount], purpose: reports}\n"
    )
    text = text.replace("name: totals", "name: weekly").replace(f"          inputs:\n{inputs}", "")
    mesh.model("weekly.yml", text)
    assert hint_of(mesh) == "read it as an input: source('sales', 'totals_v1')"


@pytest.mark.parametrize(
    "text",
    [
        "models: 1",
        "models: [1]",
        "models: [{name: totals, columns: 1, config: {meta: {mesh: {}}}}]",
        "models: [{name: totals, columns: [1], config: {meta: {mesh: 1}}}]",
        "models: [{name: totals, config: {meta: {mesh: {on_violation: {quarantine: 2}}}}}]",
        "models: [{name: totals, versions: [{v: 1}], config: {meta: {mesh: {}}}}]",
        "models: [{name: totals, data_tests: [{a: 1, b: 2}], config: {meta: {mesh: {}}}}]",
        "models: &a [*a]",
        "[" * 50,
        "\x00",
        "models: [{name: totals}, {name: totals}]",
    ],
)
def test_yaml_that_makes_no_sense_is_a_problem_and_not_a_crash(mesh, text):
    mesh.model("totals.yml", text)
    assert problems_of(mesh)


def test_a_contract_may_be_a_pandera_model_beside_the_sql(mesh):
    mesh.model("contracts.py", PANDERA)
    mesh.model("totals.yml", PANDERA_YAML)
    product = mesh.product()
    assert str(product.contract.version) == "1.2.0"
    assert product.contract.key == ("customer",)
    assert product.description == "Orders of each customer."
    assert product.on_violation == Refuse()
    before = product.code_version
    mesh.model("contracts.py", PANDERA.replace("ge=0", "gt=0"))
    assert mesh.product().code_version != before
    assert "total > 0" in [rule.text for rule in mesh.product().contract.rules]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("contracts:Totals", "contracts", "'contracts' names no Pandera model"),
        ("contracts:Totals", "../contracts:Totals", "'../contracts:Totals' names no Pandera model"),
        ("contracts:Totals", "contract:Totals", "there is no file contract.py"),
        ("contracts:Totals", "contracts:Total", "has no mesh.Contract named 'Total'"),
        ("contracts:Totals", "contracts:mesh", "has no mesh.Contract named 'mesh'"),
        ("- name: total\n", "- name: totla\n", "the contract has no column 'totla'"),
        ("- name: total\n", "- name: total\n        data_type: int\n", "promised in YAML as well"),
    ],
)
def test_a_pandera_model_that_does_not_fit_is_a_problem(mesh, old, new, problem):
    mesh.model("contracts.py", PANDERA)
    mesh.model("totals.yml", PANDERA_YAML)
    mesh.change("totals.yml", old, new)
    assert any(problem in found for found in problems_of(mesh))


def test_a_pandera_model_that_cannot_be_imported_says_why(mesh):
    mesh.model("contracts.py", "1 / 0")
    mesh.model("totals.yml", PANDERA_YAML)
    assert any("ZeroDivisionError" in found for found in problems_of(mesh))
    assert issubclass(DomainImportError, DefinitionError)


def test_declaring_sql_products_imports_no_dbt():
    script = (
        "import sys\nfrom mesh.settings import load\n"
        "from mesh.products.sql import collect_sql_products\n"
        f"assert collect_sql_products('punctuality', load({str(ROOT)!r}))\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('dbt', 'dagster')]"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_reference_mesh_has_two_sql_products_below_departures():
    products = collect_sql_products("punctuality", load(ROOT))
    assert [str(product.id) for product in products] == [
        "punctuality.daily_on_time_v1",
        "punctuality.delay_drivers_v1",
    ]
    for product in products:
        assert set(product.inputs) == {"punctuality.departures_v1"}
        assert product.contract.key
        assert all(column.description for column in product.contract.columns)


PANDERA = '''
import mesh


class Totals(mesh.Contract):
    """Orders of each customer."""

    customer: str = mesh.Field(key=True)
    orders: int
    total: float = mesh.Field(ge=0, nullable=True)

    class Config:
        """The second minor version."""

        version = "1.2.0"
'''
PANDERA_YAML = """
models:
  - name: totals
    config: {meta: {mesh: {contract: "contracts:Totals"}}}
    columns:
      - name: total
        data_tests: [not_null]
"""
