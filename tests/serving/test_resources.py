"""Everything the catalog knows can be asked for, a page at a time."""

import math
from dataclasses import replace

import pytest

from mesh.catalog.model import RefusalRecord
from mesh.products.glossary import BusinessTerm
from tests.catalog.factories import domain, product, receipt, refusal
from tests.serving.conftest import DELAYS, FLIGHTS, WEATHER

API = "/api/v1"


def got(client, path, **query):
    answer = client.get(f"{API}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(page):
    return [item["name"] for item in page["items"]]


def test_products_are_listed_by_name(client):
    page = got(client, "/products")
    assert names(page) == [FLIGHTS, DELAYS, WEATHER, "weather.stations_v1"]
    assert page["next"] is None
    weather = page["items"][2]
    assert weather["owner"] == {
        "role": "product_owner",
        "name": "Ada Öwner",
        "email": "ada@example.org",
    }
    assert (weather["contract_version"], weather["table_version"]) == ("1.1.0", 4)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"domain": "operations"}, [FLIGHTS]),
        ({"q": "STATION"}, ["weather.stations_v1"]),
        ({"q": "%"}, []),
        ({"published": "true"}, [DELAYS, WEATHER]),
        ({"published": "false", "domain": "weather"}, ["weather.stations_v1"]),
        ({"declared": "false"}, []),
        ({"owner": "nobody@example.org"}, []),
        ({"owner": "ada@example.org", "domain": "operations"}, [FLIGHTS]),
        ({"kind": "source-aligned", "domain": "operations"}, [FLIGHTS]),
        ({"kind": "consumer-aligned"}, []),
        ({"access": "protected", "engine": "python", "domain": "operations"}, [FLIGHTS]),
    ],
)
def test_products_are_filtered(client, query, found):
    assert names(got(client, "/products", **query)) == found


def test_pages_hold_every_product_once(client):
    found, cursor = [], None
    while True:
        page = got(client, "/products", limit=1, **({"cursor": cursor} if cursor else {}))
        found += names(page)
        if (cursor := page["next"]) is None:
            break
    assert found == [FLIGHTS, DELAYS, WEATHER, "weather.stations_v1"]


def test_a_page_goes_on_where_it_ended_whatever_is_written_meanwhile(client, catalog):
    first = got(client, "/products", limit=2)
    catalog.register(domain("aviation", product("aviation.airports_v1")))
    second = got(client, "/products", limit=2, cursor=first["next"])
    assert names(first) + names(second) == [FLIGHTS, DELAYS, WEATHER, "weather.stations_v1"]
    newest = got(client, f"/products/{WEATHER}/receipts", limit=2)
    catalog.record(receipt(WEATHER, 5))
    older = got(client, f"/products/{WEATHER}/receipts", limit=9, cursor=newest["next"])
    versions = [item["table_version"] for page in (newest, older) for item in page["items"]]
    assert versions == [4, 3, 2, 1, 0]


def test_refusals_are_paged_newest_first(client):
    first = got(client, f"/products/{WEATHER}/refusals", limit=2)
    rest = got(client, f"/products/{WEATHER}/refusals", limit=2, cursor=first["next"])
    hours = [item["refused_at"][11:13] for page in (first, rest) for item in page["items"]]
    assert hours == ["14", "13", "12"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "cursor", ["abc", "WzFd", "W10", "bnVsbA", "eyJhIjoxfQ", "WyJcdTAwMDAiXQ", "W" * 500]
)
@pytest.mark.parametrize("path", ["/products", f"/products/{WEATHER}/receipts"])
def test_a_cursor_that_is_none_of_ours_finds_no_page(client, path, cursor):
    answer = client.get(f"{API}{path}", params={"cursor": cursor})
    assert answer.status_code == 404
    assert "leave the cursor out" in answer.json()["hint"]


def test_a_product_is_found_with_or_without_its_major(client):
    whole = got(client, f"/products/{WEATHER}")
    assert got(client, "/products/weather.observations") == whole
    assert (whole["name"], whole["rows_accepted"]) == (WEATHER, 26_114)
    assert whole["tags"] == {"season": "all"}


def test_a_product_tells_its_terms_and_what_its_documentation_lacks(client, catalog):
    gust = BusinessTerm(
        id="fleet.gust",
        name="gust",
        definition="A short burst of wind.",
        applies_to=(WEATHER, f"{WEATHER}.speed", "weather.stations_v1"),
    )
    catalog.register(replace(domain("fleet"), terms=(gust,)))
    found = got(client, f"/products/{WEATHER}")
    assert found["glossary"] == [
        {
            "id": "fleet.gust",
            "name": "gust",
            "definition": "A short burst of wind.",
            "is_whole": True,
            "columns": ["speed"],
        }
    ]
    (hit,) = [hit for hit in got(client, "/search")["items"] if hit["key"] == WEATHER]
    assert found["documentation"]["score"] == hit["completeness"] < 1
    assert "description of column origin" in found["documentation"]["missing"]
    assert sum(part["weight"] for part in found["documentation"]["parts"]) == pytest.approx(1)


