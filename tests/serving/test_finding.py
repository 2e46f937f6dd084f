"""Search and terms over HTTP."""

from tests.catalog.factories import domain, product
from tests.serving.conftest import DELAYS, WEATHER


def test_products_are_found_with_reason_facets_and_pages(client):
    page = client.get("/api/v1/search", params={"q": "weather", "limit": 1}).json()

    assert page["items"][0]["matches"]
    assert page["items"][0]["is_governed"] is True
    assert {item["value"] for item in page["facets"]["domain"]} >= {"weather"}
    following = client.get(
        "/api/v1/search", params={"q": "weather", "limit": 1, "cursor": page["next"]}
    ).json()
    assert following["items"][0]["name"] != page["items"][0]["name"]
    narrowed = client.get("/api/v1/search", params={"domain": "punctuality"}).json()
    assert [item["name"] for item in narrowed["items"]] == [DELAYS]


def test_terms_are_told(client, catalog):
    assert client.get("/api/v1/terms").json() == []
    assert client.get("/api/v1/terms/nothing").status_code == 404
    catalog.register(domain("fleet", product("fleet.aircraft_v1")))
    assert client.get("/api/v1/terms", params={"domain": "fleet"}).json() == []


def test_a_cursor_of_another_list_is_a_problem(client):
    answer = client.get("/api/v1/search", params={"q": WEATHER, "cursor": "zzz"})

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code in {404, 422}
