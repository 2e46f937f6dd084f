"""Tokens that an attacker would show in place of the identity provider's, or make of them."""

import base64
import json
import time

import pytest
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey, generate_key

from mesh.catalog.store import Catalog
from mesh.errors import IdentityError, ProviderUnavailableError
from tests.peers.identity.provider import OTHER, running
from tests.serving.identity.knowing import Knowing, claims_of, settings_of, signed


@pytest.fixture(scope="module")
def provider():
    """A real provider."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def keys(provider):
    """The provider's own keys, with which a test signs what the provider never would."""
    return {key["kid"]: key for key in provider.order("private")}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A catalog that nothing is written to."""
    with Catalog.open(f"sqlite:///{tmp_path_factory.mktemp('mesh') / 'catalog.db'}") as opened:
        yield opened


@pytest.fixture
def known(provider, catalog):
    """A server that believes the provider."""
    return Knowing(catalog, settings_of(provider))


def b64(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def refused(known: Knowing, token: str) -> str:
    """Why a token is refused, as the API says it: with 401, and nothing of the token."""
    answer = known.client().get("/api/v1/products", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    with pytest.raises(IdentityError):
        known.authority.principal_of_secret(token)
    return answer.json()["detail"]


def test_a_token_with_the_claims_and_the_signature_is_taken(known, provider, keys):
    for kid in ("first", "curve"):
        assert known.who(signed(keys[kid], claims_of(provider))).name == "ana@example.com"


NOW = int(time.time())
LATER = NOW + 86_400
"""Later than any test runs: those of the whole suite run long after this line."""


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": float("nan")}, "expired"),
        ({"exp": float("inf")}, "expired"),
        ({"exp": 10**400}, "expired"),
        ({"exp": str(LATER)}, "expired"),
        ({"exp": True}, "expired"),
        ({"nbf": LATER}, "not good yet"),
        ({"nbf": float("nan")}, "not good yet"),
        ({"iat": LATER}, "not good yet"),
        ({"iss": "https://evil.example.com"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": OTHER}, "somebody else"),
        ({"aud": "mesh"}, "somebody else"),
        ({"aud": None}, "somebody else"),
        ({"aud": {"https://mesh.test/api": 1}}, "somebody else"),
        ({"client_id": "elsewhere"}, "client"),
        ({"client_id": None}, "client"),
        ({"client_id": ["mesh"]}, "client"),
        ({"azp": "elsewhere"}, "client"),
        ({"nonce": "of an ID token"}, "no access token"),
        ({"typ": "Refresh"}, "no access token"),
        ({"cnf": {"jkt": "a key"}}, "bound"),
        ({"sub": None}, "whose"),
        ({"sub": 7}, "whose"),
        ({"email": "export"}, "no e-mail address"),
        ({"email": "shop.flights_v1"}, "no e-mail address"),
        ({"email": "ana@example.com\nolga@example.com"}, "no e-mail address"),
        ({"email": ["olga@example.com"]}, "no e-mail address"),
        ({"email": ""}, "no e-mail address"),
        ({"email_verified": False}, "verify"),
        ({"email_verified": "false"}, "verify"),
        ({"email": None}, "nobody"),
        ({"email": None, "sub": "nightly"}, "another client's"),
    ],
)
def test_signed_claims_that_do_not_hold_are_refused(known, provider, keys, claims, why):
    assert why in refused(known, signed(keys["first"], claims_of(provider, **claims)))


@pytest.mark.parametrize("payload", [b"[]", b"null", b"{", b"[" * 9_000, b"\xff\xfe", b""])
def test_a_signed_payload_that_is_no_object_is_refused(known, keys, payload):
    refused(known, signed(keys["first"], payload))


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], {}], ids=repr
)
def test_a_token_that_nobody_signed_is_refused(known, provider, alg):
    head = {"alg": alg, "kid": "first", "typ": "at+jwt"}
    for end in (".", ".AAAA"):
        refused(known, f"{b64(head)}.{b64(claims_of(provider))}{end}")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_the_public_key_is_no_secret_to_sign_with(known, provider, keys, alg):
    public = RSAKey.import_key(keys["first"])
    forms = [public.as_pem(private=False), public.as_der(private=False)]
    forms.append(json.dumps(provider.order("public")[0]).encode())
    for form in forms:
        forged = OctKey.import_key(base64.b64encode(form))
        head = {"alg": alg, "kid": "first", "typ": "at+jwt"}
        registry = jws.JWSRegistry(algorithms=[alg])
        body = json.dumps(claims_of(provider)).encode()
        refused(known, jws.serialize_compact(head, body, forged, registry=registry))


def own_key(kid: str) -> dict:
    """A key of the attacker's."""
    return generate_key("RSA", 2048).as_dict(private=True) | {"kid": kid, "alg": "RS256"}


@pytest.mark.parametrize(
    "kid",
    [
        "first", "unknown", "", "../../dev/null", "' UNION SELECT 'x", "http://127.0.0.1:1/keys",
        "first\x00", "a" * 300, None, 7, ["first"],
    ],
)  # fmt: skip
def test_another_key_is_not_believed_under_any_id(known, provider, kid):
    refused(known, signed(own_key("first"), claims_of(provider), kid=kid))


def test_keys_that_a_token_brings_or_names_are_not_looked_at(known, provider):
    with running() as evil:
        (key, *_) = evil.order("private")
        public = {name: key[name] for name in ("kty", "n", "e")}
        where = f"{evil.issuer}/jwks"
        for told in ({"jku": where}, {"x5u": where}, {"jwk": public}, {"x5c": ["AAAA"]}):
            for kid in ("first", "other"):
                refused(known, signed(key, claims_of(provider), kid=kid, **told))
        assert evil.order("asked") == {}


