"""What every request meets: ids, tags, problems, and headers for browsers."""

import pytest
from starlette.testclient import TestClient

from mesh.catalog.store import Catalog
from mesh.serving.app import make_app
from mesh.settings import ServingSettings
from tests.catalog.factories import receipt
from tests.serving.conftest import HOST, WEATHER

PRODUCT = f"/api/v1/products/{WEATHER}"


def test_an_answer_that_is_known_is_not_sent_again(client, catalog):
    first = client.get(PRODUCT)
    tag = first.headers["etag"]
    assert client.get(PRODUCT).headers["etag"] == tag
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = client.get(PRODUCT, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    assert client.get(PRODUCT, headers={"if-none-match": '"other"'}).status_code == 200
    catalog.record(receipt(WEATHER, 9))
    changed = client.get(PRODUCT, headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_head_is_get_without_a_body(client):
    answer, whole = client.head(PRODUCT), client.get(PRODUCT)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == whole.headers["etag"]
    assert answer.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize("path", [PRODUCT, "/nothing", "/docs", "/healthz"])
def test_every_answer_keeps_browsers_from_guessing(client, path):
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_an_answer_that_depends_on_who_asks_is_kept_by_nobody_else(client):
    headers = client.get(PRODUCT).headers
    assert headers["cache-control"] == "private, no-cache"
    assert headers["vary"] == "authorization, cookie"
    assert client.get("/nothing").headers["cache-control"] == "no-store"


def test_a_request_has_an_id_which_a_harmless_caller_may_choose(client):
    assert client.get("/healthz", headers={"x-request-id": "my-id.1"}).headers["x-request-id"] == (
        "my-id.1"
    )
    for bad in ("a b", "x" * 65, "<script>"):
        given = client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"]
        assert given != bad
        assert len(given) == 16
    assert client.get("/nothing").json()["request_id"]


def test_other_names_for_this_machine_are_not_served(client):
    answer = client.get("/api/v1/products", headers={"host": "evil.example.org"})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    for host in ("localhost:8080", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_names_that_are_set_are_served(catalog):
    app = make_app(catalog, ServingSettings(names=["catalog.example.org"]))
    client = TestClient(app, base_url="http://catalog.example.org")
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz", headers={"host": "localhost"}).status_code == 421


def test_pages_of_other_origins_may_not_read_unless_it_is_set(client, catalog):
    asked = {"origin": "https://app.example.org"}
    assert "access-control-allow-origin" not in client.get(PRODUCT, headers=asked).headers
    app = make_app(catalog, ServingSettings(origins=["https://app.example.org"]))
    open_to = TestClient(app, base_url=HOST)
    found = open_to.get(PRODUCT, headers=asked).headers
    assert found["access-control-allow-origin"] == "https://app.example.org"
    other = open_to.get(PRODUCT, headers={"origin": "https://evil.example.org"}).headers
    assert "access-control-allow-origin" not in other


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/v1/products/", 404),
        ("DELETE", "/api/v1/products", 405),
        ("GET", "/api/v1/products?limit=0", 422),
        ("GET", "/api/v1/products/no.such_v1", 404),
        ("GET", "/api/v1/products/..%2f..%2fetc", 404),
        ("POST", "/api/v1/catalog/record", 415),
    ],
)
def test_every_error_is_a_problem(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:mesh:problem:")
    assert told["title"]
    assert told["detail"]


def test_a_server_that_fails_tells_the_id_and_no_more(catalog, monkeypatch, caplog):
    def broken(*_):
        message = "secret of the machine"
        raise RuntimeError(message)

    app = make_app(catalog, ServingSettings())
    client = TestClient(app, base_url=HOST, raise_server_exceptions=False)
    monkeypatch.setattr(Catalog, "domains", broken)
    answer = client.get("/api/v1/domains", headers={"x-request-id": "find-me"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["request_id"] == "find-me"
    assert "request find-me failed" in caplog.text
