"""`mesh run` publishes in order, and says what became of every product."""

import json
import os
import signal
import subprocess
import sys
import time

from tests.cli import conftest


def outcomes(result):
    return {item["product"]: item["outcome"] for item in json.loads(result.stdout)["products"]}


def test_everything_is_published_in_the_order_of_inputs(empty_mesh):
    result = empty_mesh("run", "--all", "--no-report")

    assert result.exit_code == 0, result.output
    lines = result.stdout
    assert lines.index("started    shop.sales_v1") < lines.index("started    reports.days_v1")
    (row,) = [line for line in lines.splitlines() if line.startswith(" shop.sales_v1")]
    assert row.split() == ["shop.sales_v1", "published", "49", "1", "0", "Tills", row.split()[-1]]
    assert "2 of 2 products published" in lines
    assert "\x1b" not in lines


def test_the_summary_as_json_stands_alone_on_standard_output(empty_mesh):
    result = empty_mesh("run", "shop.sales", "--json", "--no-report", "--run-id", "r")

    told = json.loads(result.stdout)
    (sales,) = told["products"]
    assert told["run_id"] == "r"
    assert told["is_successful"] is True
    assert (sales["rows"], sales["rejected"], sales["version"]) == (49, 1, 0)
    assert sales["owner"] == {"team": "Tills", "product_owner": "Ada", "email": "ada@example.com"}
    assert sales["receipts"][0]["run_id"] == "r"
    assert "published" in result.stderr


def test_the_same_run_id_again_publishes_nothing_twice(mesh):
    again = mesh("run", "--all", "--run-id", "first", "--no-report", "--json")

    assert again.exit_code == 0
    assert outcomes(again) == {"shop.sales_v1": "unchanged", "reports.days_v1": "unchanged"}
    assert {item["version"] for item in json.loads(again.stdout)["products"]} == {0}


def test_a_new_run_publishes_again(mesh):
    result = mesh("run", "--domain", "shop", "--no-report", "--json")

    (sales,) = json.loads(result.stdout)["products"]
    assert (sales["outcome"], sales["version"]) == ("published", 1)


def test_a_refusal_is_a_readable_block_and_exit_code_1(mesh):
    mesh.write("domains/reports/products/days.py", conftest.REFUSED)

    done = mesh.process("run", "--all", "--no-report")

    assert done.returncode == 1
    assert "refused    reports.days_v1" in done.stdout
    assert "49 of 49 rows break `amount_usd ≥ 0`" in done.stderr
    assert "Traceback" not in done.stderr
    assert mesh("read", "reports.days_v1", "--version", "0").exit_code == 0


def test_a_failure_blocks_what_reads_it_and_nothing_else(empty_mesh):
    empty_mesh.write("domains/shop/products/refunds.py", conftest.FAILING)
    empty_mesh.write("domains/reports/products/losses.py", conftest.READING_THE_FAILING)

    result = empty_mesh("run", "--all", "--json", "--no-report")

    assert result.exit_code == 1
    assert outcomes(result) == {
        "shop.sales_v1": "published",
        "shop.refunds_v1": "failed",
        "reports.days_v1": "published",
        "reports.losses_v1": "blocked",
    }
    assert "the till is on fire" in result.stderr


def test_an_unknown_product_is_answered_with_near_names(empty_mesh):
    done = empty_mesh.process("run", "shop.sale_v1")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "there is no product 'shop.sale_v1'\n  try: did you mean shop.sales_v1?\n"
    )


def test_a_broken_domain_does_not_keep_the_others_from_running(empty_mesh):
    empty_mesh.write("domains/shop/products/broken.py", "import no_such_module\n")
    empty_mesh.write("domains/reports/products/days.py", conftest.FILES[
        "domains/shop/products/sales.py"
    ].replace("sales()", "days()").replace("Sales", "Days"))  # fmt: skip

    everything = empty_mesh("run", "--all", "--no-report")
    one = empty_mesh("run", "reports.days", "--no-report")
    broken = empty_mesh.process("run", "shop.sales", "--no-report")

    assert everything.exit_code == 1
    assert "1 of 1 product published" in everything.stdout
    assert "domains/shop/products/broken.py:1: it cannot be imported" in everything.stderr
    assert one.exit_code == 0, one.output
    assert broken.returncode == 1
    assert "no_such_module" in broken.stderr


def test_a_run_wants_to_know_what(empty_mesh):
    assert empty_mesh("run").exit_code == 2


def test_a_partition_is_given_to_the_transform_and_is_a_publication_of_its_own(empty_mesh):
    empty_mesh.write(
        "domains/shop/products/tills.py",
        '''
        """Tills by month."""
        import polars as pl

        import mesh


        class Tills(mesh.Contract):
            """One row per month and till."""

            month: str = mesh.Field(key=True)
            till: int = mesh.Field(key=True)


        @mesh.data_product(
            contract=Tills,
            write=mesh.ReplacePartitions(by="month"),
            partitions=mesh.StaticPartitions(["2026-01", "2026-02"]),
        )
        def tills(partition: str) -> pl.LazyFrame:
            """Two tills."""
            return pl.LazyFrame({"month": [partition] * 2, "till": [1, 2]})
        ''',
    )

    def run(*options):
        result = empty_mesh("run", "shop.tills", "--run-id", "r", "--no-report", *options)
        rows = json.loads(empty_mesh("read", "shop.tills", "--format", "json").stdout)
        return result, sorted(row["month"] for row in rows)

    january, after_january = run("--partition", "2026-01")
    again, _ = run("--partition", "2026-01")
    every, after_every = run()
    unknown, _ = run("--partition", "2026-13")

    assert [january.exit_code, again.exit_code, every.exit_code, unknown.exit_code] == [0, 0, 0, 1]
    assert after_january == ["2026-01"] * 2
    assert "unchanged" in again.stdout
    assert after_every == ["2026-01"] * 2 + ["2026-02"] * 2
    assert "2026-13" in unknown.stderr


