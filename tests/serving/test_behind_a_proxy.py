"""A served catalog behind a proxy that ends https: addresses, limits, pages, and certificates."""

import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest

from mesh.catalog.remote import client
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError, Transient
from mesh.orchestration.workspace import Workspace
from mesh.settings import ServingSettings, load
from tests.behaviour.certificates import Authority
from tests.behaviour.proxy import proxied
from tests.catalog.factories import domain, product
from tests.serving.conftest import WEATHER, fill
from tests.serving.live import served

PRODUCTS, ONE = "/api/v1/products", f"/api/v1/products/{WEATHER}"
PROXY, ADA, BOB = "127.0.0.1", "127.0.0.2", "127.0.0.3"
ONCE = {"requests_per_second": 0.001, "reading": "open"}
"""One request of an address, and the next in a quarter of an hour."""


@pytest.fixture
def authority(tmp_path):
    return Authority.new(tmp_path / "authority")


def forwarding(request, ask):
    """What proxies do: say from where a request came, after what it says itself."""
    said = [value for name, value in request.headers.items() if name.lower() == "x-forwarded-for"]
    kept = {k: v for k, v in request.headers.items() if k.lower() != "x-forwarded-for"}
    own = {"X-Forwarded-For": ", ".join([*said, request.peer]), "X-Forwarded-Proto": "https"}
    request.headers = {**kept, **own}
    return ask(request)


@contextmanager
def behind(authority, url, **serving):
    """A served catalog, and where its proxy is reached."""
    with (
        served(url, **serving) as server,
        proxied(server.url, forwarding, authority.certify(PROXY)) as outside,
    ):
        yield server, outside


@contextmanager
def asking(authority, outside, address=ADA):
    """Somebody who asks from an address, and trusts the authority."""
    trust = httpx2.create_ssl_context()
    trust.load_verify_locations(cafile=authority.certificate)
    transport = httpx2.HTTPTransport(local_address=address, verify=trust)
    with httpx2.Client(base_url=outside, transport=transport, timeout=60) as made:
        yield made


def test_pages_and_tags_are_the_same_and_tell_nothing_of_what_is_behind(authority, sqlite_url):
    with (
        behind(authority, sqlite_url, proxies=[PROXY], reading="open") as (server, outside),
        asking(authority, outside) as ada,
    ):
        fill(server.behind)
        names, query = [], {"limit": 2}
        while query:
            page = ada.get(PRODUCTS, params=query)
            assert str(server.port) not in f"{page.headers}{page.text}"
            names += [item["name"] for item in page.json()["items"]]
            following = page.json()["next"]
            query = {"limit": 2, "cursor": following} if following else {}
        assert names == [record.name for record in server.behind.products()]

        tag = ada.get(ONE).headers["etag"]
        again = ada.get(ONE, headers={"if-none-match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert httpx2.get(f"{server.url}{ONE}").headers["etag"] == tag


def test_a_proxy_that_is_listed_tells_callers_apart_whatever_they_say_themselves(
    authority, sqlite_url
):
    with (
        behind(authority, sqlite_url, proxies=[PROXY], **ONCE) as (_, outside),
        asking(authority, outside, ADA) as ada,
        asking(authority, outside, BOB) as bob,
    ):
        assert ada.get(PRODUCTS).status_code == 200
        assert ada.get(PRODUCTS).status_code == 429
        forged = {"x-forwarded-for": "192.0.2.1"}
        assert ada.get(PRODUCTS, headers=forged).status_code == 429
        assert bob.get(PRODUCTS).status_code == 200


@pytest.mark.parametrize("listed", [[], ["127.0.0.9"]], ids=["none", "another"])
def test_nobody_else_is_believed(authority, sqlite_url, listed):
    with (
        behind(authority, sqlite_url, proxies=listed, **ONCE) as (server, outside),
        asking(authority, outside, ADA) as ada,
        asking(authority, server.url, BOB) as direct,
    ):
        assert ada.get(PRODUCTS).status_code == 200
        assert ada.get(PRODUCTS, headers={"x-forwarded-for": "192.0.2.1"}).status_code == 429
        assert direct.get(PRODUCTS).status_code == 200
        assert direct.get(PRODUCTS, headers={"x-forwarded-for": "192.0.2.2"}).status_code == 429


def test_on_this_machine_reading_needs_a_token_once_a_proxy_lets_others_in(sqlite_url):
    with served(sqlite_url) as server:
        assert httpx2.get(f"{server.url}{PRODUCTS}").status_code == 200
    with served(sqlite_url, proxies=[PROXY]) as server:
        assert httpx2.get(f"{server.url}{PRODUCTS}").status_code == 401


@pytest.mark.parametrize("wrong", ["*", "proxy.example.org", "10.0.0.1/8"])
def test_what_is_no_address_is_no_proxy(wrong):
    with pytest.raises(ValueError, match="proxies"):
        ServingSettings(proxies=[wrong])
    assert ServingSettings(proxies=["10.0.0.0/8", "::1"]).proxies


def test_a_mesh_uses_a_catalog_whose_authority_it_is_told(authority, sqlite_url, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.mesh]\n")
    with behind(authority, sqlite_url) as (server, outside):
        bundle = os.path.relpath(authority.certificate, tmp_path)
        said = {"url": outside, "token": server.token, "ca_bundle": bundle}
        with Workspace.open(load(tmp_path, catalog=said)).catalog as catalog:
            catalog.register(domain("weather", product(WEATHER)))
        assert [record.name for record in server.behind.products()] == [WEATHER]


@pytest.fixture
def at_once(monkeypatch):
    """Nothing is tried again."""

    def never(seconds):
        pytest.fail(f"it waits {seconds} s to try again")

    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=never))  # not of the server, too


@pytest.mark.usefixtures("at_once")
def test_a_certificate_that_is_not_trusted_is_told_as_that(authority, sqlite_url):
    with (
        behind(authority, sqlite_url) as (server, outside),
        pytest.raises(CatalogError, match="its certificate is not trusted: unable to get") as told,
    ):
        Catalog.open(outside, server.token)
    assert "MESH_CATALOG__CA_BUNDLE" in told.value.hint
    assert not isinstance(told.value, Transient)


@pytest.mark.usefixtures("at_once")
def test_a_certificate_of_another_name_is_told_as_that(authority, sqlite_url):
    bundle = authority.certificate
    with (
        behind(authority, sqlite_url) as (server, outside),
        pytest.raises(CatalogError, match="its certificate is not trusted: Hostname mismatch"),
    ):
        Catalog.open(outside.replace(PROXY, "localhost"), server.token, ca_bundle=bundle)


@pytest.mark.usefixtures("at_once")
def test_a_server_that_speaks_no_https_is_told_as_that(sqlite_url):
    with (
        served(sqlite_url) as server,
        pytest.raises(CatalogError, match="no secure connection comes about"),
    ):
        Catalog.open(server.url.replace("http:", "https:"), server.token)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_that_cannot_be_read_is_named(tmp_path, content):
    bundle = Path(tmp_path / "bundle.pem")
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(CatalogError, match="the certificates cannot be read") as told:
        Catalog.open("https://127.0.0.1:1", "token", ca_bundle=bundle)
    assert told.value.where == str(bundle)