def test_a_key_signs_only_what_it_is_for(known, provider, keys):
    private = {n: v for n, v in keys["first"].items() if n != "alg"} | {"alg": "RS512"}
    refused(known, signed(private, claims_of(provider)))
    refused(known, signed(keys["first"], claims_of(provider), kid="curve"))


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "dpop+jwt", "secevent+jwt", None, 7])
def test_a_token_of_another_kind_is_refused(known, provider, keys, typ):
    assert "kind" in refused(known, signed(keys["first"], claims_of(provider), typ=typ))


def test_an_id_token_is_no_access_token_even_where_kinds_are_not_marked(provider, catalog):
    lax = Knowing(catalog, settings_of(provider, token_types=["at+jwt", "JWT"]))
    told = provider.of_person(nonce="n")
    assert lax.who(told["access_token"]).name == "ana@example.com"
    refused(lax, told["id_token"])


@pytest.mark.parametrize("told", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": False}])
def test_extensions_that_must_be_understood_are_refused(known, provider, keys, told):
    token = signed(keys["first"], claims_of(provider))
    _head, body, signature = token.split(".")
    head = {"alg": "RS256", "kid": "first", "typ": "at+jwt", **told}
    refused(known, f"{b64(head)}.{body}.{signature}")


def test_nothing_of_a_token_can_be_changed(provider, catalog):
    known = Knowing(catalog, settings_of(provider, needed_scope="mesh.read"))
    token = provider.of_person()["access_token"]
    assert known.who(token).name == "ana@example.com"
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    for change in ({"scope": "mesh.read admin"}, {"groups": ["partners"]}, {"exp": NOW + 10**6}):
        refused(known, f"{head}.{b64(claims | change)}.{signature}")
    refused(known, f"{head}.{body}.{signature[:-4]}AAAA")
    refused(known, f"{head}.{body}.")
    refused(known, f"{head}.{body}")
    refused(known, f"{token}.{signature}")
    with pytest.raises(IdentityError):
        known.authority.principal_of_secret(f"{token}é")


def test_a_token_without_the_needed_scope_is_refused(provider, catalog):
    known = Knowing(catalog, settings_of(provider, needed_scope="mesh.read"))
    assert known.who(provider.of_service(scope="mesh.read")).name == "export"
    assert "scope" in refused(known, provider.of_service())


def test_tokens_that_the_provider_gave_others_are_refused(known, provider):
    assert "client" in refused(known, provider.of_service("impostor"))
    assert "client" in refused(known, provider.of_person(client="elsewhere")["access_token"])
    assert "somebody else" in refused(known, provider.of_service(resource=OTHER))
    assert "kind" in refused(known, provider.of_person()["id_token"])


def test_nobody_takes_another_s_name(known, provider):
    assert "verify" in refused(known, provider.of_person("mal")["access_token"])
    assert "nobody" in refused(known, provider.of_person("nobody")["access_token"])
    assert "another client's" in refused(known, provider.of_person("nightly")["access_token"])


def test_a_token_of_another_provider_with_the_same_people_is_refused(known):
    with running() as evil:
        evil.order("rotate", kid="first", keep=False)
        assert "signature" in refused(known, evil.of_person()["access_token"])


def test_huge_tokens_are_refused_before_anything_is_made_of_them(known, provider, keys):
    long = signed(keys["first"], claims_of(provider, groups=["g" * 100] * 10_000))
    nested = b64(b"[" * 12_000) + ".e30.AAAA"
    for token in (long, "." * 100_000, "a" * 10**6, nested, b64(b'{"a":' * 150) + ".e30.AAAA"):
        with pytest.raises(IdentityError):
            known.authority.principal_of_secret(token)


def test_invented_key_ids_make_the_server_ask_once_a_minute(provider, catalog):
    known = Knowing(catalog, settings_of(provider))
    key = own_key("k")
    known.who(provider.of_service())
    before = provider.order("asked")["/jwks"]
    for number in range(50):
        refused(known, signed(key, claims_of(provider), kid=f"k{number}"))
    assert provider.order("asked")["/jwks"] == before
    known.clock.now += 61
    for number in range(50):
        refused(known, signed(key, claims_of(provider), kid=f"k{number}"))
    assert provider.order("asked")["/jwks"] == before + 1


def test_while_the_provider_is_away_keys_that_are_known_go_on_for_a_day(catalog):
    with running(token_seconds=10**6) as provider:
        known = Knowing(catalog, settings_of(provider))
        token = provider.of_service()
        known.who(token)
        provider.order("down")
        known.clock.now += 3600
        assert known.who(token).name == "export"
        known.clock.now += 61
        other = signed(own_key("new"), claims_of(provider))
        answer = known.client().get(
            "/api/v1/products", headers={"authorization": f"Bearer {other}"}
        )
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "identity.issuer" in answer.json()["hint"]
        known.clock.now += 24 * 3600
        with pytest.raises(ProviderUnavailableError):
            known.who(token)
        provider.order("up")
        known.clock.now += 61
        assert known.who(token).name == "export"


def test_a_provider_that_calls_itself_otherwise_is_not_believed(provider, catalog):
    other = provider.issuer.replace("127.0.0.1", "localhost")
    known = Knowing(catalog, settings_of(provider, issuer=other))
    with pytest.raises(ProviderUnavailableError, match="calls itself otherwise"):
        known.who(provider.of_service())