def test_each_environment_has_tables_of_its_own(mesh):
    assert mesh("run", "shop.sales", "--env", "staging", "--no-report").exit_code == 0
    assert (mesh.root / ".mesh/lake/staging/shop/sales/v1/_delta_log").is_dir()
    assert mesh("--env", "elsewhere", "read", "shop.sales_v1").exit_code == 1


def test_what_a_product_does_for_itself_is_done_in_the_chosen_environment(empty_mesh):
    empty_mesh.write(
        "domains/shop/products/places.py",
        '''\
        """Where this runs."""

        import polars as pl

        import mesh
        from mesh.settings import load


        class Places(mesh.Contract):
            """One row."""

            environment: str


        @mesh.data_product(contract=Places)
        def places() -> pl.LazyFrame:
            return pl.LazyFrame({"environment": [load().environment]})
        ''',
    )
    empty_mesh("run", "shop.places", "--env", "staging", "--no-report")
    done = empty_mesh("--env", "staging", "read", "shop.places", "--format", "json")
    assert json.loads(done.stdout) == [{"environment": "staging"}]
    assert "MESH_ENVIRONMENT" not in os.environ


def test_dagster_shows_the_run(mesh):
    done = mesh.process("run", "--all", "--run-id", "first")

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    script = (
        "import dagster as dg\n"
        f"instance = dg.DagsterInstance.from_config({str(mesh.root / '.mesh/dagster')!r})\n"
        "event = instance.get_latest_materialization_event(dg.AssetKey(['shop', 'sales_v1']))\n"
        "assert event is not None\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env=mesh.environment())


def test_a_run_stands_when_dagster_cannot_be_told(mesh):
    mesh.write(".mesh/dagster", "a file where Dagster wants a folder")

    done = mesh.process("run", "shop.sales", "--run-id", "first")

    assert done.returncode == 0
    assert "warning: Dagster was not told of this run" in done.stderr


def test_ctrl_c_ends_a_run_at_once_and_publishes_nothing(empty_mesh):
    slow = conftest.FILES["domains/shop/products/sales.py"].replace(
        "number = pl.col", "import time; time.sleep(60); number = pl.col"
    )
    empty_mesh.write("domains/shop/products/sales.py", slow)
    run = subprocess.Popen(
        empty_mesh.command("run", "shop.sales", "--no-report"),
        cwd=empty_mesh.root,
        env=empty_mesh.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "started" in run.stdout.readline()
    time.sleep(0.2)
    begun = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=30)

    assert run.returncode == 130
    assert time.monotonic() - begun < 10
    assert told == "interrupted: what was not published yet stays as it was\n"
    assert not (empty_mesh.root / ".mesh/lake/dev/shop/sales/v1/_delta_log").exists()


MONTHLY = '''
    """Sales by month."""
    from pathlib import Path

    import pyarrow as pa

    import mesh

    TILL = Path(__file__).parents[3] / "till.txt"


    class Monthly(mesh.Contract):
        """One row per month."""

        month: str = mesh.Field(key=True)
        amount_usd: float = mesh.Field(ge=0)


    @mesh.data_product(
        contract=Monthly,
        write=mesh.ReplacePartitions(by="month"),
        partitions=mesh.MonthlyPartitions(start="2026-01", end="2026-04"),
    )
    def monthly(partition: str):
        """What was taken in a month."""
        taken = -1.0 if partition in TILL.read_text() else 1.0
        return pa.table({"month": [partition], "amount_usd": [taken]})
'''


def test_a_backfill_publishes_partitions_in_order_and_goes_on_with_the_same_run(empty_mesh):
    empty_mesh.write("domains/shop/products/monthly.py", MONTHLY)
    empty_mesh.write("till.txt", "2026-03")
    backfill = ("run", "shop.monthly", "--since", "2026-02-14", "--run-id", "b", "--no-report")

    broken = empty_mesh(*backfill)
    empty_mesh.write("till.txt", "")
    mended = empty_mesh(*backfill, "--json")

    assert broken.exit_code == 1
    assert "1 of 3 partitions published; the next is 2026-03" in broken.stderr
    assert "`--run-id b` goes on from there" in broken.stderr
    told = json.loads(mended.stdout)
    assert told["partitions"] == {"shop.monthly_v1": ["2026-02", "2026-03", "2026-04"]}
    (item,) = told["products"]
    assert [receipt["partition"] for receipt in item["receipts"]] == told["partitions"][
        "shop.monthly_v1"
    ]


def test_a_backfill_of_what_has_no_such_partitions_runs_nothing(empty_mesh):
    empty_mesh.write("domains/shop/products/monthly.py", MONTHLY)

    unknown = empty_mesh("run", "shop.monthly", "--partitions", "2026-01..2026-09")
    without = empty_mesh("run", "shop.sales", "--since", "2026-01-01")
    twice = empty_mesh("run", "shop.monthly", "--since", "2026-01-01", "--partition", "2026-01")

    assert (unknown.exit_code, "no partition '2026-09'" in unknown.stderr) == (1, True)
    assert (without.exit_code, "it has no partitions" in without.stderr) == (1, True)
    assert twice.exit_code == 2
    assert not (empty_mesh.root / ".mesh").exists()


def test_what_is_made_from_a_product_is_run_when_it_is_asked_for(empty_mesh):
    told = empty_mesh("run", "shop.sales", "--downstream", "--json", "--no-report")
    names = [item["product"] for item in json.loads(told.stdout)["products"]]
    assert names == ["shop.sales_v1", "reports.days_v1"]
