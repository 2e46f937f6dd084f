"""People and services are known by access tokens of a real identity provider."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mesh.access.model import PrincipalKind
from mesh.catalog.tokens import Scope
from mesh.errors import IdentityError, SettingsError
from mesh.serving.identity.provider import Provider
from mesh.settings import load
from tests.peers.identity.provider import running
from tests.serving.identity.knowing import Knowing, settings_of


def test_a_person_has_the_name_the_mapped_roles_and_the_attributes_that_the_provider_says(
    provider, knowing
):
    ana = knowing().who(provider.of_person()["access_token"])
    assert (ana.name, ana.kind, ana.is_known) == (
        "ana@example.com",
        PrincipalKind.PERSON,
        True,
    )
    assert (ana.roles, ana.attributes) == ({"analyst"}, {"carrier": "UA"})


def test_a_service_is_the_one_that_settings_map_it_to(provider, knowing):
    found = knowing().who(provider.of_service())
    assert (found.name, found.kind, found.domains) == ("export", PrincipalKind.SERVICE, {"shop"})


def test_a_token_opens_what_tokens_open_and_may_read_alone(provider, knowing):
    client = knowing().client()
    bearer = {"authorization": f"Bearer {provider.of_person()['access_token']}"}
    assert client.get("/api/v1/products").status_code == 401
    assert client.get("/api/v1/products", headers=bearer).status_code == 200
    assert client.post("/api/v1/lineage", headers=bearer, json={}).status_code == 403
    assert client.post("/api/v1/catalog/tokens.all", headers=bearer, json={}).status_code == 403


def test_tokens_of_the_catalog_work_beside_it_also_while_the_provider_is_away(knowing, catalog):
    made = catalog.tokens.create("olga@example.com", [Scope.READ], lasting=60)
    with running() as other:
        away = settings_of(other).model_dump()
    found = knowing(**away).who(made.secret)
    assert (found.name, found.roles) == ("olga@example.com", {"auditor"})


def test_a_group_may_be_given_more_of_the_catalog(provider, knowing):
    known = knowing(catalog_scopes={"analysts": "write"})
    person = known.authority.principal_of_secret(provider.of_person()["access_token"])
    assert person.allowed == {Scope.READ, Scope.EVENTS, Scope.PUBLISH, Scope.WRITE}
    service = known.authority.principal_of_secret(provider.of_service())
    assert service.allowed == {Scope.READ}


def test_keys_that_were_rotated_are_fetched_when_a_token_names_one(catalog):
    with running() as provider:
        known = Knowing(catalog, settings_of(provider))
        before = provider.of_service()
        known.who(before)
        provider.order("rotate", kid="second", keep=True)
        known.clock.now += 61
        assert known.who(provider.of_service()).name == "export"
        assert known.who(before).name == "export"
        provider.order("rotate", kid="third", keep=False)
        known.clock.now += 61
        assert known.who(provider.of_service()).name == "export"
        with pytest.raises(IdentityError, match="has not"):
            known.who(before)


def test_an_access_token_s_identity_is_remembered_for_its_links_until_it_ends(provider, knowing):
    known = knowing()
    found = known.authority.principal_of_secret(provider.of_person()["access_token"])
    assert known.authority.holder(found.name, found.token) == found.who
    assert known.authority.holder("olga@example.com", found.token) is None
    known.clock.now += 601
    assert known.authority.holder(found.name, found.token) is None


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"issuer": "http://id.example.com"}, "issuer: it is https"),
        ({"audience": ""}, "audience: it is needed"),
        ({"audience": "mesh"}, "audience: it is a client's id"),
        ({"client": ""}, "client: name it"),
        ({"url": "https://mesh.example.com/?a=b"}, "url: it is https"),
        ({"services": {"one": "ana@example.com"}}, "services: a service's name"),
    ],
)
def test_settings_that_would_believe_too_much_are_refused(tmp_path, changes, what):
    told = {"issuer": "https://id.example.com", "audience": "https://mesh", "client": "mesh"}
    with pytest.raises(SettingsError, match=what):
        load(tmp_path, identity=told | changes)


def test_whoever_comes_while_keys_are_fetched_waits_for_them_and_they_are_fetched_once(catalog):
    with running() as provider:
        known = Knowing(catalog, settings_of(provider))
        token = provider.of_service()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(known.who, [token] * 8))
        assert {who.name for who in found} == {"export"}
        assert provider.order("asked")["/jwks"] == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_said_at_the_start(provider, tmp_path, content):
    file = tmp_path / "authorities.pem"
    if content:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match="the certificates cannot be read"):
        Provider(settings_of(provider), file)
