"""`mesh new` writes what runs untouched, and never over what is there."""

import subprocess
import sys

import pytest
import yaml

from mesh.cli.insertion import add_to_list
from mesh.cli.scaffold import singular
from mesh.errors import MeshError
from tests.cli.conftest import REPOSITORY

MYPY_CACHE = str(REPOSITORY / ".mypy_cache" / "new")
"""Kept between runs: most of the time goes into reading the libraries."""


def tool(mesh, module, *arguments):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=mesh.root,
        env=mesh.environment(MYPYPATH=f"{mesh.root}:{REPOSITORY}"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_domain_and_product_run_untouched(empty_mesh):
    assert empty_mesh("new", "domain", "sales").exit_code == 0
    assert empty_mesh("new", "product", "sales.orders").exit_code == 0

    run = empty_mesh.process("run", "sales.orders_v1", "--no-report")
    check = empty_mesh.process("check")

    assert run.returncode == 0, run.stderr
    assert "240 rows" in run.stdout
    assert check.stdout == "3 domains and 3 products hold together\n", check.stderr


def test_what_is_written_is_formatted_typed_and_tested(empty_mesh):
    made = {"sales": "orders", "x": "y", "human_resources": "data", "d" * 30: "p" * 30}
    for domain, product in made.items():
        assert empty_mesh("new", "domain", domain).exit_code == 0
        assert empty_mesh("new", "product", f"{domain}.{product}").exit_code == 0
    files = [*(f"domains/{domain}" for domain in made), "tests"]
    config = str(REPOSITORY / "pyproject.toml")

    tested = tool(empty_mesh, "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml",
        "--import-mode=importlib", "-o", "pythonpath=.", "tests")  # fmt: skip
    assert "4 passed" in tested.stdout, tested.stdout
    linted = tool(empty_mesh, "ruff", "check", "--no-cache", "--config", config, *files)
    assert linted.returncode == 0, linted.stdout
    formatted = tool(empty_mesh, "ruff", "format", "--check", "--diff", "--config", config, *files)
    assert formatted.returncode == 0, formatted.stdout
    typed = tool(empty_mesh, "mypy", "--strict", "--explicit-package-bases",
        "--follow-imports=silent", "--cache-dir", MYPY_CACHE, *files)  # fmt: skip
    assert typed.returncode == 0, typed.stdout


def test_lists_keep_their_comments_and_order(empty_mesh):
    before = (empty_mesh.root / "domains/organization.yaml").read_text()

    empty_mesh("new", "domain", "sales")

    after = (empty_mesh.root / "domains/organization.yaml").read_text()
    assert after == f"{before}  - sales\n"
    workspace = (empty_mesh.root / "workspace.yaml").read_text()
    assert workspace.startswith("# One process for each code location.\n")
    assert yaml.safe_load(workspace)["load_from"][-1] == {
        "python_module": {
            "module_name": "domains.sales.definitions",
            "working_directory": ".",
            "location_name": "sales",
        }
    }


def test_nothing_is_written_over(empty_mesh):
    empty_mesh("new", "domain", "sales")
    empty_mesh("new", "product", "sales.orders")
    product = empty_mesh.root / "domains/sales/products/orders.py"
    product.write_text("# mine")

    again = empty_mesh("new", "product", "sales.orders")
    domain = empty_mesh("new", "domain", "shop")

    assert again.exit_code == 1
    assert "orders.py: it exists already, and is left as it is" in again.stderr
    assert product.read_text() == "# mine"
    assert domain.exit_code == 1
    assert "exists already" in domain.stderr


@pytest.mark.parametrize(
    "name",
    ["../x", "Sales", "sales'; drop table", "", "a b", "mesh", "class", "platform", "x" * 64, "é"],
)
def test_hostile_domain_names_are_refused_with_a_hint(empty_mesh, name):
    before = sorted(empty_mesh.root.rglob("*"))

    done = empty_mesh("new", "domain", "--", name)

    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert sorted(empty_mesh.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("orders", "names no domain"),
        ("shop.orders_v1", "leave the major out"),
        ("shop.../x", "cannot be a product's name"),
        ("shop.Orders", "such as 'orders'"),
        ("shop.pl", "means something else"),
        ("shop.list", "means something else"),
        ("shpo.orders", "did you mean shop?"),
        ("shop.sales", "exists already"),
    ],
)
def test_product_names_that_cannot_be_are_refused_with_a_hint(empty_mesh, name, words):
    done = empty_mesh("new", "product", name)

    assert done.exit_code == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_mesh_nothing_is_written(empty_mesh, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    done = empty_mesh.process("--root", str(elsewhere), "new", "domain", "sales")

    assert done.returncode == 1
    assert "there is no mesh here" in done.stderr
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("k:\n- a\n- b\n", "k:\n- a\n- b\n- new\n"),
        ("k:\n  - a  # one\n\n# end\nl: 1\n", "k:\n  - a  # one\n  - new\n\n# end\nl: 1\n"),
        ("k:\n  - a\n  # the last\n  - z\n", "k:\n  - a\n  - new\n  # the last\n  - z\n"),
        ("k: [a, b]  # flow\n", "k: [a, b, new]  # flow\n"),
        ("k: [a, z]\n", "k: [a, new, z]\n"),
        ("k: []\n", "k: [new]\n"),
        ("k:\n  - a", "k:\n  - a\n  - new\n"),
        ("k:\r\n  - a\r\n", "k:\r\n  - a\r\n  - new\r\n"),
        ("k:\n  - 'a'\nl: |\n  - b\n", "k:\n  - 'a'\n  - new\nl: |\n  - b\n"),
    ],
)
def test_an_entry_is_added_to_a_list_and_nothing_else_changes(text, edited):
    assert add_to_list(text, "k", "new", is_last=lambda entry: entry == "z") == edited


@pytest.mark.parametrize("text", ["k: a\n", "l: []\n", "- k\n", "k: [", "k: &x [a]\nl: *x\n"])
def test_a_list_that_cannot_be_edited_safely_is_left_alone(text):
    with pytest.raises(MeshError, match="add by hand"):
        add_to_list(text, "k", "new")


@pytest.mark.parametrize(
    ("plural", "one"),
    [("orders", "order"), ("line_items", "line_item"), ("categories", "category"),
     ("boxes", "box"), ("addresses", "address"), ("aircraft", "aircraft"), ("status", "status"),
     ("s", "s"), ("ies", "ie")],
)  # fmt: skip
def test_one_of_many(plural, one):
    assert singular(plural) == one
