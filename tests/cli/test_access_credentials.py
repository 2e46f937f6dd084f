"""`mesh access credentials` prints what reads a table's files, in the forms that tools take."""

import json
import os
import shlex
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import deltalake
import pytest

import mesh
from mesh.access.auditing import ReadAudit
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import AccessDeniedError
from mesh.serving.deciding import Deciding
from mesh.settings import load
from tests.behaviour.roles import a_reader_role
from tests.behaviour.stores import Bucket
from tests.cli.test_read_as import PEOPLE, POLICIES
from tests.serving.live import served_with

OWNER, TILL = "ada@example.com", "una@example.com"
ASKED = ("access", "credentials", "shop.sales_v1")


@pytest.fixture
def lending(gateway, empty_mesh):
    """Sales in a bucket that lends, with policies over their rows and values."""
    lake = gateway.lake()
    told = {"storage": lake.url.removesuffix("/dev"), "storage_options": dict(lake.options)}
    lines = ["[tool.mesh]", f'storage = "{told["storage"]}"', "[tool.mesh.storage_options]"]
    lines += [f'{name} = "{value}"' for name, value in told["storage_options"].items()]
    lines += ["[tool.mesh.lending]", f'role = "{a_reader_role(gateway)}"', ""]
    (empty_mesh.root / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    manifest = empty_mesh.root / "domains" / "organization.yaml"
    manifest.write_text(manifest.read_text(encoding="utf-8") + PEOPLE, encoding="utf-8")
    sales = empty_mesh.root / "domains" / "shop" / "products" / "sales.py"
    code = sales.read_text(encoding="utf-8")
    sales.write_text(code.replace("    contract=Sales,", '    contract=Sales, access="public",'))
    empty_mesh.write("domains/shop/policies/own.cedar", POLICIES)
    done = empty_mesh("run", "shop.sales", "--no-report")
    assert done.exit_code == 0, done.output
    return empty_mesh


def rows(url, options):
    return deltalake.DeltaTable(url, storage_options=options).to_pyarrow_table().num_rows


def log(mesh, *arguments):
    done = mesh("audit", "log", "--kind", "credentials", "--json", *arguments)
    return json.loads(done.stdout)


def test_json_is_what_stock_libraries_need(lending):
    told = json.loads(lending(*ASKED, "--as", OWNER).stdout)
    keys = {f"aws_{name}": value for name, value in told["aws_temp_credentials"].items()}
    assert rows(told["url"], told["storage_options"] | keys) == 49
    entry = log(lending)[0]
    assert (entry["who"], entry["subject"]) == (OWNER, "shop.sales_v1")
    assert entry["content"]["by"]
    assert told["aws_temp_credentials"]["session_token"] not in json.dumps(log(lending))


def test_a_shell_takes_them_as_its_environment(lending):
    words = lending(*ASKED, "--as", OWNER, "--format", "env").stdout
    own = dict(line.removeprefix("export ").partition("=")[::2] for line in words.splitlines())
    found = {name: shlex.split(value)[0] for name, value in own.items()}
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} < {*found}
    url = f"{load(lending.root).storage_url}/shop/sales/v1"
    script = f"""
import deltalake, polars
from botocore.session import Session
bucket, _, prefix = {url!r}.partition("://")[2].partition("/")
client = Session().create_client("s3")
print(deltalake.DeltaTable({url!r}).version(), polars.read_delta({url!r}).height)
print(client.list_objects_v2(Bucket=bucket, Prefix=prefix + "/")["KeyCount"] > 1)
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    asked = f"{words}\n{shlex.quote(sys.executable)} -c {shlex.quote(script)}"
    done = subprocess.run(
        ["sh", "-c", asked], env=clean, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "49", "True"]


def test_an_aws_profile_gets_them_from_the_process(lending, gateway, tmp_path, monkeypatch):
    import botocore.session

    printed, config = tmp_path / "printed", tmp_path / "config"
    words = lending(*ASKED, "--as", OWNER, "--format", "process").stdout
    printed.write_text(words, encoding="utf-8")
    config.write_text(f"[profile sales]\ncredential_process = cat {printed}\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = botocore.session.Session(profile="sales").get_credentials().get_frozen_credentials()
    told = json.loads(words)
    assert told["Version"] == 1
    assert datetime.fromisoformat(told["Expiration"]) > datetime.now(UTC)
    assert found.secret_key == told["SecretAccessKey"]
    client = Bucket(gateway.endpoint, found.access_key, found.secret_key).client(
        aws_session_token=found.token
    )
    prefix = load(lending.root).storage_url.partition(f"s3://{gateway.name}/")[2]
    listed = client.list_objects_v2(Bucket=gateway.name, Prefix=f"{prefix}/shop/sales/v1/")
    assert listed["KeyCount"] > 0


def test_who_does_not_see_everything_gets_none(lending):
    refused = lending(*ASKED, "--as", "mallory@example.com")
    assert refused.exit_code == 1
    assert "mesh.unknown" in refused.stderr
    for arguments in (("--as", TILL), ("--as", TILL, "--format", "env")):
        refused = lending(*ASKED, *arguments)
        assert refused.exit_code == 1
        assert "masked: amount_usd" in refused.stderr
        assert "AWS" not in refused.output
    assert log(lending) == []


def test_where_the_catalog_is_somebody_has_to_be_named(lending):
    assert lending(*ASKED).exit_code == 2


def test_a_lake_on_a_disk_lends_none(empty_mesh):
    assert empty_mesh("run", "shop.sales", "--no-report").exit_code == 0
    refused = empty_mesh(*ASKED, "--as", OWNER)
    assert refused.exit_code == 1
    assert "only buckets of S3 lend credentials" in refused.stderr


def test_a_served_mesh_lends_to_whose_token_it_is(lending, monkeypatch):
    settings = load(lending.root)
    free = settings.serving.model_copy(update={"port": 0})
    with Catalog.of(settings) as catalog, closing(ReadAudit(catalog)) as audit:
        tokens = {
            name: catalog.tokens.create(name, [Scope.READ], lasting=600).secret
            for name in (OWNER, TILL)
        }
        deciding = Deciding.of(catalog, settings, audit)
        served = settings.model_copy(update={"serving": free})
        with served_with(settings.catalog_url, served, deciding) as server:
            lends_to_its_bearer(lending, server.url, tokens, monkeypatch)


def lends_to_its_bearer(lending, url, tokens, monkeypatch):
    monkeypatch.setenv("MESH_CATALOG__URL", url)
    monkeypatch.setenv("MESH_CATALOG__TOKEN", tokens[OWNER])
    told = json.loads(lending(*ASKED).stdout)
    keys = {f"aws_{name}": value for name, value in told["aws_temp_credentials"].items()}
    assert rows(told["url"], told["storage_options"] | keys) == 49
    assert lending(*ASKED, "--as", OWNER).exit_code == 2
    with mesh.connect(url, tokens[OWNER]) as owner:
        connected = owner.credentials("shop.sales_v1")
    assert rows(connected.url, connected.storage_options) == 49
    assert connected.expires_at > datetime.now(UTC)
    assert connected.keys.secret_access_key not in repr(connected)
    monkeypatch.setenv("MESH_CATALOG__TOKEN", tokens[TILL])
    refused = lending(*ASKED)
    assert refused.exit_code == 1
    assert TILL in refused.stderr
    with (
        mesh.connect(url, tokens[TILL]) as till,
        pytest.raises(AccessDeniedError, match="rows are left out; masked: amount_usd") as raised,
    ):
        till.credentials("shop.sales_v1")
    assert {"shop.late", "shop.amounts"} <= {*raised.value.policies}
