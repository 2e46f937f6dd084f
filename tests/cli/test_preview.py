"""`mesh preview` shows what a run would publish, and leaves everything as it was."""

import json

from tests.cli.test_fallback import everything_in


def unchanged_by(mesh, *arguments):
    """What a command says, once it is seen to have changed nothing but Python's own caches."""

    def files():
        found = everything_in(mesh.root)
        return {name: told for name, told in found.items() if "__pycache__" not in name}

    before = files()
    told = mesh(*arguments)
    assert files() == before
    return told


def test_rows_profile_changes_and_verdict_are_shown_and_nothing_is_written(mesh):
    told = unchanged_by(mesh, "preview", "reports.days")

    assert told.exit_code == 0, told.stderr
    assert "reads shop.sales_v1 version 0" in told.stdout
    assert "rows by day: 0 added, 0 removed, 0 changed, 3 the same" in told.stdout
    assert "3 rows would be published" in told.stdout
    assert "nothing was published" in told.stdout


def test_before_anything_is_published_not_even_a_catalog_is_made(empty_mesh):
    told = unchanged_by(empty_mesh, "preview", "shop.sales", "--json")

    assert told.exit_code == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["compared"] is None
    assert (found["verdict"]["rows"], found["verdict"]["rejected"]) == (50, 1)
    assert len(found["head"]) == 10
    assert {row["note"] for row in found["head"]} == {None, "(hidden)"}
    assert not (empty_mesh.root / ".mesh").exists()


def test_a_slice_is_told(mesh):
    told = unchanged_by(mesh, "preview", "reports.days", "--sample", "10", "--limit", "1")
    assert "reads only 10 of 49 rows of shop.sales_v1, every 5th" in told.stdout
    told = unchanged_by(mesh, "preview", "reports.days", "--where", "amount_usd > 60", "--json")
    assert json.loads(told.stdout)["slice"]["rows"] == 10
    assert mesh("preview", "reports.days", "--of", "sales").exit_code == 2


def test_a_result_that_would_be_refused_ends_with_2(mesh):
    file = mesh.root / "domains/reports/products/days.py"
    file.write_text(file.read_text().replace('pl.col("amount_usd").sum()', '-pl.sum("amount_usd")'))

    told = mesh.process("preview", "reports.days")

    assert told.returncode == 2, told.stderr
    assert "3 of 3 rows break `amount_usd" in told.stdout
    assert "amount_usd differs in 3 rows" in told.stdout
