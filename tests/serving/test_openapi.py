"""The API is what its document says: schemathesis asks it everything, with all of its checks."""

import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.serving.conftest import fill
from tests.serving.live import served

FAST = {"requests_per_second": 1e9, "token_requests_per_second": 1e9}


CONFIG = """
# All checks are on. What makes an event one is the specification's to say, and more than a schema holds.
[[operations]]
include-path = "/api/v1/lineage"
include-method = "POST"
checks.positive_data_acceptance.enabled = false
"""


def asked_everything(url: str, token: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What schemathesis finds at a server, in all of its phases."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    options = ["--max-examples", "12", "--seed", "1", "--no-color"]
    options += ["--header", f"Authorization: Bearer {token}", "--warnings", "off"]
    return subprocess.run(
        [
            *(sys.executable, "-c", program, "--config-file", str(config)),
            *("run", f"{url}/openapi.json", *options),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("reading", ["open", "token"])
def test_the_api_keeps_its_document(sqlite_url, tmp_path, monkeypatch, reading):
    monkeypatch.chdir(tmp_path)  # schemathesis writes beside itself
    with served(sqlite_url, reading=reading, **FAST) as server:
        fill(server.behind)
        done = asked_everything(server.url, server.token, tmp_path)
        assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]


def test_the_document_is_openapi(client):
    validate(client.get("/openapi.json").json())
