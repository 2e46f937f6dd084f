"""Lists hold what somebody sees anything of, and go on where a page ended."""

import pytest

from mesh.catalog.tokens import Scope
from tests.serving.sharing.lakes import ANA, OLGA


def names(answer):
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def test_there_is_one_share_with_a_schema_a_domain_and_a_table_a_major(ana):
    assert names(ana.get("/shares")) == ["mesh"]
    assert ana.get("/shares/mesh").json()["share"]["name"] == "mesh"
    assert names(ana.get("/shares/mesh/schemas")) == ["shop"]
    assert names(ana.get("/shares/mesh/schemas/shop/tables")) == ["flights_v1", "things_v1"]
    table = ana.get("/shares/mesh/all-tables").json()["items"][0]
    assert (table["share"], table["schema"], table["name"]) == ("mesh", "shop", "flights_v1")


def test_lists_hold_only_what_somebody_sees(asking, carl, dan):
    assert names(asking(OLGA).get("/shares/mesh/schemas")) == ["shop", "vault"]
    assert names(carl.get("/shares/mesh/all-tables")) == ["flights_v1"]
    assert names(dan.get("/shares")) == []
    for path in ("/shares/mesh", "/shares/mesh/schemas", "/shares/mesh/all-tables"):
        assert dan.get(path).status_code == 404


def test_a_list_goes_on_where_the_page_before_ended(ana):
    first = ana.get("/shares/mesh/all-tables?maxResults=1").json()
    second = ana.get(
        "/shares/mesh/all-tables", params={"maxResults": 1, "pageToken": first["nextPageToken"]}
    ).json()
    assert [item["name"] for item in first["items"]] == ["flights_v1"]
    assert [item["name"] for item in second["items"]] == ["things_v1"]
    assert second["nextPageToken"] == ""


def test_a_page_of_nothing_tells_where_to_begin(ana):
    empty = ana.get("/shares/mesh/all-tables?maxResults=0").json()
    assert empty["items"] == []
    following = ana.get("/shares/mesh/all-tables", params={"pageToken": empty["nextPageToken"]})
    assert names(following) == ["flights_v1", "things_v1"]


@pytest.mark.parametrize(
    "query",
    ["maxResults=-1", "maxResults=ten", "pageToken=%00", "pageToken=bm9uZQ", "pageToken=W10"],
)
def test_a_page_that_cannot_be_is_refused(ana, query):
    answer = ana.get(f"/shares/mesh/all-tables?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"errorCode", "message"}


@pytest.mark.parametrize(
    "path", ["/shares/other", "/shares/mesh/schemas/none/tables", "/shares/mesh/nowhere", "/files"]
)
def test_what_is_not_there_is_told_in_the_protocols_form(ana, path):
    answer = ana.get(path)
    assert answer.status_code == 404
    assert answer.json()["errorCode"] == "RESOURCE_DOES_NOT_EXIST"


def test_everybody_shows_a_token_that_may_read(client, asking):
    assert client.get("/delta-sharing/shares").status_code == 401
    wrong = {"authorization": "Bearer nonsense"}
    assert client.get("/delta-sharing/shares", headers=wrong).status_code == 401
    assert asking(ANA, Scope.EVENTS).get("/shares").status_code == 403
