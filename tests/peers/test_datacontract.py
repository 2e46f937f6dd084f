"""datacontract-cli agrees with Mesh: on documents by `lint`, on tables by `test`.

Where the two differ is in docs/guides/import-a-contract.md.
"""

import subprocess
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yaml

import mesh
from mesh.contracts.odcs.writing import VERSIONS, document
from mesh.contracts.pandera import load
from mesh.lake import Lake
from mesh.products.collection import load_organization
from mesh.products.odcs_document import odcs_document
from mesh.publishing import publish
from mesh.settings import load as load_settings
from mesh.testing import judge as judge_by_the_gate
from mesh.testing import sample, samples, violate
from tests.behaviour.products import product
from tests.house.repository import ROOT
from tests.peers.peer import command_named, environment, judge


class Orders(mesh.Contract):
    """One rule of every kind that both know."""

    order_id: int = mesh.Field(key=True)
    line: int = mesh.Field(key=True)
    customer: str = mesh.Field(unique=True, str_length={"min_value": 3, "max_value": 8})
    code: str = mesh.Field(pattern="^[A-Z]{3}$")
    amount: float = mesh.Field(ge=0, le=1000)
    pieces: int = mesh.Field(gt=0)
    ordered_on: date = mesh.Field(ge=date(2026, 1, 1), le=date(2026, 12, 31))
    status: str = mesh.Field(isin=["open", "paid"], nullable=True)
    grade: str = mesh.Field(nullable=True)
    note: str = mesh.Field(nullable=True)
    email: str = mesh.Field(nullable=True, format="email")

    class Config:
        rules = (
            mesh.metric("rowCount", mesh.Bound("mustBeBetween", [10, 1000])),
            mesh.metric("nullValues", mesh.Bound("mustBeLessThan", 5), columns=("note",)),
            mesh.metric(
                "invalidValues",
                mesh.Bound("mustBe", 0),
                columns=("grade",),
                arguments={"validValues": ["a", "b"]},
            ),
        )


ORDERS = load(Orders)
WITH_ENUM = "3.2.0"
CHECKS: Mapping[str, tuple[str, ...]] = {
    "order_id_not_null": ("order_id__field_required",),
    "customer_not_null": ("customer__field_required",),
    "customer_str_length": ("customer__field_min_length", "customer__field_max_length"),
    "customer_unique": ("customer__field_unique",),
    "code_pattern": ("code__field_regex",),
    "amount_in_range": ("amount__field_minimum", "amount__field_maximum"),
    "pieces_greater_than": ("pieces__field_minimum", "pieces__field_not_equal"),
    "ordered_on_in_range": ("ordered_on__field_minimum", "ordered_on__field_maximum"),
    "status_isin": ("status__field_enum",),
    "order_id_line_unique": ("primary_key_unique",),
    "rowCount": ("row_count",),
    "note_nullValues": ("note__field_null_values",),
    "grade_invalidValues": ("grade__field_invalid_values",),
}
"""What datacontract-cli calls the check of each rule: one of these fails where the rule is broken."""
UNSEEN = ("email_format",)
"""Rules that it does not look at."""


def write(folder: Path, name: str, frame: pl.DataFrame, made: dict) -> Path:
    """A table of one file, and a contract whose server it is."""
    table = folder / f"{name}.parquet"
    frame.write_parquet(table)
    server = {"server": "local", "type": "local", "path": str(table), "format": "parquet"}
    file = folder / f"{name}.odcs.yaml"
    file.write_text(yaml.safe_dump({**made, "servers": [server]}, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """What datacontract-cli finds on a table for each rule that breaks just this one."""
    folder = tmp_path_factory.mktemp("broken")
    made = document(ORDERS, version=WITH_ENUM)
    frames = {"good": sample(ORDERS, rows=50, seed=1)}
    frames |= {name: violate(ORDERS, name, rows=50, seed=1) for name in (*CHECKS, *UNSEEN)}
    files = {name: write(folder, name, frame, made) for name, frame in frames.items()}
    found = judge([("test", file) for file in files.values()])
    return frames, dict(zip(files, found, strict=True))


def test_both_accept_a_table_that_keeps_every_rule(broken):
    frames, found = broken

    assert judge_by_the_gate(ORDERS, frames["good"]).failures == ()
    assert found["good"]["failed"] == []
    assert found["good"]["checks"] > len(ORDERS.rules)


@pytest.mark.parametrize("rule", CHECKS)
def test_both_refuse_a_table_at_the_same_rule(broken, rule):
    frames, found = broken

    refused = judge_by_the_gate(ORDERS, frames[rule]).failures

    assert [finding.rule.id for finding in refused] == [rule]
    assert found[rule]["failed"]
    assert set(found[rule]["failed"]) <= {f"Orders__{name}" for name in CHECKS[rule]}


@pytest.mark.parametrize("rule", UNSEEN)
def test_what_the_other_does_not_look_at_the_gate_alone_refuses(broken, rule):
    frames, found = broken

    assert [f.rule.id for f in judge_by_the_gate(ORDERS, frames[rule]).failures] == [rule]
    assert found[rule]["failed"] == []


def test_both_accept_a_published_table(tmp_path):
    lake = Lake(str(tmp_path / "lake"))
    made = product(Orders)
    receipt = publish(made, sample(ORDERS, rows=50, seed=2), lake=lake, run_id="first")
    assert receipt.rows_accepted == 50
    # Its reader of Delta needs an extension from elsewhere; the first version is all its files.
    files = f"{lake.table(made.id).url.removeprefix('file://')}/*.parquet"
    server = {"server": "lake", "type": "local", "path": files, "format": "parquet"}
    file = tmp_path / "published.odcs.yaml"
    file.write_text(yaml.safe_dump({**document(ORDERS), "servers": [server]}))

    (found,) = judge([("test", file)])

    assert found["failed"] == [], found["reasons"]


def test_both_accept_every_product_of_the_reference_mesh_and_its_documents(tmp_path):
    organization = load_organization(load_settings(ROOT))
    products = organization.products
    frames = samples(dict.fromkeys(products, 100))
    questions, names = [], []
    for name, found in products.items():
        manifest = organization.domain(found.id.domain).manifest
        for version in VERSIONS:
            made = odcs_document(found, manifest, version=version)
            file = write(tmp_path, f"{name}-{version}", frames[name], made)
            questions.append(("lint", file))
            names.append(f"lint {name} {version}")
        questions.append(("test", file))
        names.append(f"test {name}")

    told = dict(zip(names, judge(questions), strict=True))

    wrong = {name: said["reasons"] for name, said in told.items() if said["failed"]}
    assert wrong == {}
    assert all(said["checks"] for said in told.values())


def test_the_command_itself_lints_and_tests(tmp_path):
    good = write(tmp_path, "good", sample(ORDERS, rows=50, seed=3), document(ORDERS))
    bad = write(tmp_path, "bad", violate(ORDERS, "code_pattern", rows=50), document(ORDERS))

    assert command("lint", good) == 0
    assert command("test", good) == 0
    assert command("test", bad) == 1


def command(*words) -> int:
    """The exit code of `datacontract`, as its users type it."""
    done = subprocess.run(
        [str(command_named("datacontract")), *map(str, words)],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment(),
    )
    return done.returncode
