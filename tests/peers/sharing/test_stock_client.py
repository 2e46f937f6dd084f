"""The stock Delta Sharing client reads just what somebody sees, from disk and from S3."""

import json
from urllib.parse import urlsplit

import polars as pl
import pytest

from mesh.lake import Lake
from mesh.settings import ServingSettings
from tests.access.ports import ROWS
from tests.peers.sharing.client import ask
from tests.serving.live import served_with
from tests.serving.sharing import lakes
from tests.serving.sharing.lakes import ANA, CARL, DAN, FLIGHTS, nothing

TABLE = "#mesh.shop.flights_v1"
BOTH = [{}, {"use_delta_format": True}]
SEEN = ["id", "carrier", "tail_number", "day", "left_at", "delay_minutes", "is_late", "fare"]
WHOLE = [*SEEN[:5], "seats", *SEEN[5:]]


@pytest.fixture(scope="module", params=["disk", "moto", "gateway"])
def storage(request, tmp_path_factory):
    """Settings of a place where tables are, of each kind."""
    if request.param == "disk":
        return {}
    lake: Lake = request.getfixturevalue(request.param).lake()
    return {"storage": lake.url.removesuffix("/dev"), "storage_options": dict(lake.options)}


@pytest.fixture(scope="module")
def lake_shared(storage, tmp_path_factory):
    """A lake there, whose flights were published, grew, and had one corrected."""
    root = tmp_path_factory.mktemp("mesh")
    made = lakes.make(root, serving=ServingSettings(port=0), **storage)
    corrected = ROWS[3:].with_columns(carrier=pl.lit("DL"))
    made.publish(FLIGHTS, corrected, "third")
    return made


@pytest.fixture(scope="module")
def served(lake_shared):
    """The same, served."""
    with served_with(lake_shared.database, lake_shared.settings, lake_shared.deciding) as found:
        yield found


@pytest.fixture(scope="module")
def profile(lake_shared, served, tmp_path_factory):
    """The file by which somebody's client reaches the server."""

    def write(name: str) -> str:
        file = tmp_path_factory.mktemp("profile") / f"{name}.share"
        told = {"endpoint": f"{served.url}/delta-sharing", "bearerToken": lake_shared.token(name)}
        file.write_text(json.dumps({"shareCredentialsVersion": 1, **told}))
        return str(file)

    return write


def answers(*questions):
    """What the client gives, none of it an error."""
    found = ask(*questions)
    assert [answer["error"] for answer in found if "error" in answer] == []
    return found


def test_it_lists_what_somebody_sees(profile):
    ana, carl = answers(
        ("tables", {"profile": profile(ANA)}), ("lists", {"profile": profile(CARL)})
    )
    assert ana["tables"] == ["mesh.shop.flights_v1", "mesh.shop.things_v1"]
    assert carl == {"shares": ["mesh"], "schemas": ["shop"], "tables": ["flights_v1"]}


def test_it_reads_whole_tables_in_both_formats(profile):
    url = profile(ANA)
    for found in answers(*[("rows", {"url": url + TABLE, **form}) for form in BOTH]):
        assert found["columns"] == WHOLE
        assert sorted((row[0], row[1], row[2], row[9 - 1]) for row in found["rows"]) == [
            ("1", "UA", "N14228", "-12.50"),
            ("2", "AA", "N1", "9999999.99"),
            ("3", None, None, None),
            ("4", "DL", "N39463", "0.00"),
        ]


def test_it_reads_partitions_a_limit_and_earlier_versions(profile, lake_shared):
    url = profile(ANA)
    moment = lake_shared.lake.table(FLIGHTS.id).commit_at(1).timestamp.isoformat()
    things, few, none, first, second, metadata, version = answers(
        ("rows", {"url": f"{url}#mesh.shop.things_v1"}),
        ("rows", {"url": url + TABLE, "limit": 2}),
        ("rows", {"url": url + TABLE, "limit": 0}),
        ("rows", {"url": url + TABLE, "version": 0}),
        ("rows", {"url": url + TABLE, "timestamp": moment}),
        ("metadata", {"url": url + TABLE}),
        ("version", {"url": url + TABLE}),
    )
    assert sorted(things["rows"]) == [["1", "apple"], ["2", "pear"]]
    assert (len(few["rows"]), len(none["rows"])) == (2, 0)
    assert [row[0] for row in first["rows"]] == ["1", "2"]
    assert sorted(row[1] or "" for row in second["rows"]) == ["", "AA", "UA", "UA"]
    assert metadata == {"columns": WHOLE, "reader": 1}
    assert version == {"version": 2}


