"""Declarations of domains that did not change are kept, and never stale."""

import json

import pytest

from mesh.products import kept
from mesh.settings import load

COUNTING = """
from pathlib import Path

with (Path(__file__).parents[3] / "imports.txt").open("a") as file:
    file.write(__name__ + "\\n")
"""


@pytest.fixture
def counted(mesh):
    """A mesh that was looked at once, and whose modules write down that they are imported."""
    for path in ("shop/products/sales.py", "reports/products/days.py"):
        file = mesh.root / "domains" / path
        file.write_text(file.read_text() + COUNTING)
    looked(mesh)
    return mesh


def looked(mesh):
    """The plan as JSON, and which modules were imported for it."""
    told = mesh.process("plan", "--json")
    assert told.returncode in {0, 1, 2}, told.stderr
    notes = mesh.root / "imports.txt"
    imported = notes.read_text().split() if notes.exists() else []
    notes.unlink(missing_ok=True)
    return json.loads(told.stdout), sorted({name.split(".")[1] for name in imported})


def changed(mesh, path, old, new):
    file = mesh.root / path
    text = file.read_text() if file.exists() else ""
    assert old in text
    file.write_text(text.replace(old, new, 1) if old else text + new)


def test_a_mesh_that_did_not_change_is_not_imported_and_plans_the_same(counted):
    again, imported = looked(counted)

    assert imported == []
    for file in (counted.root / ".mesh/declared").iterdir():
        file.unlink()
    anew, imported = looked(counted)
    assert imported == ["reports", "shop"]
    assert again == anew


@pytest.mark.parametrize(
    ("path", "old", "new", "loaded"),
    [
        ("domains/shop/products/sales.py", "What was paid", "What was taken", ["shop"]),
        ("domains/shop/domain.yaml", "Tills", "Checkouts", ["shop"]),
        ("domains/shop/products/prices.csv", "", "a,b\n", ["shop"]),
        ("domains/terms.py", "", "USAGE = 'any'\n", ["reports", "shop"]),
        ("dbt_project/macros/money.sql", "", "-- a macro\n", ["reports", "shop"]),
        ("pyproject.toml", "[tool.mesh]", '[tool.mesh]\nenvironment = "dev"', ["reports", "shop"]),
    ],
)
def test_what_a_domain_is_made_of_is_looked_at_anew_when_it_changes(
    counted, path, old, new, loaded
):
    (counted.root / path).parent.mkdir(parents=True, exist_ok=True)
    changed(counted, path, old, new)

    assert looked(counted)[1] == loaded


def test_a_change_that_hits_a_kept_domain_imports_what_is_hit_and_no_more(counted):
    changed(counted, "domains/shop/products/sales.py", "amount_usd: float", "amount: float")
    changed(counted, "domains/shop/products/sales.py", "amount_usd=", "amount=")
    told, _ = looked(counted)

    hits = [hit["consumer"] for product in told["products"] for hit in product["hits"]]
    assert hits == ["reports.days_v1"]
    assert told["may_be_deployed"] is False


def test_a_domain_that_is_made_of_more_than_its_own_files_is_loaded_each_time(counted):
    counted.write("prices/__init__.py", "CURRENCY = 'USD'\n")
    changed(counted, "domains/reports/products/days.py", "import mesh\n", f"{FOREIGN[0]}\n")

    assert looked(counted)[1] == ["reports"]
    assert looked(counted)[1] == ["reports"]


FOREIGN = [
    "import mesh\nfrom prices import CURRENCY",
    "import prices.today",
    "from domains.shop.products import sales as sold",
    "from domains import shop",
    "from ...shop import products",
    "import importlib",
]


@pytest.mark.parametrize("line", FOREIGN)
def test_what_a_domain_imports_from_elsewhere_in_the_mesh_is_seen(empty_mesh, line):
    empty_mesh.write("prices/__init__.py", "")
    folder, settings = empty_mesh.root / "domains/reports", load(empty_mesh.root)
    assert kept._stands_alone(folder, kept._files(folder), settings)
    changed(empty_mesh, "domains/reports/products/days.py", "import mesh\n", f"{line}\n")

    assert not kept._stands_alone(folder, kept._files(folder), settings)


def test_a_domain_that_does_not_load_is_not_kept(counted):
    changed(
        counted, "domains/shop/products/sales.py", "import mesh\n", "import mesh\nimport nope\n"
    )

    for _ in range(2):
        told, _ = looked(counted)
        assert any("No module named 'nope'" in p["what"] for p in told["problems"])


@pytest.mark.parametrize("content", ["", '{"key": ', "[]", '{"key": 1}', "null"])
def test_what_is_kept_and_torn_is_loaded_again(counted, content):
    for file in (counted.root / ".mesh/declared").iterdir():
        file.write_text(content)
    told, imported = looked(counted)

    assert imported == ["reports", "shop"]
    assert told["may_be_deployed"] is True


def test_a_place_that_cannot_be_written_to_keeps_nothing_and_stops_nobody(counted):
    folder = counted.root / ".mesh/declared"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")

    assert looked(counted)[1] == ["reports", "shop"]
    assert looked(counted)[1] == ["reports", "shop"]


def test_which_classes_were_written_down_is_kept(empty_mesh):
    def said():
        products = kept.look(load(empty_mesh.root)).organization.products
        return {
            n: [c.name for c in p.contract.columns if c.is_class_said] for n, p in products.items()
        }

    assert said() == said() == {"reports.days_v1": [], "shop.sales_v1": ["note"]}
