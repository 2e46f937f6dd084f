"""Files of a lake are handed out by the word of the provider, and for as long as it holds."""

import json

import pytest
from starlette.testclient import TestClient

from mesh.catalog.store import Catalog
from mesh.serving.app import make_app
from mesh.serving.sharing.sharing import Sharing
from tests.peers.identity.provider import TOLD, running
from tests.serving.identity.knowing import HOST, Knowing, settings_of
from tests.serving.sharing import lakes as shared

SECRETS = "/delta-sharing/shares/mesh/schemas/vault/tables/secrets_v1/query"


@pytest.fixture(scope="module")
def provider():
    """One that says that Ana is in a group which owns what is private."""
    ana = {"email": "ana@example.com", "email_verified": True, "groups": ["vault-team"]}
    with running(people=TOLD["people"] | {"ana": ana}) as found:
        yield found


@pytest.fixture
def lake_shared(tmp_path):
    """A lake on disk."""
    return shared.make(tmp_path)


@pytest.fixture
def serving(lake_shared, provider):
    """The server, and what it knows of people."""
    with Catalog.open(lake_shared.database) as catalog:
        known, deciding = Knowing(catalog, settings_of(provider)), lake_shared.deciding
        ours = known.identities
        sharing = Sharing.of(catalog, lake_shared.settings, deciding, ours)
        told = lake_shared.settings.serving
        app = make_app(catalog, told, deciding=deciding, sharing=sharing, identities=ours)
        yield TestClient(app, base_url=HOST), known


def test_a_link_is_good_for_who_asked_in_a_group_until_their_token_ends(serving, provider):
    client, known = serving
    bearer = {"authorization": f"Bearer {provider.of_person()['access_token']}"}
    answer = client.post(SECRETS, json={}, headers=bearer)
    assert answer.status_code == 200, answer.text
    (url,) = [
        told["file"]["url"]
        for line in answer.text.splitlines()
        if "file" in (told := json.loads(line))
    ]
    assert client.get(url).content.startswith(b"PAR1")
    known.clock.now += 601
    assert client.get(url).status_code == 403


def test_a_token_of_the_mesh_s_own_for_the_same_name_is_in_no_group(serving, lake_shared):
    client, _known = serving
    bearer = {"authorization": f"Bearer {lake_shared.token(shared.ANA)}"}
    assert client.post(SECRETS, json={}, headers=bearer).status_code in {403, 404}
