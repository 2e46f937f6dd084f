"""`mesh serve` runs until it is told to stop, and other Meshes use what it serves."""

import json
import re
import signal
import subprocess
from contextlib import contextmanager
from urllib.request import Request, urlopen

import pytest


@contextmanager
def serving(mesh, *options):
    """`mesh serve` as a process, and what it said before it served."""
    process = subprocess.Popen(
        mesh.command("serve", "--port", "0", *options),
        cwd=mesh.root,
        env=mesh.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = [process.stdout.readline() for _ in range(4)]
        yield process, "".join(said)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def url_in(said):
    return re.search(r" at (http\S+)", said)[1]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_what_is_open_and_stops_when_told(mesh, end):
    with serving(mesh) as (process, said):
        assert "reading is open to this machine" in said
        assert "writing needs a token" in said
        url = url_in(said)
        with urlopen(f"{url}/api/v1/products") as answer:
            found = json.load(answer)
        assert [item["name"] for item in found["items"]] == ["reports.days_v1", "shop.sales_v1"]
        process.send_signal(end)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    assert complaints == ""


def test_beyond_this_machine_reading_needs_a_token_and_http_is_warned_of(mesh):
    made = mesh("token", "create", "--as", "ada", "--scope", "read", "--json")
    token = json.loads(made.stdout)["token"]
    with serving(mesh, "--host", "0.0.0.0") as (process, said):
        assert "reading needs a token" in said
        url = url_in(said).replace("0.0.0.0", "127.0.0.1")
        asked = Request(f"{url}/api/v1/products", headers={"authorization": f"Bearer {token}"})
        with urlopen(asked) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=60)
    assert "https" in complaints


def test_commands_work_with_a_served_catalog_as_with_any_other(mesh, monkeypatch):
    made = mesh("token", "create", "--as", "ada", "--scope", "write", "--json")
    local = json.loads(mesh("list", "--json").stdout)
    shown = mesh("show", "shop.sales").stdout
    with serving(mesh) as (_, said):
        monkeypatch.setenv("MESH_CATALOG__URL", url_in(said))
        monkeypatch.setenv("MESH_CATALOG__TOKEN", json.loads(made.stdout)["token"])
        assert json.loads(mesh("list", "--json").stdout) == local
        assert mesh("show", "shop.sales").stdout == shown
        assert mesh("lineage", "reports.days", "--up").exit_code == 0
        again = mesh("run", "--all", "--run-id", "second", "--no-report")
        assert again.exit_code == 0, again.output
        assert mesh("catalog", "sync").exit_code == 0
        with urlopen(f"{url_in(said)}/api/v1/receipts?run=second") as answer:
            found = [receipt["product"] for receipt in json.load(answer)]
        assert found == ["reports.days_v1", "shop.sales_v1"]
        monkeypatch.delenv("MESH_CATALOG__TOKEN")
        refused = mesh("run", "--all", "--run-id", "third", "--no-report")
        assert refused.exit_code == 1
        assert "MESH_CATALOG__TOKEN" in refused.output


def test_a_served_catalog_is_not_served_again(mesh, monkeypatch):
    monkeypatch.setenv("MESH_CATALOG__URL", "https://catalog.example.org")
    result = mesh("serve")
    assert result.exit_code == 1
    assert "served already" in result.output


def test_a_port_that_is_taken_is_named(mesh):
    with serving(mesh) as (_, said):
        port = url_in(said).rpartition(":")[2]
        result = mesh("serve", "--port", port)
    assert result.exit_code == 1
    assert "nothing can listen there" in result.output
    assert "--port" in result.output
