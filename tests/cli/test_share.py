"""`mesh share profile` writes what a Delta Sharing client needs, and nobody else reads it."""

import json
from datetime import datetime

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to write into."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_profile_is_the_address_and_a_token_that_reads(empty_mesh, here):
    done = empty_mesh("share", "profile", "--as", "ana@example.com", "--expires", "12h")
    assert done.exit_code == 0, done.output
    file = here / "ana@example.com.share"
    told = json.loads(file.read_text())
    assert told["shareCredentialsVersion"] == 1
    assert told["endpoint"] == "http://127.0.0.1:4040/delta-sharing"
    assert told["bearerToken"] not in done.output
    assert file.stat().st_mode & 0o077 == 0
    (token,) = json.loads(empty_mesh("token", "list", "--json").stdout)
    assert (token["principal"], token["scopes"]) == ("ana@example.com", ["read"])
    assert token["id"] in done.output
    ends = datetime.fromisoformat(told["expirationTime"])
    assert abs((ends - datetime.fromisoformat(token["expires_at"])).total_seconds()) < 1


def test_the_address_is_the_one_that_clients_reach(empty_mesh, here):
    url = "https://mesh.example.org/"
    done = empty_mesh("share", "profile", "--as", "a/b", "--url", url, "--output", "b.share")
    assert done.exit_code == 0, done.output
    told = json.loads((here / "b.share").read_text())
    assert told["endpoint"] == "https://mesh.example.org/delta-sharing"
    assert "http address" in empty_mesh("share", "profile", "--as", "c", "--url", "ftp://x").output


def test_no_file_is_written_over_and_no_token_made_in_vain(empty_mesh, here):
    (here / "ana.share").write_text("mine")
    done = empty_mesh("share", "profile", "--as", "ana")
    assert done.exit_code == 1
    assert "there is a file already" in done.output
    assert (here / "ana.share").read_text() == "mine"
    assert json.loads(empty_mesh("token", "list", "--json").stdout) == []
    assert empty_mesh("share", "profile", "--as", "bo", "--expires", "soon").exit_code == 1
