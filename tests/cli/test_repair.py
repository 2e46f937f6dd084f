"""`mesh repair` says what is damaged, and mends it when it is told to."""

import json

import pytest


@pytest.fixture
def damaged(mesh):
    """The sales, whose only data file was cut off."""
    (file,) = (mesh.root / ".mesh/lake/dev/shop/sales/v1").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-40])
    return file


def test_a_whole_product_is_said_to_be_whole(mesh):
    assert "shop.sales_v1 is whole" in mesh("repair", "shop.sales").stdout


def test_who_reads_a_damaged_product_is_told_the_file_and_the_command(mesh, damaged):
    for form in ("table", "csv"):
        done = mesh("read", "shop.sales", "--format", form)
        assert done.exit_code == 1
        assert damaged.name in done.stderr
        assert "mesh repair shop.sales_v1" in done.stderr


def test_a_run_that_reads_a_damaged_product_is_told_so_too(mesh, damaged):
    done = mesh("run", "reports.days", "--run-id", "next")

    assert done.exit_code == 1
    assert damaged.name in done.output
    assert "mesh repair shop.sales_v1" in done.output


def test_findings_are_said_first_and_mended_when_that_is_asked_for(mesh, damaged):
    first = mesh("repair", "shop.sales")
    assert first.exit_code == 1
    assert damaged.name in first.stdout
    assert "`mesh repair shop.sales_v1 --apply` mends" in first.stdout

    mended = mesh("repair", "shop.sales", "--apply", "--json")
    told = json.loads(mended.stdout)
    assert (mended.exit_code, list(told["versions"].values())) == (0, [1])
    assert damaged.exists()
    assert mesh("repair", "shop.sales").exit_code == 0
    assert mesh("run", "shop.sales", "--run-id", "anew").exit_code == 0
    assert "49 rows" in mesh("read", "shop.sales", "--limit", "100").stdout


def test_what_cannot_be_mended_ends_with_an_exit_code(mesh):
    mesh("run", "shop.sales", "--run-id", "second")
    (mesh.root / ".mesh/lake/dev/shop/sales/v1/_delta_log" / f"{0:020}.json").unlink()

    done = mesh("repair", "shop.sales", "--apply")
    assert done.exit_code == 1
    assert "nothing can be done here (bring the file back from a backup" in done.stdout
