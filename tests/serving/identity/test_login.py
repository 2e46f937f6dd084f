"""`mesh login`: a code that is typed in elsewhere signs one in, and is used from then on."""

import json
import stat
import threading
import time
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import mesh
from mesh.catalog.remote.device import Code, Offer, asked_code, offered, refreshed, waited
from mesh.catalog.remote.kept import SignIns, catalog_token
from mesh.catalog.store import Catalog
from mesh.cli import app
from mesh.errors import CatalogError, IdentityError, UnknownProductError
from mesh.settings import ServingSettings, load
from tests.peers.identity.provider import allow, running
from tests.serving.identity.knowing import DECIDING, settings_of
from tests.serving.live import served, served_with


@pytest.fixture(scope="module")
def brief():
    """A provider whose tokens end after a while that is over soon."""
    with running(token_seconds=20) as found:
        yield found


@pytest.fixture
def there(tmp_path, brief):
    """A server that believes it, and needs a token for reading."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    settings = load(
        tmp_path / "there",
        serving=ServingSettings(port=0, reading="token"),
        identity=settings_of(brief),
    )
    with served_with(f"sqlite:///{tmp_path / 'there.db'}", settings, DECIDING) as found:
        yield found


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A mesh elsewhere."""
    root = tmp_path / "here"
    root.mkdir()
    (root / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    monkeypatch.chdir(root)
    return root


class Typing:
    """Somebody who types in the code while it is waited for, and counts how long that was."""

    def __init__(self, code: Code, after: int = 1) -> None:
        self.code, self.after, self.waits = code, after, []

    def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) == self.after:
            allow(self.code.complete)


def test_a_code_that_somebody_typed_in_signs_one_in_until_the_end_of_the_session(there, here):
    offer = offered(there.url)
    code = asked_code(offer)
    typing = Typing(code, after=2)
    kept = SignIns.of(load(here))
    kept.keep(waited(offer, code, typing))
    assert typing.waits[:2] == [5.0, 5.0]

    url = {"catalog": {"url": there.url}}
    with Catalog.open(there.url, catalog_token(load(here, **url))) as catalog:
        assert catalog.products() == []
        before = kept.found(there.url)
        kept.keep(replace(before, ends=time.time()))  # as when it has ended
        assert catalog.products() == []
    after = kept.found(there.url)
    assert before.access != after.access
    assert after.ends > time.time()


def test_a_sign_in_is_its_owner_s_alone_and_goes_nowhere_else(there, here, tmp_path):
    offer = offered(there.url)
    code = asked_code(offer)
    kept = SignIns.of(load(here))
    kept.keep(waited(offer, code, Typing(code)))
    (file,) = (here / ".mesh" / "signed-in").glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert kept.found(there.url).access not in repr(kept.found(there.url))
    assert kept.token("http://127.0.0.1:1") == ""
    with pytest.raises(CatalogError, match="http would let others read"):
        kept.token("http://mesh.example.com")


def test_the_commands_sign_in_tell_who_one_is_and_sign_out(there, here, monkeypatch):
    monkeypatch.setenv("MESH_CATALOG__URL", there.url)
    call = CliRunner().invoke
    assert call(app, ["whoami"]).exit_code == 1
    seen = []

    def code(offer):
        seen.append(asked_code(offer))
        threading.Timer(0.5, allow, (seen[0].complete,)).start()
        return seen[0]

    monkeypatch.setattr("mesh.catalog.remote.device.asked_code", code)
    done = call(app, ["login"])
    assert done.exit_code == 0, done.output
    assert seen[0].user_code in done.output
    assert seen[0].complete in done.output
    me = call(app, ["whoami", "--json"])
    assert json.loads(me.stdout) == {
        "name": "ana@example.com",
        "scopes": ["read"],
        "roles": ["analyst"],
        "domains": [],
    }
    assert f"signed out at {there.url}" in call(app, ["logout"]).output
    assert call(app, ["whoami"]).exit_code == 1