def test_a_product_tells_its_inputs_and_its_consumers(client):
    inputs = got(client, f"/products/{DELAYS}/inputs")
    assert [(item["port"], item["product"]) for item in inputs] == [
        ("weather", WEATHER),
        ("flights", FLIGHTS),
    ]
    used = got(client, f"/products/{WEATHER}/consumers")
    assert [(use["product"], use["version"]) for use in used["uses"]] == [(DELAYS, 4)]
    assert [item["consumer"] for item in used["expectations"]] == [DELAYS]


def test_a_contract_and_its_history_are_shown(client, catalog):
    now = got(client, f"/products/{WEATHER}/contract")
    assert now["version"] == "1.1.0"
    assert now["digest"] == catalog.product(WEATHER).contract.digest
    history = got(client, f"/products/{WEATHER}/contracts")
    assert [(item["version"], item["is_current"]) for item in history] == [
        ("1.0.0", False),
        ("1.1.0", True),
    ]
    first = got(client, f"/products/{WEATHER}/contracts/1")
    assert [column["name"] for column in first["columns"]] == ["origin", "speed", "owner"]
    assert client.get(f"{API}/products/{WEATHER}/contracts/3").status_code == 404


def test_what_json_has_no_number_for_is_a_text(client):
    speed = got(client, f"/products/{WEATHER}/contract")["rules"][1]
    assert speed["arguments"] == {"min_value": 0.0, "max_value": "Infinity"}


def test_samples_that_are_no_text_are_shown_all_the_same(client, catalog):
    page = got(client, f"/products/{WEATHER}/refusals", limit=1)
    verdict = page["items"][0]["verdict"]
    assert verdict["findings"][0]["samples"] == [{"speed": "NaN", "origin": "E\0W?R"}]
    record = RefusalRecord.of(refusal(WEATHER))
    assert math.isnan(record.verdict["findings"][0]["samples"][0]["speed"])


def test_receipts_are_found_by_id_and_by_run(client):
    (found,) = got(client, "/receipts", run="run-3")
    assert (found["product"], found["table_version"]) == (WEATHER, 3)
    assert got(client, f"/receipts/{found['publication_id']}") == found
    assert got(client, "/receipts", run="nothing") == []
    assert client.get(f"{API}/receipts/00ff").status_code == 404


def test_lineage_is_followed_both_ways_and_no_further_than_asked(client):
    up = got(client, f"/products/{DELAYS}/lineage", direction="up")
    assert {node["product"] for node in up["nodes"]} == {DELAYS, WEATHER, FLIGHTS}
    down = got(client, "/lineage", dataset=WEATHER, direction="down")
    assert [node["product"] for node in down["nodes"]] == [WEATHER, DELAYS]
    (edge,) = down["edges"]
    assert edge["versions"] == [{"downstream": 0, "upstream": 4}]
    assert client.get(f"{API}/lineage", params={"dataset": "no.such_v1"}).status_code == 404


def test_a_product_that_only_receipts_speak_of_has_its_receipts(client, catalog):
    catalog.record(receipt("gone.away_v1", 0))
    assert len(got(client, "/products/gone.away_v1/receipts")["items"]) == 1
    assert client.get(f"{API}/products/gone.away_v1").status_code == 404


def test_domains_are_listed_with_their_people(client):
    assert [item["name"] for item in got(client, "/domains")] == [
        "operations",
        "punctuality",
        "weather",
    ]
    found = got(client, "/domains/weather")
    assert (found["title"], len(found["people"])) == ("Weather", 5)
    missing = client.get(f"{API}/domains/wether")
    assert missing.status_code == 404
    assert missing.json()["near"] == ["weather"]


def test_the_server_says_how_it_is(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}
    told = got(client, "/version")
    assert (told["api"], told["protocol"], told["reading"]) == ("v1", 1, "open")


def test_a_catalog_that_cannot_be_used_is_503_and_tells_nothing_of_the_server(
    client, catalog, tmp_path
):
    catalog.close()
    (tmp_path / "catalog.db").write_bytes(b"no database at all, but a text" * 50)
    for path in ("/readyz", f"{API}/products"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert str(tmp_path) not in answer.text
    assert client.get("/healthz").status_code == 200


def test_the_page_for_people_lists_every_resource_and_loads_nothing(client):
    page = client.get("/docs").text
    assert "/api/v1/products/{name}/contract" in page
    assert "<script" not in page
    assert "http://" not in page.replace("http://localhost", "")
