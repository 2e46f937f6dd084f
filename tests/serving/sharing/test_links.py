"""A link leads to one file, for who was given it, as long as they see what they saw."""

import base64
import json
from urllib.parse import urlsplit

import polars as pl
import pytest

from mesh.catalog.store import Catalog
from mesh.serving.sharing.grants import Signer
from mesh.serving.sharing.refusing import RefusedError
from tests.access.ports import ROWS
from tests.serving.sharing import lakes
from tests.serving.sharing.conftest import at, lines
from tests.serving.sharing.lakes import ANA, CARL, FLIGHTS, nothing, of_united, whole

TABLE = "shop.flights_v1"


def link_of(asking, table=TABLE, at=0):
    """The link to a file of a table."""
    return asking.files(table)[at]["url"]


def parts(link):
    """Grant, file and signature of a link."""
    grant, file = urlsplit(link).path.split("/")[-2:]
    return grant, file, urlsplit(link).query.removeprefix("X-Amz-Signature=")


def put(grant, file, signature):
    """A link of these parts."""
    return f"http://localhost/delta-sharing/files/{grant}/{file}?X-Amz-Signature={signature}"


def said(grant):
    """What a grant says."""
    return json.loads(base64.urlsafe_b64decode(grant + "=" * (-len(grant) % 4)))


