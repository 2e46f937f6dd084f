"""Who may read, who may write, and how much of it."""

import pytest
from starlette.testclient import TestClient

from mesh.errors import MeshError
from mesh.serving.app import make_app
from mesh.serving.authority import is_reading_open
from mesh.serving.limits import Buckets
from mesh.serving.problems import ProblemError
from mesh.settings import ServingSettings
from tests.serving.conftest import HOST, WEATHER

PRODUCTS = "/api/v1/products"
CALL = "/api/v1/catalog"
FORGET = f"{CALL}/forget_samples"
NAMED = {"arguments": {"name": WEATHER}}


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "192.0.2.1"}, False),
        ({"host": "0.0.0.0", "reading": "open"}, True),
        ({"reading": "token"}, False),
    ],
)
def test_reading_is_open_by_itself_only_on_this_machine(said, is_open):
    assert is_reading_open(ServingSettings(**said)) is is_open


def test_where_reading_needs_a_token_nobody_reads_without(guarded, bearing):
    answer = guarded.get(PRODUCTS)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="mesh"'
    assert guarded.get(PRODUCTS, headers=bearing("read")).status_code == 200
    assert guarded.get(PRODUCTS, headers=bearing("write")).status_code == 200


def test_a_token_for_events_alone_reads_nothing(guarded, bearing):
    answer = guarded.get(PRODUCTS, headers=bearing("events"))
    assert answer.status_code == 403
    assert "--scope read" in answer.json()["hint"]


def test_health_is_told_to_everybody(guarded):
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200


@pytest.mark.parametrize("sent", ["Bearer wrong", "Bearer ", "Basic YTpi", "mesh_x", "Bearer é"])
def test_a_wrong_token_is_refused_even_where_none_is_needed(client, sent):
    answer = client.get(PRODUCTS, headers={"authorization": sent.encode()})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_revoked_token_is_refused_at_once(guarded, catalog, bearing):
    headers = bearing("read")
    assert guarded.get(PRODUCTS, headers=headers).status_code == 200
    catalog.tokens.revoke(catalog.tokens.all()[0].id)
    assert guarded.get(PRODUCTS, headers=headers).status_code == 401


def test_writing_always_needs_a_token_that_is_good_for_it(client, bearing):
    assert client.post(FORGET, json=NAMED).status_code == 401
    assert client.post(FORGET, json=NAMED, headers=bearing("read")).status_code == 403
    done = client.post(FORGET, json=NAMED, headers=bearing("write"))
    assert (done.status_code, done.json()) == (200, {"result": 3})


def test_methods_that_read_are_for_readers(client, guarded, bearing):
    named = {"arguments": {"name": WEATHER}}
    assert client.post(f"{CALL}/refusals", json=named).status_code == 200
    assert guarded.post(f"{CALL}/refusals", json=named).status_code == 401
    assert guarded.post(f"{CALL}/refusals", json=named, headers=bearing("events")).status_code == (
        403
    )


def test_tokens_are_for_administrators(client, bearing):
    for headers in ({}, bearing("write")):
        answer = client.post(f"{CALL}/tokens.all", json={"arguments": {}}, headers=headers)
        assert answer.status_code in {401, 403}
    done = client.post(f"{CALL}/tokens.all", json={"arguments": {}}, headers=bearing("admin"))
    assert done.status_code == 200
    assert "mesh_" not in done.text


@pytest.mark.parametrize(
    ("operation", "arguments", "status"),
    [
        ("close", {}, 404),
        ("open", {"url": "sqlite:////tmp/other.db"}, 404),
        ("_database", {}, 404),
        ("__init__", {}, 404),
        ("register", {}, 404),
        ("tokens._note_use", {}, 403),
        ("browsing._database", {}, 404),
        ("product", {}, 422),
        ("product", {"name": 5}, 422),
        ("product", {"name": "no.such_v1"}, 404),
        ("product", {"name": WEATHER, "more": 1}, 422),
        ("record", {"receipt": {"product": WEATHER}}, 422),
        ("record", {"receipt": []}, 422),
        ("record_all", {"receipts": [None]}, 422),
        ("register_declared", {"domain": {"name": "a", "manifest": {}, "products": [{}]}}, 422),
        ("lineage", {"name": WEATHER, "direction": "sideways"}, 422),
    ],
)
def test_only_public_methods_are_called_and_only_with_what_fits(
    client, bearing, operation, arguments, status
):
    answer = client.post(
        f"{CALL}/{operation}", json={"arguments": arguments}, headers=bearing("write")
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_newer_client_is_told_to_wait(client, bearing):
    headers = {**bearing("write"), "mesh-protocol": "2"}
    answer = client.post(FORGET, json=NAMED, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["hint"] == "upgrade Mesh on the server"


def test_too_many_requests_are_told_when_to_come_again(catalog):
    app = make_app(catalog, ServingSettings(requests_per_second=1))
    client = TestClient(app, base_url=HOST)
    answers = [client.get(PRODUCTS) for _ in range(4)]
    assert [answer.status_code for answer in answers][:2] == [200, 200]
    refused = answers[-1]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get("/healthz").status_code == 200


def test_a_token_has_a_bucket_of_its_own_and_guessing_one_does_not(catalog, bearing):
    app = make_app(catalog, ServingSettings(requests_per_second=1))
    client = TestClient(app, base_url=HOST)
    guesses = [
        client.get(PRODUCTS, headers={"authorization": f"Bearer {n}"}).status_code for n in range(6)
    ]
    assert guesses[:2] == [401, 401]
    assert guesses[-1] == 429
    assert client.get(PRODUCTS, headers=bearing("read")).status_code == 200


def test_a_bucket_fills_again_with_time():
    now = [0.0]
    buckets = Buckets(2, clock=lambda: now[0])
    for _ in range(4):
        buckets.take("ada")
    with pytest.raises(ProblemError):
        buckets.take("ada")
    buckets.take("bo")
    now[0] = 0.5
    buckets.take("ada")
    with pytest.raises(ProblemError):
        buckets.take("ada")
    now[0] = 1e9
    for _ in range(4):
        buckets.take("ada")


def test_callers_beyond_memory_forget_the_oldest():
    buckets = Buckets(1)
    for number in range(10_050):
        buckets.take(str(number))
    assert len(buckets._levels) == 10_000


def test_an_address_that_cannot_be_had_is_an_error(catalog):
    from pathlib import Path

    from mesh.serving.running import listening
    from mesh.settings import Settings

    settings = Settings(root=Path("/nowhere"), serving=ServingSettings(host="192.0.2.1", port=0))
    with pytest.raises(MeshError, match="nothing can listen there"), listening(catalog, settings):
        pass
