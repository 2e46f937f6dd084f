"""Domains go out as ODPS and come in from it; what Mesh has no word for stays as it was."""

import json
import shutil

import jsonschema
import pytest
import yaml

from mesh.products.collection import load_organization
from mesh.products.odps import domain_document
from mesh.settings import load
from tests import shared_data
from tests.house.repository import ROOT

pytestmark = shared_data.needs_shared_data
DOMAINS = ("fleet", "network", "operations", "platform", "punctuality", "weather")


def problems(made):
    path = shared_data.shared_data() / "odps" / "odps-json-schema-v1.0.0.json"
    validator = jsonschema.Draft201909Validator(json.loads(path.read_text()))
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(made)]


def examples():
    folder = shared_data.shared_data()
    return sorted((folder / "odps" / "examples").glob("*.yaml")) if folder else []


@pytest.mark.parametrize("name", DOMAINS)
def test_domains_of_the_reference_mesh_are_valid(name):
    organization = load_organization(load(ROOT))
    domain = organization.domain(name)
    made = domain_document(domain, organization)

    assert problems(made) == []
    assert [port["name"] for port in made["outputPorts"]] == [p.id.name for p in domain.products]
    read = {port.product for p in domain.products for port in p.inputs.values()}
    others = {name for name in read if not name.startswith(f"{domain.name}.")}
    assert {port["name"] for port in made.get("inputPorts", ())} == others


def test_a_domain_goes_out_with_its_majors_team_and_contracts(empty_mesh):
    assert (
        empty_mesh.process("new", "version", "shop.sales", "--deprecate", "2099-01-01").returncode
        == 0
    )
    made = yaml.safe_load(empty_mesh.process("domain", "export", "shop").stdout)

    assert problems(made) == []
    assert [(p["name"], p["version"], p["contractId"]) for p in made["outputPorts"]] == [
        ("sales", "1.0.0", "shop.sales_v1"),
        ("sales", "2.0.0", "shop.sales_v2"),
    ]
    assert made["outputPorts"][0]["customProperties"] == [
        {"property": "mesh.deprecated", "value": "2099-01-01"},
        {"property": "mesh.successor", "value": "shop.sales_v2"},
    ]
    assert made["team"]["name"] == "Tills"
    assert made["tenant"] == "Corner Shops"
    contract = yaml.safe_load(empty_mesh.process("contract", "export", "shop.sales_v1").stdout)
    assert contract["id"] == made["outputPorts"][0]["contractId"]
    reports = yaml.safe_load(empty_mesh.process("domain", "export", "reports").stdout)
    assert reports["inputPorts"] == [
        {"name": "shop.sales_v1", "version": "1.0.0", "contractId": "shop.sales_v1"}
    ]


@pytest.mark.parametrize("file", examples(), ids=lambda path: path.name)
def test_an_example_of_the_standard_comes_in_checks_and_goes_out_as_it_was(empty_mesh, file):
    told = empty_mesh.process("domain", "import", str(file), "--name", "partner")

    assert told.returncode == 0, told.stderr
    assert empty_mesh.process("check").returncode == 0
    again = yaml.safe_load(empty_mesh.process("domain", "export", "partner").stdout)
    assert again == yaml.safe_load(file.read_text())
    assert problems(again) == []


def test_ports_of_products_join_those_of_the_document(empty_mesh):
    file = next(path for path in examples() if path.name.startswith("customer"))
    assert empty_mesh.process("domain", "import", str(file), "--name", "partner").returncode == 0
    assert empty_mesh.process("new", "product", "partner.rawtransactions").returncode == 0
    made = yaml.safe_load(empty_mesh.process("domain", "export", "partner").stdout)

    before = yaml.safe_load(file.read_text())
    ours = next(
        p for p in made["outputPorts"] if p.get("contractId") == "partner.rawtransactions_v1"
    )
    assert (ours["name"], ours["version"]) == ("rawtransactions", "1.0.0")
    others = [p for p in made["outputPorts"] if p is not ours]
    assert others == before["outputPorts"][1:]
    assert {k: v for k, v in made.items() if k != "outputPorts"} == {
        k: v for k, v in before.items() if k != "outputPorts"
    }


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("kind: DataProduct", "kind: DataContract", "kind is 'DataContract'"),
        ("apiVersion: v0.9.0", "apiVersion: v7", "there is no version 'v7'"),
        ("contractId: 12345678", "contract: 12345678", "contractId is missing"),
        ("status: active", "status: active\nstatus: twice", "status"),
        ("inputPorts:\n- name", "inputPorts:\n  name", ""),
        ("id: 064c", "id: !!python/name:os.system 064c", "python/name"),
    ],
)
def test_a_document_that_is_wrong_is_told_by_line_and_nothing_is_written(
    empty_mesh, tmp_path_factory, old, new, why
):
    source = next(path for path in examples() if path.name.startswith("simple"))
    file = tmp_path_factory.mktemp("odps") / "simple.odps.yaml"
    shutil.copy(source, file)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    before = sorted(empty_mesh.root.rglob("*"))
    told = empty_mesh.process("domain", "import", str(file))

    assert told.returncode == 1
    assert str(file) in told.stderr
    assert why in told.stderr
    assert sorted(empty_mesh.root.rglob("*")) == before


def test_a_domain_that_is_there_is_not_written_over(empty_mesh):
    file = examples()[0]
    told = empty_mesh.process("domain", "import", str(file), "--name", "shop")
    assert told.returncode == 1
    assert "it exists already" in told.stderr


def test_a_name_that_is_none_is_refused_with_a_way(empty_mesh):
    told = empty_mesh.process("domain", "import", str(examples()[0]), "--name", "../etc")
    assert told.returncode == 1
    assert "gives no domain's name" in told.stderr