def unsigned(content):
    """A grant that says something else."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def status(client, link, **headers):
    """How a link is answered; never with a failure of the server."""
    answer = client.get(link, headers=headers)
    if answer.status_code != 200:
        assert set(answer.json()) == {"errorCode", "message"}, answer.text
    return answer.status_code


def test_a_link_needs_no_token_and_gives_the_file(ana, client):
    link = link_of(ana)
    answer = client.get(link)
    assert answer.content[:4] == answer.content[-4:] == b"PAR1"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "x-request-id" in answer.headers


def test_a_link_names_no_path(ana, carl, lake_shared):
    names = {file.path for file in lake_shared.lake.table(FLIGHTS.id).snapshot().files}
    for asking in (ana, carl):
        link = link_of(asking)
        text = json.dumps(said(parts(link)[0])) + link
        assert "parquet" not in text
        assert not any(name in text for name in names)


def test_head_tells_of_the_file_and_sends_none_of_it(ana, client):
    link = link_of(ana)
    size = len(client.get(link).content)
    answer = client.head(link)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(size)
    part = client.head(link, headers={"range": "bytes=0-3"})
    assert (part.status_code, part.headers["content-length"]) == (206, "4")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-3", 0, 4),
        ("bytes=4-", 4, None),
        ("bytes=-4", -4, None),
        ("bytes=0-999999999999", 0, None),
        ("bytes=-999999999999", 0, None),
    ],
)
def test_a_range_is_that_part_of_the_file(ana, client, asked, first, last):
    link = link_of(ana)
    content = client.get(link).content
    answer = client.get(link, headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == content[first:last]
    assert answer.headers["content-range"].endswith(f"/{len(content)}")


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=5-4", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(ana, client, asked):
    answer = client.get(link_of(ana), headers={"range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,2-3",
        "bytes=" + ",".join("0-" for _ in range(1000)),
        "bytes=-",
        "bytes=a-b",
        "bytes=0x0-0x4",
        "bytes=\u0660-\u0663",
        "rows=0-1",
        "bytes=00000000000000000000000000-1",
        "bytes=-1-1",
    ],
)
def test_what_is_no_single_range_gives_the_whole_file(ana, client, asked):
    link = link_of(ana)
    answer = client.get(link, headers={"range": asked.encode()})
    assert answer.status_code == 200
    assert answer.content == client.get(link).content


def test_a_range_of_another_file_gives_the_whole_of_this_one(ana, client):
    link = link_of(ana)
    tag = client.head(link).headers["etag"]
    part = {"range": "bytes=0-3"}
    assert client.get(link, headers={**part, "if-range": tag}).status_code == 206
    assert client.get(link, headers={**part, "if-range": '"other"'}).status_code == 200


def test_a_file_of_another_table_is_not_in_the_link(ana, client):
    grant, _, signature = parts(link_of(ana))
    _, other, _ = parts(link_of(ana, "shop.things_v1"))
    assert status(client, put(grant, other, signature)) == 404


def test_a_file_that_is_seen_whole_is_not_in_the_link_of_who_sees_less(ana, carl, client):
    grant, _, signature = parts(link_of(carl))
    _, file, _ = parts(link_of(ana))
    assert status(client, put(grant, file, signature)) == 404


def test_what_a_link_says_cannot_be_changed(carl, ana, client):
    grant, file, signature = parts(link_of(carl))
    before = said(grant)
    others = said(parts(link_of(ana))[0])
    for position, value in enumerate(before):
        for changed in (others[position], 9_999_999_999 if isinstance(value, int) else f"{value}x"):
            content = [*before[:position], changed, *before[position + 1 :]]
            if content != before:
                assert status(client, put(unsigned(content), file, signature)) == 403


@pytest.mark.parametrize(
    "signature", ["", "0" * 64, "é" * 32, "%00", "a" * 101, "X-Amz-Signature=", "../../secret"]
)
def test_a_link_without_its_signature_is_refused(ana, client, signature):
    grant, file, _ = parts(link_of(ana))
    assert status(client, put(grant, file, signature)) in {400, 403}


@pytest.mark.parametrize(
    "file",
    [
        "../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2fcatalog.db",
        "..%252f..%252fcatalog.db",
        "%2fetc%2fpasswd",
        "rows.parquet",
        "copy.json",
        "_delta_log%2f00000000000000000000.json",
        "%00",
        "a" * 5_000,
        "\u0663",
    ],
)
@pytest.mark.parametrize("who", [ANA, CARL])
def test_no_path_is_a_file_of_a_link(asking, client, who, file):
    grant, _, signature = parts(link_of(asking(who)))
    assert client.get(put(grant, file, signature)).status_code == 404


@pytest.mark.parametrize("grant", ["..%2f..%2fsecret", "WyJhIl0", "%00", "A" * 5_000, "é"])
def test_no_text_is_a_grant(ana, client, grant):
    _, file, signature = parts(link_of(ana))
    assert status(client, put(grant, file, signature)) in {403, 404}


def test_a_link_ends(ana, client, monkeypatch):
    link = link_of(ana)
    ends = said(parts(link)[0])[-1]
    monkeypatch.setattr("mesh.serving.sharing.grants.time.time", lambda: ends - 1)
    assert status(client, link) == 200
    monkeypatch.setattr("mesh.serving.sharing.grants.time.time", lambda: ends)
    assert status(client, link) == 403


def test_a_link_ends_with_the_token_that_asked(ana, client, lake_shared):
    link = link_of(ana)
    with Catalog.open(lake_shared.database) as catalog:
        for record in catalog.tokens.all():
            if record.principal == ANA:
                catalog.tokens.revoke(record.id)
    assert status(client, link) == 403


@pytest.mark.parametrize("now", [nothing, of_united])
def test_a_link_ends_with_what_its_holder_sees(ana, client, lake_shared, now):
    link = link_of(ana)
    with lakes.changed(lake_shared.views, ANA, now):
        assert status(client, link) == 403
    assert status(client, link) == 200


@pytest.mark.parametrize("now", [nothing, whole])
def test_a_link_to_a_copy_ends_with_what_its_holder_sees(carl, client, lake_shared, now):
    rows = link_of(carl)
    (_, _, *changes) = lines(carl.get(f"{at(TABLE)}/changes?startingVersion=1"))
    links = [rows, *(line["cdf"]["url"] for line in changes)]
    with lakes.changed(lake_shared.views, CARL, now):
        assert [status(client, link) for link in links] == [403] * len(links)
    assert [status(client, link) for link in links] == [200] * len(links)


def test_a_token_beside_a_link_is_its_holders(ana, carl, client):
    link = link_of(ana)
    bearer = {
        name: {"authorization": f"Bearer {who.token}"} for name, who in (("a", ana), ("c", carl))
    }
    assert status(client, link, **bearer["a"]) == 200
    assert status(client, link, **bearer["c"]) == 403
    assert status(client, link, authorization="Bearer nonsense") == 401


def test_a_file_that_is_there_no_more_is_told_so(ana, client, lake_shared):
    link = link_of(ana)
    table = lake_shared.lake.table(FLIGHTS.id)
    table.store.delete([file.path for file in table.snapshot().files])
    answer = client.get(link)
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_link_of_another_server_is_refused(ana, client):
    other = Signer(b"another key")
    grant, file, _ = parts(link_of(ana))
    with pytest.raises(RefusedError):
        other.opened(grant, parts(link_of(ana))[2])
    assert status(client, put(grant, file, other._signature(grant))) == 403


def test_nothing_but_reading_is_done_by_a_link(ana, client):
    link = link_of(ana)
    for method in ("PUT", "DELETE", "POST", "PATCH"):
        assert client.request(method, link).status_code == 405


def test_rows_of_the_copy_are_those_that_are_seen(carl, client, tmp_path):
    (file,) = carl.files(TABLE)
    content = client.get(file["url"]).content
    found = pl.read_parquet(content)
    assert found["id"].to_list() == [1, 4]
    assert "seats" not in found.columns
    for hidden in ROWS["tail_number"].drop_nulls():
        assert hidden.encode() not in content
    assert json.loads(file["stats"]) == {"numRecords": 2}
