"""`mesh catalog sync` and `mesh maintain` mend what a crash left."""

import json
import os
import time


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

    planned = mesh("maintain")
    assert "remove leftovers" in planned.stdout
    assert "nothing was changed: `--apply` does it" in planned.stdout
    assert leftover.exists()
    (work,) = json.loads(mesh("maintain", "shop.sales", "--json").stdout)["products"][0]["work"]
    assert [path.rpartition("/")[2] for path in work["paths"]] == [leftover.name]

    assert "remove leftovers" in mesh("maintain", "shop.sales", "--apply").stdout
    assert not leftover.exists()
    assert "nothing is to be done" in mesh("maintain").stdout
    assert mesh("read", "shop.sales").exit_code == 0


def test_old_versions_go_when_nothing_holds_them_and_reasons_are_told(mesh, monkeypatch):
    for run in ("second", "third"):
        assert mesh("run", "shop.sales", "--run-id", run, "--no-report").exit_code == 0
    monkeypatch.setenv("MESH_UPKEEP__KEEP_VERSIONS", "1")
    monkeypatch.setenv("MESH_UPKEEP__KEEP_VERSIONS_FOR", "1s")
    monkeypatch.setenv("MESH_UPKEEP__LEFTOVERS_AFTER", "1s")
    time.sleep(1.1)

    told = json.loads(mesh("maintain", "shop.sales", "--apply", "--json").stdout)

    (report,) = told["products"]
    assert told["is_applied"]
    removed = [work for work in report["work"] if work["action"] == "remove versions"]
    assert removed[0]["versions"] == [[1, 1]]
    reasons = {item["reason"]: item["versions"] for item in report["kept"]}
    assert reasons["reports.days_v1 was made from it"] == [[0, 0]]
    refused = mesh("read", "shop.sales", "--version", "1")
    assert refused.exit_code == 1
    assert "version 1 was removed by retention on" in refused.stderr
    assert mesh("read", "shop.sales", "--version", "0").exit_code == 0


def test_products_of_a_domain_that_does_not_load_are_left_alone(mesh):
    mesh.write("domains/shop/products/broken.py", "import no_such_module\n")
    done = mesh.process("maintain", "--apply")
    assert done.returncode == 0
    assert "shop.sales_v1 is left alone: domain shop does not load" in done.stderr


def test_a_damaged_table_is_told_and_the_others_are_looked_after(mesh):
    log = mesh.root / ".mesh/lake/dev/shop/sales/v1/_delta_log" / f"{0:020}.json"
    leftover = mesh.root / f".mesh/lake/dev/reports/days/v1/part-{'0' * 32}-00000000-0-0.parquet"
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    log.write_text("{ torn", encoding="utf-8")
    done = mesh("maintain", "--apply")
    assert done.exit_code == 1
    assert "shop.sales_v1 is left alone" in done.stderr
    assert not leftover.exists()


def test_rows_are_erased_when_it_is_said_twice_and_the_copies_are_named(mesh):
    where = ("--where", "sale_id = 3", "--why", "request 17", "--by", "the steward")
    planned = mesh("erase", "shop.sales", *where)
    assert "shop.sales_v1: 1 row of the current version" in planned.stdout
    assert "made from it: reports.days_v1, without these columns" in planned.stdout
    assert "nothing was changed" in planned.stdout

    done = mesh("erase", "shop.sales", *where, "--apply")

    assert "shop.sales_v1: 1 row erased" in done.stdout
    assert "searched anew, 0 found" in done.stdout
    assert (
        mesh("read", "shop.sales", "--where", "sale_id = 3", "--format", "csv").stdout.count("\n")
        == 1
    )
    again = json.loads(mesh("erase", "shop.sales", *where, "--apply", "--json").stdout)
    assert sum(part["rows"] for part in again["parts"]) == 0
    assert [proof["found"] for proof in again["proof"]] == [0, 0]


def test_an_unknown_product_is_answered_with_near_names(mesh):
    for command in (["maintain"], ["erase", "--where", "a = 1", "--why", "x"]):
        refused = mesh(*command[:1], "shop.sale", *command[1:])
        assert refused.exit_code == 1
        assert "did you mean shop.sales_v1" in refused.stderr


def test_what_upkeep_is_told_is_shown(mesh):
    file = mesh.root / "domains/shop/products/sales.py"
    text = file.read_text(encoding="utf-8")
    own = 'retention=mesh.Retention("3y", column="sold_at"),\n    cluster_by=["sold_at"],\n'
    file.write_text(text.replace("freshness=", f"{own}    freshness="), encoding="utf-8")
    shown = mesh.process("show", "shop.sales")
    assert "retention: 3y, by sold_at" in shown.stdout
    assert "ordered by sold_at" in shown.stdout


def test_an_age_that_is_none_is_refused(mesh):
    done = mesh("maintain", "--older-than", "soon")

    assert done.exit_code == 1
    assert "'soon' is not a duration" in done.stderr
