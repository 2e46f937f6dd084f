"""A browser signs in at a real identity provider, and reads until it signs out."""

import re

import httpx2
import pytest

from mesh.serving.identity.signing_in import Identities
from mesh.settings import load
from tests.peers.identity.provider import SECRET, followed
from tests.serving.identity.knowing import HOST, Knowing, settings_of

PRODUCTS = "/api/v1/products"


def signed_in(client, back="/api/v1/me") -> str:
    """Let a browser sign in: where it goes then."""
    begun = client.get("/login", params={"back": back})
    assert begun.status_code == 302, begun.text
    with httpx2.Client() as browser:
        came_back = followed(browser, begun.headers["location"])
    done = client.get(came_back)
    assert done.status_code == 302, done.text
    return done.headers["location"]


def proof_in(page) -> str:
    """What the page for signing out sends with its form."""
    return re.search(r'name="proof" value="([^"]+)"', page.text)[1]


def signed_out(client):
    """Press the button."""
    return client.post("/logout", data={"proof": proof_in(client.get("/logout"))})


@pytest.fixture
def client(knowing):
    return knowing().client()


def test_who_signed_in_reads_until_they_sign_out(client):
    assert client.get(PRODUCTS).status_code == 401
    assert signed_in(client) == "/api/v1/me"
    assert client.get(PRODUCTS).status_code == 200
    assert client.get("/api/v1/me").json() == {
        "name": "ana@example.com",
        "scopes": ["read"],
        "roles": ["analyst"],
        "domains": [],
    }
    assert client.head(PRODUCTS).status_code == 200
    page = client.get("/logout")
    assert "Signed in as ana@example.com." in page.text
    assert client.get(PRODUCTS).status_code == 200
    assert signed_out(client).headers["location"] == "/docs"
    assert client.get(PRODUCTS).status_code == 401
    assert client.get("/logout").headers["location"] == "/docs"
    assert client.post("/logout").headers["location"] == "/docs"


def test_a_session_ends_by_itself(knowing):
    known: Knowing = knowing(session_seconds=60)
    client = known.client()
    signed_in(client)
    known.clock.now += 61
    assert client.get(PRODUCTS).status_code == 401


def test_a_client_with_a_secret_signs_people_in_over_https(knowing):
    known: Knowing = knowing(client="portal", client_secret=SECRET, url="https://mesh.test/")
    client = known.client(base_url="https://mesh.test", host="0.0.0.0")
    signed_in(client)
    assert client.get("/api/v1/me").json()["name"] == "ana@example.com"
    assert {cookie.name for cookie in client.cookies.jar} == {"__Host-mesh-session"}
    assert all(cookie.secure for cookie in client.cookies.jar)


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(client):
    begun = client.get("/login")
    with httpx2.Client() as browser:
        done = client.get(followed(browser, begun.headers["location"]))
    for line in (*begun.headers.get_list("set-cookie"), *done.headers.get_list("set-cookie")):
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(line.split("; "))
    assert (begun.headers["cache-control"], done.headers["cache-control"]) == ("no-store",) * 2


def test_where_browsers_reach_the_server_has_to_be_known(knowing):
    anywhere = knowing().client(host="0.0.0.0")
    answer = anywhere.get("/login")
    assert (answer.status_code, "identity.url" in answer.json()["hint"]) == (404, True)
    nobody = knowing(client="", clients=["other"]).client()
    assert nobody.get("/login").status_code == 404


def test_while_the_provider_is_away_nobody_signs_in_and_sessions_go_on(provider, knowing):
    known: Knowing = knowing()
    client = known.client()
    signed_in(client)
    provider.order("down")
    try:
        other = knowing().client(base_url=HOST)
        assert other.get("/login").status_code == 503
        assert client.get(PRODUCTS).status_code == 200
    finally:
        provider.order("up")


def test_servers_of_one_secret_know_each_other_s_sessions(provider, catalog, tmp_path):
    def server(secret: str) -> Knowing:
        settings = load(tmp_path, identity=settings_of(provider), access={"secret": secret * 32})
        known = Knowing(catalog, settings.identity)
        known.identities = Identities.of(settings)
        return known

    client = server("a").client()
    signed_in(client)
    cookie = client.cookies["mesh-session"]
    assert server("a").identities.of_cookie(cookie)[0].name == "ana@example.com"
    assert server("b").identities.of_cookie(cookie) is None
