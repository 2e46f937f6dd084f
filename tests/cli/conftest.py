"""A tiny organisation of two domains, in a folder of its own, and ways to call `mesh` in it."""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mesh.cli import app
from mesh.settings import load
from tests.catalog.copies import put
from tests.processes.python import RUN_MESH, python

REPOSITORY = Path(__file__).parents[2]

FILES = {
    "pyproject.toml": """
        [tool.mesh]
        storage = ".mesh/lake"
    """,
    "workspace.yaml": """
        # One process for each code location.
        load_from:
          - python_module:
              module_name: domains.shop.definitions
              working_directory: .
              location_name: shop
          - python_module:
              module_name: domains.reports.definitions
              working_directory: .
              location_name: reports
    """,
    "domains/organization.yaml": """
        name: Corner Shops  # the holding
        description: Shops at corners.
        domains:
          - shop
          # those who read
          - reports
    """,
    "domains/__init__.py": '"""The corner shops."""\n',
    "domains/shop/__init__.py": '"""Shop."""\n',
    "domains/shop/definitions.py": "import mesh\n\ndefs = mesh.definitions(__file__)\n",
    "domains/shop/products/__init__.py": '"""Products."""\n',
    "domains/shop/products/sales.py": '''
        """Every sale at the corner shops."""
        from datetime import UTC, datetime

        import polars as pl

        import mesh


        class Sales(mesh.Contract):
            """One row per sale."""

            sale_id: int = mesh.Field(key=True, description="Number of the receipt")
            sold_at: mesh.UTCDatetime = mesh.Field(description="When the till closed")
            amount_usd: float = mesh.Field(ge=0, le=1000, unit="USD", description="What was paid")
            note: str = mesh.Field(nullable=True, classification="confidential")


        @mesh.data_product(
            contract=Sales,
            on_violation=mesh.Quarantine(tolerance=0.2),
            freshness=mesh.Freshness(within="1d"),
        )
        def sales() -> pl.LazyFrame:
            """Every sale."""
            number = pl.col("sale_id")
            return pl.LazyFrame({"sale_id": range(1, 51)}).select(
                "sale_id",
                sold_at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)) + pl.duration(hours=number),
                amount_usd=pl.when(number == 7).then(-5.0).otherwise(number * 1.5),
                note=pl.when(number == 3).then(pl.lit("[red]ring \\x1b[31m bell\\x07")),
            )
    ''',
    "domains/reports/__init__.py": '"""Reports."""\n',
    "domains/reports/definitions.py": "import mesh\n\ndefs = mesh.definitions(__file__)\n",
    "domains/reports/products/__init__.py": '"""Products."""\n',
    "domains/reports/products/days.py": '''
        """Takings by day."""
        from datetime import date

        import polars as pl

        import mesh


        class Days(mesh.Contract):
            """One row per day."""

            day: date = mesh.Field(key=True)
            amount_usd: float = mesh.Field(ge=0, unit="USD")


        @mesh.data_product(
            contract=Days,
            inputs={
                "sales": mesh.Input("shop.sales_v1", columns=["sold_at", "amount_usd"], purpose="p")
            },
        )
        def days(sales: pl.LazyFrame) -> pl.LazyFrame:
            """Takings of each day."""
            return (
                sales.group_by(day=pl.col("sold_at").dt.date())
                .agg(pl.col("amount_usd").sum())
                .sort("day")
            )
    ''',
}

MANIFEST = """
name: {name}
purpose: To test the command line.
kind: {kind}
team:
  name: {team}
  product_owner: {{name: Ada, email: ada@example.com}}
  business_technology_partner: {{name: Bo, email: bo@example.com}}
  data_steward: {{name: Cy, email: cy@example.com}}
contact: {{email: {name}@example.com}}
"""

REFUSED = '''
    """Takings by day, wrongly."""
    from datetime import date

    import polars as pl

    import mesh


    class Days(mesh.Contract):
        """One row per day."""

        day: date = mesh.Field(key=True)
        amount_usd: float = mesh.Field(ge=0, unit="USD")


    @mesh.data_product(contract=Days, inputs={"sales": mesh.Input("shop.sales_v1")})
    def days(sales: pl.LazyFrame) -> pl.LazyFrame:
        """Takings, all below zero."""
        return sales.select(day=pl.col("sold_at").dt.date(), amount_usd=-pl.col("amount_usd"))
'''

FAILING = '''
    """A product whose function fails."""
    import mesh


    class Refunds(mesh.Contract):
        """One row per refund."""

        refund_id: int = mesh.Field(key=True)


    @mesh.data_product(contract=Refunds)
    def refunds():
        """Nothing."""
        raise RuntimeError("the till is on fire")
'''

READING_THE_FAILING = '''
    """A product that waits for one whose function fails."""
    import polars as pl

    import mesh


    class Losses(mesh.Contract):
        """One row per refund."""

        refund_id: int = mesh.Field(key=True)


    @mesh.data_product(contract=Losses, inputs={"refunds": mesh.Input("shop.refunds_v1")})
    def losses(refunds: pl.LazyFrame) -> pl.LazyFrame:
        """Refunds again."""
        return refunds
'''


@dataclass(frozen=True)
class Mesh:
    """A mesh in a folder, and the command in it."""

    root: Path

    def __call__(self, *arguments, **options):
        """Call `mesh` within this process."""
        return CliRunner().invoke(app, ["--root", str(self.root), *arguments], **options)

    def process(self, *arguments, **environment):
        """Call `mesh` as a process of its own, in which imports cost nothing."""
        env = self.environment(**environment)
        return python("-c", RUN_MESH, *arguments, cwd=self.root, env=env, timeout=120)

    def cold_process(self, *arguments, **environment):
        """Call `mesh` as a user does: by its script, and as a process that starts from nothing."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def python(self, script):
        """Run Python as a process of its own, in which imports cost nothing."""
        return python("-c", script, cwd=self.root, env=self.environment(), timeout=120)

    def command(self, *arguments):
        """The words with which a user calls `mesh`."""
        return [str(Path(sys.executable).with_name("mesh")), *arguments]

    def environment(self, **more):
        """The environment of that process."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("MESH_")}
        return own | {"PYTHONPATH": str(REPOSITORY)} | more

    def write(self, path, text):
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")


@pytest.fixture
def empty_mesh(tmp_path):
    """Two domains that have declared their products and published nothing."""
    made = Mesh(tmp_path)
    for path, text in FILES.items():
        made.write(path, text)
    made.write(
        "domains/shop/domain.yaml",
        MANIFEST.format(name="shop", kind="source-aligned", team="Tills"),
    )
    made.write(
        "domains/reports/domain.yaml",
        MANIFEST.format(name="reports", kind="consumer-aligned", team="Books"),
    )
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == "domains"]:
        del sys.modules[name]
    while str(tmp_path) in sys.path:
        sys.path.remove(str(tmp_path))


@pytest.fixture
def mesh(empty_mesh):
    """The same, after one run of everything."""
    put(load(empty_mesh.root).catalog_url)
    result = empty_mesh("run", "--all", "--run-id", "first", "--no-report")
    assert result.exit_code == 0, result.output
    return empty_mesh
