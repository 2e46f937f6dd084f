"""`pytest --mesh`: every product is tested with no code, and what fails says why."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import FILES, REFUSED, Mesh
from tests.house.test_imports import HEAVY

DAYS = FILES["domains/reports/products/days.py"]
NO_TESTS = 5


def test_every_product_is_tested_by_name(empty_mesh, run_pytest):
    code, said = run_pytest("--mesh")
    assert code == 0, said
    for name in (
        "reports.days_v1::accepts_sampled_inputs",
        "reports.days_v1::rule[amount_usd ≥ 0]",
        "shop.sales_v1::rule[amount_usd in [0, 1000]]",
        "shop.sales_v1::rule[(sale_id) is unique]",
    ):
        assert f"PASSED {name}" in said
    assert "shop.sales_v1::accepts_sampled_inputs" not in said  # it has no inputs


def test_tests_are_chosen_by_name_and_shared_between_processes(empty_mesh, run_pytest):
    code, said = run_pytest("--mesh", "-n", "2", "--dist", "loadfile", "-k", "reports.days_v1")
    assert code == 0, said
    assert "PASSED reports.days_v1::accepts_sampled_inputs" in said
    assert "shop.sales_v1" not in said


def test_nothing_happens_unless_it_is_asked_for(empty_mesh, run_pytest):
    assert run_pytest()[0] == NO_TESTS


def test_a_setting_has_it_tested_whenever_no_files_are_named(empty_mesh, run_pytest):
    empty_mesh.write("pytest.ini", "[pytest]\nmesh = true\n")
    empty_mesh.write("tests/test_one.py", "def test_one():\n    assert True\n")
    code, said = run_pytest("-k", "one or day")
    assert code == 0, said
    assert "PASSED reports.days_v1::rule[day is not null]" in said
    code, said = run_pytest("tests/test_one.py")
    assert code == 0, said
    assert "1 passed" in said
    assert "reports.days_v1" not in said


def test_outside_of_a_mesh_it_says_that_there_is_none(tmp_path_factory, run_pytest):
    code, said = run_pytest("--mesh", cwd=tmp_path_factory.mktemp("elsewhere"))
    assert code != 0
    assert "there is no mesh here" in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('pl.col("amount_usd").sum()', 'pl.col("amount_usd").sum().cast(pl.String)', "promised float64, found string"),
        ('pl.col("amount_usd").sum()', 'pl.col("amount").sum()', 'unable to find column "amount"'),
    ],
    ids=["wrong type", "crash"],
)  # fmt: skip
def test_wrong_columns_and_crashes_fail(empty_mesh: Mesh, run_pytest, old, new, words):
    assert old in DAYS
    empty_mesh.write("domains/reports/products/days.py", DAYS.replace(old, new))
    code, said = run_pytest("--mesh", "-k", "accepts_sampled_inputs")
    assert code == 1, said
    assert words in said


def test_broken_rules_are_told_and_fail_only_where_the_mesh_says_so(empty_mesh, run_pytest):
    empty_mesh.write("domains/reports/products/days.py", REFUSED)
    code, said = run_pytest("--mesh", "-k", "accepts_sampled_inputs")
    assert code == 0, said
    assert "data products on samples" in said
    assert "rows break `amount_usd ≥ 0`" in said
    empty_mesh.write("pytest.ini", "[pytest]\nmesh_strict =\n    reports.*\n")
    code, said = run_pytest("--mesh", "-k", "accepts_sampled_inputs")
    assert code == 1, said
    assert "rows break `amount_usd ≥ 0`" in said


def test_a_domain_that_does_not_load_is_a_failure(empty_mesh, run_pytest):
    empty_mesh.write("domains/shop/products/sales.py", "import nothing_of_that_name\n")
    code, said = run_pytest("--mesh", "-k", "can_be_loaded")
    assert code == 1, said
    assert "FAILED shop::can_be_loaded" in said
    assert "nothing_of_that_name" in said


def test_a_conftest_gives_values_that_cannot_be_guessed(empty_mesh, run_pytest):
    odd = DAYS.replace(
        "    amount_usd: float",
        '    code: str = mesh.Field(isin=["x"])\n'
        "            amount_usd: float",
    ).replace(
        '.agg(pl.col("amount_usd").sum())',
        '.agg(pl.col("amount_usd").sum(), code=pl.lit("x"))',
    ).replace(
        "        @mesh.data_product",
        "            @mesh.check('code')\n"
        "            @classmethod\n"
        "            def is_a_secret(cls, data):\n"
        "                return data.lazyframe.select(pl.col(data.key).str.len_chars() == 77)\n\n\n"
        "        @mesh.data_product",
    ).replace('isin=["x"]', 'str_matches="^x"')  # fmt: skip
    empty_mesh.write("domains/reports/products/days.py", odd)
    code, said = run_pytest("--mesh", "-k", "secret")
    assert code == 1, said
    assert "is a secret" in said
    assert "pytest_mesh_columns in conftest.py" in said
    empty_mesh.write(
        "conftest.py",
        """
        def pytest_mesh_columns(product):
            return {"code": ["x" * 77]} if product == "reports.days_v1" else None
        """,
    )
    code, said = run_pytest("--mesh", "-k", "secret")
    assert code == 0, said


def test_loading_the_plugin_loads_nothing_heavy():
    script = "import mesh.testing.plugin, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {name.partition(".")[0] for name in json.loads(done.stdout)} & set(HEAVY)
