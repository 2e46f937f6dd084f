"""What an attacker would do to a browser that signs in, or with what it keeps."""

import base64
import json
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from mesh.catalog.store import Catalog
from mesh.errors import IdentityError
from mesh.serving.identity.browsing import own_path
from tests.peers.identity.provider import followed, running
from tests.serving.identity.knowing import HOST, Knowing, claims_of, settings_of, signed
from tests.serving.identity.test_browsing import PRODUCTS, proof_in, signed_in, signed_out

SESSION, LOGIN = "mesh-session", "mesh-login"


@pytest.fixture(scope="module")
def provider():
    """A real provider."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A catalog that nothing is written to."""
    with Catalog.open(f"sqlite:///{tmp_path_factory.mktemp('mesh') / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def known(provider, catalog):
    """A server that believes the provider."""
    return Knowing(catalog, settings_of(provider))


@pytest.fixture
def client(known):
    """A browser."""
    return known.client()


def came_back(client) -> str:
    """The URL of the callback, to which the provider sends a browser."""
    with httpx2.Client() as browser:
        return followed(browser, client.get("/login").headers["location"])


def changed(url: str, **query: str | None) -> str:
    """The URL with other values in its query."""
    told = dict(parse_qsl(urlsplit(url).query)) | query
    kept = {name: value for name, value in told.items() if value is not None}
    return f"{url.partition('?')[0]}?{urlencode(kept)}"


def refused(client, url: str) -> None:
    """Nobody is signed in by that."""
    answer = client.get(url)
    assert answer.status_code == 401, answer.text
    assert SESSION not in client.cookies
    assert client.get(PRODUCTS).status_code == 401


def test_a_code_is_good_once(client, known):
    url = came_back(client)
    login = client.cookies[LOGIN]
    assert client.get(url).status_code == 302
    thief = known.client()
    refused(thief, url)
    thief.cookies.set(LOGIN, login)
    refused(thief, url)


def test_the_answer_to_another_browser_signs_nobody_in(client, known):
    """Otherwise a victim would act as the attacker who sends them the link."""
    attacker = known.client()
    url = came_back(attacker)
    refused(client, url)
    came_back(client)
    refused(client, url)


@pytest.mark.parametrize("state", ["", "x", None, "é", "0" * 5_000])
def test_a_state_that_is_not_this_sign_in_s_is_refused(client, state):
    refused(client, changed(came_back(client), state=state))


@pytest.mark.parametrize(
    "query",
    [{"code": None}, {"code": ""}, {"code": "x"}, {"error": "access_denied"},
     {"iss": "https://evil.example.com"}],
)  # fmt: skip
def test_an_answer_that_is_not_the_provider_s_is_refused(client, query):
    refused(client, changed(came_back(client), **query))


def test_a_code_of_another_sign_in_is_refused_for_its_verifier(client, known):
    other = parse_qs(urlsplit(came_back(known.client())).query)["code"][0]
    refused(client, changed(came_back(client), code=other))


def test_a_sign_in_that_took_too_long_is_begun_anew(client, known):
    url = came_back(client)
    known.clock.now += 601
    refused(client, url)


def test_the_nonce_and_all_else_of_an_id_token_have_to_fit(known, provider, catalog):
    (key, *_) = provider.order("private")
    browsing, told = known.identities.browsing, {"aud": "mesh", "client_id": None}

    def person(**changes):
        claims = claims_of(provider, **{**told, "nonce": "n", **changes})
        return browsing._person(signed(key, claims, typ="JWT"), "n")

    assert person().name == "ana@example.com"
    assert person(aud=["mesh", "portal"], azp="mesh").name == "ana@example.com"
    for wrong in (
        {"nonce": "m"}, {"nonce": None}, {"nonce": ["n"]}, {"aud": "portal"}, {"azp": "portal"},
        {"aud": ["mesh", "portal"]}, {"iss": "https://evil.example.com"}, {"exp": 1},
        {"email": None}, {"email": None, "sub": "nightly"}, {"email_verified": False},
    ):  # fmt: skip
        with pytest.raises(IdentityError):
            person(**wrong)
    for token in (None, "", 7, provider.of_person(nonce="n")["access_token"]):
        with pytest.raises(IdentityError):
            browsing._person(token, "n")


def test_a_session_cannot_be_made_or_changed(client, known):
    signed_in(client)
    cookie = client.cookies[SESSION]
    text, _, seal = cookie.partition(".")
    told = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    forged = json.dumps(told | {"name": "olga@example.com"}).encode()
    other = base64.urlsafe_b64encode(forged).decode().rstrip("=")
    wrong = [f"{other}.{seal}", f"{text}.{seal[:-2]}AA", text, f"{text}.", f".{seal}", "", "." * 9]
    wrong += [f"{other}.", "é.é", "a" * 10_000, f"{text}=.{seal}", f" {cookie}x"]
    for value in wrong:
        assert known.identities.of_cookie(value) is None, value
        asked = known.client().get(
            PRODUCTS, headers={"cookie": f"{SESSION}={value}".encode("latin-1")}
        )
        assert asked.status_code == 401


def test_a_cookie_of_one_kind_is_none_of_another(client, known):
    client.get("/login")
    assert known.identities.of_cookie(client.cookies[LOGIN]) is None
    signed_in(client)
    url = came_back(known.client())
    thief = known.client()
    thief.cookies.set(LOGIN, client.cookies[SESSION])
    refused(thief, url)


def test_a_session_is_always_a_new_one(client, known):
    """Otherwise an attacker would set one before, and share it after."""
    client.cookies.set(SESSION, "of-the-attacker", domain="localhost.local", path="/")
    signed_in(client)
    first = client.cookies.get(SESSION, domain="localhost.local")
    assert first != "of-the-attacker"
    assert known.identities.of_cookie("of-the-attacker") is None
    known.clock.now += 1
    signed_in(client)
    assert client.cookies.get(SESSION, domain="localhost.local") != first


def test_a_session_that_was_ended_is_good_no_more_for_who_copied_it(client, known):
    signed_in(client)
    copied = client.cookies[SESSION]
    assert signed_out(client).status_code == 303
    thief = known.client()
    thief.cookies.set(SESSION, copied)
    assert thief.get(PRODUCTS).status_code == 401


def test_a_link_or_a_form_of_another_page_signs_nobody_out(client, known):
    signed_in(client)
    known.clock.now += 1
    attacker = known.client()
    signed_in(attacker)
    for proof in ("", "x", "é", proof_in(attacker.get("/logout")), client.cookies[SESSION]):
        assert client.post("/logout", data={"proof": proof}).status_code == 403
    assert client.post("/logout", content=b"proof=%ff" * 9).status_code == 403
    assert client.post("/logout", content=b"\xff").status_code == 400
    assert client.post("/logout", content=b"a" * 5_000).status_code == 413
    assert client.get("/logout").status_code == 200
    assert client.get(PRODUCTS).status_code == 200


def test_a_form_that_is_sent_without_the_cookie_takes_none_away(known):
    """As a page elsewhere has a browser send it: the cookie is `SameSite=Lax`."""
    answer = known.client().post("/logout", data={"proof": "x"})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (303, None)


def test_the_page_that_signs_out_shows_names_as_text_and_sends_its_form_home_alone(client):
    signed_in(client)
    page = client.get("/logout")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "private" in page.headers["cache-control"]
    assert "<script" not in page.text


def test_sessions_of_another_server_are_not_known_here(client, provider, catalog):
    signed_in(client)
    other = Knowing(catalog, settings_of(provider))
    assert other.identities.of_cookie(client.cookies[SESSION]) is None


def test_a_session_only_reads_whatever_its_holder_may(provider, catalog):
    """A page elsewhere makes a browser send it."""
    known = Knowing(catalog, settings_of(provider, catalog_scopes={"analysts": "admin"}))
    client = known.client()
    signed_in(client)
    assert "admin" in client.get("/api/v1/me").json()["scopes"]
    call = {"json": {"arguments": {}}}
    for operation in ("products", "tokens.all"):
        assert client.post(f"/api/v1/catalog/{operation}", **call).status_code == 401
    bearer = {"authorization": f"Bearer {provider.of_person()['access_token']}"}
    done = client.post("/api/v1/catalog/tokens.all", headers=bearer, **call)
    assert done.status_code == 200


def test_a_wrong_token_is_not_made_good_by_a_session(client):
    signed_in(client)
    assert client.get(PRODUCTS, headers={"authorization": "Bearer x"}).status_code == 401
    assert client.get(PRODUCTS, headers={"authorization": "Basic eA=="}).status_code == 401


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "\\\\evil", "",
        "/\t/evil.example.com", "/\n/evil", "javascript:alert(1)", "evil.example.com", "/é",
        "/%0d%0aset-cookie:x=y\r\nset-cookie: x=y", "http:/docs", "///evil", "/" + "a" * 2_000,
        "/login", "/logout", "/login/callback", "/.//evil\\", " /docs", "/docs#x", "?a",
    ],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_they_signed_in(back):
    assert own_path(back) == "/docs"