def test_it_reads_what_changed_in_both_formats(profile):
    url = profile(ANA)
    for found in answers(
        *[("changes", {"url": url + TABLE, "starting_version": 0, **form}) for form in BOTH]
    ):
        changes = [(row[0], row[1], row[-3], row[-2]) for row in found["rows"]]
        assert sorted(changes, key=lambda row: (row[3], row[0], row[2])) == [
            ("1", "UA", "insert", "0"),
            ("2", "AA", "insert", "0"),
            ("3", None, "insert", "1"),
            ("4", "UA", "insert", "1"),
            ("4", "DL", "update_postimage", "2"),
            ("4", "UA", "update_preimage", "2"),
        ]


def test_rows_and_values_that_are_hidden_never_reach_it(profile):
    url = profile(CARL)
    for found in answers(*[("rows", {"url": url + TABLE, **form}) for form in BOTH]):
        assert found["columns"] == SEEN
        ((key, carrier, tail, *_),) = found["rows"]
        assert (key, carrier) == ("1", "UA")
        assert tail not in {None, "N14228"}


def test_changes_are_those_of_what_is_seen(profile):
    url = profile(CARL)
    for found in answers(
        *[("changes", {"url": url + TABLE, "starting_version": 0, **form}) for form in BOTH]
    ):
        assert found["columns"][: len(SEEN)] == SEEN
        assert sorted((row[0], row[1], row[-3], row[-2]) for row in found["rows"]) == [
            ("1", "UA", "insert", "0"),
            ("4", "UA", "delete", "2"),  # it is no more United's: who sees United sees it go
            ("4", "UA", "insert", "1"),
        ]


def test_a_refusal_is_an_error_that_says_why(profile):
    denied, unknown = ask(
        ("rows", {"url": profile(DAN) + TABLE}),
        ("rows", {"url": f"{profile(ANA)}#mesh.vault.secrets_v1"}),
    )
    assert "403" in denied["error"]
    assert "dan@example.com has no agreement on shop.flights_v1" in denied["error"].replace(
        "'\n             '", ""
    )
    assert "404" in unknown["error"]


def test_a_right_that_ends_is_gone_at_the_next_request(profile, lake_shared):
    url = profile(ANA)
    with lakes.changed(lake_shared.views, ANA, nothing):
        found = ask(
            ("rows", {"url": url + TABLE}),
            ("changes", {"url": url + TABLE, "starting_version": 0}),
            ("tables", {"profile": url}),
        )
    assert "403" in found[0]["error"]
    assert "403" in found[1]["error"]
    assert found[2] == {"tables": []}


def test_files_that_are_seen_whole_come_from_the_store_itself(
    profile, served, lake_shared, storage
):
    import requests

    token = lake_shared.token(ANA)
    headers = {"authorization": f"Bearer {token}"}
    path = f"{served.url}/delta-sharing/shares/mesh/schemas/shop/tables/flights_v1/query"
    answer = requests.post(path, json={}, headers=headers, timeout=60)
    links = [json.loads(line)["file"]["url"] for line in answer.text.splitlines()[2:]]
    assert {urlsplit(link).netloc for link in links} == {urlsplit(served.url).netloc}
    urls = [requests.get(link, timeout=60).url for link in links]
    hosts = {urlsplit(url).netloc for url in urls}
    expected = storage["storage_options"]["aws_endpoint_url"] if storage else served.url
    assert hosts == {urlsplit(expected).netloc}
    assert all("X-Amz-Signature=" in url for url in urls)
