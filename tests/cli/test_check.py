"""`mesh check` reports every problem at once, each with its path."""

import json

from tests.cli import conftest


def test_a_sound_mesh_has_no_problems(empty_mesh):
    result = empty_mesh("check")

    assert result.exit_code == 0, result.output
    assert result.stdout == "2 domains and 2 products hold together\n"
    told = json.loads(empty_mesh("check", "--json").stdout)
    probes = {probe["product"]: probe for probe in told.pop("probes")}
    assert list(probes) == ["reports.days_v1", "shop.sales_v1"]
    assert probes["reports.days_v1"]["lineage"] == {
        "amount_usd": ["shop.sales_v1.amount_usd"],
        "day": ["shop.sales_v1.sold_at"],
    }
    assert told == {
        "is_sound": True,
        "domains": ["reports", "shop"],
        "products": ["reports.days_v1", "shop.sales_v1"],
        "problems": [],
        "notes": [],
    }


def test_all_problems_are_told_at_once(empty_mesh):
    days = conftest.FILES["domains/reports/products/days.py"]
    empty_mesh.write(
        "domains/reports/products/days.py", days.replace('"amount_usd"], p', '"amount"], p')
    )
    empty_mesh.write("domains/reports/products/weeks.py", days.replace("shop.sales", "shop.sails")
        .replace("days", "weeks").replace("Days", "Weeks"))  # fmt: skip
    empty_mesh.write("domains/market/domain.yaml", "name: market\npurpos: typo\n")
    empty_mesh.write("domains/market/products/__init__.py", "")
    empty_mesh.write("domains/market/products/stalls.py", "import no_such_module\n")

    done = empty_mesh.process("check")

    assert done.returncode == 1
    assert done.stdout == ""
    for words in (
        "domains/market/domain.yaml:2: purpos: unknown key 'purpos'\n  try: did you mean purpose?",
        "domains/market/products/stalls.py:1: it cannot be imported: ModuleNotFoundError",
        "shop.sales_v1 has no column 'amount'\n  try: did you mean amount_usd?",
        "there is no product 'shop.sails_v1'\n  try: did you mean shop.sales_v1?",
        "domains/organization.yaml: domain 'market' is not listed",
        "workspace.yaml: domain 'market' has no code location",
    ):
        assert words in done.stderr
    assert str(empty_mesh.root) not in done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(empty_mesh.process("check", "--json").stdout)
    assert told["is_sound"] is False
    assert {"what", "where", "hint"} == set(told["problems"][0])


def test_an_output_that_cannot_fulfil_its_contract_is_found_before_any_run(empty_mesh):
    days = conftest.FILES["domains/reports/products/days.py"]
    empty_mesh.write(
        "domains/reports/products/days.py", days.replace("amount_usd: float", "amount_usd: date")
    )

    done = empty_mesh("check")

    assert done.exit_code == 1
    assert (
        "domains/reports/products/days.py: reports.days_v1: its output cannot fulfil the contract: "
        "amount_usd is promised as date, the transform makes float64"
    ) in done.stderr


def test_columns_that_are_used_and_not_declared_are_problems_and_unused_ones_are_notes(empty_mesh):
    days = conftest.FILES["domains/reports/products/days.py"]
    empty_mesh.write(
        "domains/reports/products/days.py", days.replace('"amount_usd"], p', '"sale_id"], p')
    )

    done = empty_mesh("check")

    assert done.exit_code == 1
    where = "domains/reports/products/days.py: reports.days_v1, input 'sales': "
    reads = "the transform reads shop.sales_v1.amount_usd, which its input does not declare"
    assert f"{where}{reads}\n  try: add 'amount_usd' to the columns" in done.stderr
    unused = "it declares sale_id of shop.sales_v1, which the transform does not read"
    assert f"note: {where}{unused}" in done.stderr
    told = json.loads(empty_mesh("check", "--json").stdout)
    assert [note["what"] for note in told["notes"]] == [unused]


def test_notes_alone_leave_a_mesh_sound(empty_mesh):
    days = conftest.FILES["domains/reports/products/days.py"]
    empty_mesh.write(
        "domains/reports/products/days.py",
        days.replace('"amount_usd"], p', '"amount_usd", "sale_id"], p'),
    )

    done = empty_mesh("check")

    assert done.exit_code == 0
    assert "note: " in done.stderr
    assert done.stdout == "2 domains and 2 products hold together\n"


def test_a_circle_of_inputs_is_a_problem(empty_mesh):
    sales = conftest.FILES["domains/shop/products/sales.py"]
    empty_mesh.write(
        "domains/shop/products/sales.py",
        sales.replace("def sales()", "def sales(d)").replace(
            "contract=Sales,", 'contract=Sales, inputs={"d": mesh.Input("reports.days_v1")},'
        ),
    )

    done = empty_mesh.process("check")

    assert done.returncode == 1
    assert "inputs lead in a circle" in done.stderr
    run = empty_mesh.process("run", "--all", "--no-report")
    assert run.returncode == 1
    assert "inputs lead in a circle" in run.stderr


def test_a_workspace_that_cannot_be_read_is_a_problem(empty_mesh):
    empty_mesh.write("workspace.yaml", "load_from: [")

    done = empty_mesh("check")

    assert done.exit_code == 1
    assert "workspace.yaml: it cannot be read" in done.stderr


def test_a_folder_without_a_mesh_is_a_problem(empty_mesh, tmp_path_factory):
    done = empty_mesh.process("--root", str(tmp_path_factory.mktemp("empty")), "check")

    assert done.returncode == 1
    assert "organization.yaml: there is no such file" in done.stderr