@pytest.mark.parametrize("back", ["/", "/docs", "/api/v1/products?domain=weather&limit=5"])
def test_paths_of_this_server_are_gone_back_to(back):
    assert own_path(back) == back


def test_a_sign_in_ends_at_the_path_that_it_began_with_and_nowhere_else(client):
    assert signed_in(client, back="//evil.example.com") == "/docs"
    url = changed(came_back(client), back="https://evil.example.com", redirect_uri="https://evil")
    assert client.get(url).headers["location"] == "/docs"


@pytest.mark.parametrize("host", ["evil.example.com", "localhost.evil.example.com", "mesh.test"])
def test_a_provider_is_never_told_to_send_the_code_to_another_host(known, host):
    asked = known.client(base_url=f"http://{host}").get("/login")
    assert asked.status_code == 421
    lax = known.client(base_url=HOST).get("/login", headers={"x-forwarded-host": host})
    sent = parse_qs(urlsplit(lax.headers["location"]).query)["redirect_uri"]
    assert sent == [f"{HOST}/login/callback"]


def test_an_answer_for_one_is_not_kept_for_another(client):
    signed_in(client)
    answer = client.get(PRODUCTS)
    assert answer.headers["vary"] == "authorization, cookie"
    assert "private" in answer.headers["cache-control"]
