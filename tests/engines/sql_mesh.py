"""A small mesh with one SQL product, to be bent by the tests that use it."""

from pathlib import Path
from textwrap import dedent

from mesh.products.declaration import DataProduct
from mesh.products.sql import collect_sql_products
from mesh.settings import Settings, load

PROJECT = """
name: small
version: "1.0.0"
profile: mesh
model-paths: [models]
models: {small: {+materialized: table}}
"""
SOURCES = """
sources:
  - name: shop
    tables: [{name: orders_v1}]
"""
TOTALS_SQL = """
select customer, count(*) as orders, sum(amount) as total
from {{ source('shop', 'orders_v1') }}
group by customer
order by customer
"""
TOTALS_YAML = """
models:
  - name: totals
    description: Orders of each customer.
    config:
      contract: {enforced: true}
      meta:
        mesh:
          version: "1.0.0"
          on_violation: {quarantine: 0.5}
          freshness: 1d
          access: public
          tags: {team: sales}
          inputs:
            - {product: shop.orders_v1, columns: [customer, amount], purpose: reports}
    constraints: [{type: primary_key, columns: [customer]}]
    columns:
      - name: customer
        data_type: varchar
        data_tests:
          - unique
          - not_null
          - accepted_values: {arguments: {values: [ada, bob]}}
      - {name: orders, data_type: bigint, constraints: [{type: check, expression: orders > 0}]}
      - name: total
        data_type: double
        constraints: [{type: check, expression: total >= 0}]
        data_tests: [{not_null: {config: {severity: warn}}}]
"""


class SqlMesh:
    """The folder of a mesh whose `sales` domain has SQL products."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("pyproject.toml", "[tool.mesh]\n")
        self.write("dbt_project/dbt_project.yml", PROJECT)
        self.write("dbt_project/models/sales/sources.yml", SOURCES)
        self.write("dbt_project/models/sales/totals.sql", TOTALS_SQL)
        self.write("dbt_project/models/sales/totals.yml", TOTALS_YAML)

    @property
    def settings(self) -> Settings:
        return load(self.root)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the mesh; the text may be indented."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
        return file

    def model(self, path: str, text: str) -> Path:
        """Write a file of the `sales` domain in the dbt project."""
        return self.write(f"dbt_project/models/sales/{path}", text)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in a file of the `sales` domain."""
        file = self.root / "dbt_project/models/sales" / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def products(self) -> list[DataProduct]:
        return collect_sql_products("sales", self.settings)

    def product(self, name: str = "totals") -> DataProduct:
        return next(product for product in self.products() if product.id.name == name)
