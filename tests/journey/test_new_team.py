"""A new team: from nothing to a published product with three commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.journey.conftest import Newcomer, copied_mesh


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    """A team that has typed the two commands which write its first files."""
    someone = Newcomer(copied_mesh(tmp_path_factory.mktemp("team")))
    someone.types("new", "domain", "sales")
    someone.types("new", "product", "sales.orders")
    return someone


def test_a_new_domain_publishes_its_first_product_untouched(team: Newcomer) -> None:
    assert "published" in team.types("run", "sales.orders_v1", "--no-report")
    assert "hold together" in team.types("check")


def test_the_test_that_comes_with_a_new_product_passes(team: Newcomer) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/domains"],
        cwd=team.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_team_whose_module_breaks_stops_nobody_else(team: Newcomer) -> None:
    module = team.folder / "domains" / "sales" / "products" / "orders.py"
    working = module.read_text()
    module.write_text("import nowhere\n")
    try:
        assert "nowhere" in team.types("check", code=1)
        assert "published" in team.types("run", "network.carriers_v1", "--no-report")
    finally:
        module.write_text(working)
