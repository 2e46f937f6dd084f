"""`mesh catalog sync` and `mesh maintain` mend what a crash left."""

import json
import os


def test_a_lost_catalog_comes_back_from_the_lake(mesh):
    files = list((mesh.root / ".mesh").rglob("catalog.db*"))
    assert files
    for file in files:
        file.unlink()

    told = json.loads(mesh("catalog", "sync", "--json").stdout)

    assert (told["domains"], told["products"], told["recorded"]) == (2, 2, 2)
    shown = json.loads(mesh("show", "shop.sales", "--json").stdout)
    assert shown["last_receipt"]["run_id"] == "first"
    again = mesh("catalog", "sync").stdout
    assert "recorded 0 receipts; 2 were there already" in again


def test_a_broken_domain_is_told_and_the_others_are_synced(mesh):
    mesh.write("domains/shop/products/broken.py", "import no_such_module\n")

    done = mesh.process("catalog", "sync")

    assert done.returncode == 1
    assert "registered 1 domain and 1 product" in done.stdout
    assert "no_such_module" in done.stderr


def test_an_unreadable_catalog_is_a_readable_block(mesh):
    (file,) = (mesh.root / ".mesh").rglob("catalog.db")
    file.write_bytes(b"this is no database" * 100)

    done = mesh.process("list")

    assert done.returncode == 1
    assert "catalog.db" in done.stderr
    assert "Traceback" not in done.stderr


def test_leftovers_of_a_crash_are_removed_and_published_files_are_not(mesh):
    table = mesh.root / ".mesh/lake/dev/shop/sales/v1"
    leftover = table / f"part-{'0' * 32}-00000000-w0-0.parquet"
    leftover.write_bytes(b"half a file")
    os.utime(leftover, (0, 0))

    dry = json.loads(mesh("maintain", "--dry-run", "--json").stdout)
    assert [path.rpartition("/")[2] for path in dry["paths"]] == [leftover.name]
    assert leftover.exists()
    assert "1 staged file removed" in mesh("maintain").stdout
    assert not leftover.exists()
    assert mesh("read", "shop.sales").exit_code == 0


def test_an_age_that_is_none_is_refused(mesh):
    done = mesh("maintain", "--older-than", "soon")

    assert done.exit_code == 1
    assert "'soon' is not a duration" in done.stderr