def test_python_reads_as_who_signed_in_and_for_as_long(there, here):
    with pytest.raises(IdentityError, match="nobody signed in there") as told:
        mesh.connect(there.url)
    assert told.value.hint.startswith(f"`mesh login --url {there.url}`")
    offer = offered(there.url)
    code = asked_code(offer)
    kept = SignIns.of(load(here))
    kept.keep(waited(offer, code, Typing(code)))
    with mesh.connect(there.url) as connection:
        with pytest.raises(UnknownProductError):  # asked for by somebody who was let in
            connection.read("shop.flights_v1")
        before = kept.found(there.url)
        kept.keep(replace(before, ends=time.time()))  # as when it has ended
        with pytest.raises(UnknownProductError):
            connection.read("shop.flights_v1")
        assert kept.found(there.url).access != before.access
        kept.keep(replace(before, ends=time.time(), refresh=""))
        with pytest.raises(IdentityError, match="your sign-in has ended"):
            connection.read("shop.flights_v1")
        kept.forget(there.url)
        with pytest.raises(IdentityError, match="nobody signed in there"):
            connection.read("shop.flights_v1")


def test_a_token_that_is_set_is_shown_to_the_catalogs_own_server_alone(there, here, monkeypatch):
    monkeypatch.setenv("MESH_CATALOG__TOKEN", there.token)
    monkeypatch.setenv("MESH_CATALOG__URL", there.url)
    with mesh.connect(f"{there.url}/") as connection, pytest.raises(UnknownProductError):
        connection.read("shop.flights_v1")
    with pytest.raises(IdentityError, match="nobody signed in there"):
        mesh.connect("http://127.0.0.1:1")
    with pytest.raises(CatalogError, match="http would let others read"):
        mesh.connect("http://mesh.example.com")


def test_who_is_nobody_there_is_told_how_to_sign_in(there, here):
    told = CliRunner().invoke(app, ["whoami", "--url", there.url])
    assert told.exit_code == 1
    assert "sign in (`mesh login`)" in told.output


def test_a_code_that_nobody_typed_in_expires(here, tmp_path):
    with running(device_seconds=11) as provider:
        offer = replace(offer_of(provider), url="http://127.0.0.1:1")
        code = asked_code(offer)
        waits: list[float] = []
        with pytest.raises(IdentityError, match="nobody signed in: the code has expired"):
            waited(offer, code, waits.append)
        assert waits == [5.0, 5.0, 5.0]


def offer_of(provider):
    """What a server would say of a provider."""
    told = settings_of(provider)
    return Offer("http://127.0.0.1:1", told.issuer, told.client, told.audience, told.scopes)


def test_while_the_provider_is_away_it_is_asked_less_often(brief):
    offer = offer_of(brief)
    code = asked_code(offer)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        brief.order("down" if len(waits) == 1 else "up")
        if len(waits) == 2:
            allow(code.complete)

    assert waited(offer, code, sleep).access
    assert waits == [5.0, 10.0]


def test_a_refresh_token_that_is_no_good_ends_the_sign_in(brief):
    offer = offer_of(brief)
    code = asked_code(offer)
    kept = waited(offer, code, Typing(code))
    with pytest.raises(IdentityError, match="your sign-in has ended"):
        refreshed(replace(kept, refresh="of somebody else"))


def test_where_there_is_no_provider_nobody_can_sign_in(tmp_path):
    with (
        served(f"sqlite:///{tmp_path / 'catalog.db'}") as plain,
        pytest.raises(IdentityError, match="nobody can sign in there"),
    ):
        offered(plain.url)


def test_a_server_or_a_provider_over_http_is_not_asked():
    with pytest.raises(CatalogError, match="http would"):
        offered("http://mesh.example.com")
    told = Offer("http://127.0.0.1:1", "http://id.example.com", "mesh", "https://mesh", ())
    with pytest.raises(IdentityError, match="https"):
        asked_code(told)
