"""Files in a bucket: by URLs that the store signed, or through the server where clients cannot reach it."""

import time
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from starlette.testclient import TestClient

from mesh.catalog.store import Catalog
from mesh.serving.app import make_app
from mesh.serving.sharing.sharing import Sharing
from mesh.settings import SharingSettings
from tests.serving.sharing import lakes
from tests.serving.sharing.conftest import HOST, Asking
from tests.serving.sharing.lakes import ANA, CARL, FLIGHTS, THINGS, things

TABLE = "shop.flights_v1"


@pytest.fixture(scope="module")
def in_bucket(moto, tmp_path_factory):
    """A lake in a bucket."""
    lake = moto.lake()
    root = tmp_path_factory.mktemp("mesh")
    url, options = lake.url.removesuffix("/dev"), dict(lake.options)
    return lakes.make(root, storage=url, storage_options=options)


@contextmanager
def asked(lake, name, **sharing):
    """Somebody who asks a server of that lake."""
    settings = lake.settings.model_copy(update={"sharing": SharingSettings(**sharing)})
    with Catalog.open(lake.database) as catalog:
        shared = Sharing.of(catalog, settings, lake.deciding)
        app = make_app(catalog, settings.serving, deciding=lake.deciding, sharing=shared)
        yield Asking(TestClient(app, base_url=HOST), lake.token(name))


def stored(lake):
    """The files of the table, by what is in them."""
    table = lake.lake.table(FLIGHTS.id)
    return {table.store.read(file.path) for file in table.snapshot().files}


def test_a_url_that_the_store_signed_is_good_for_as_long_as_is_told(in_bucket):
    with asked(in_bucket, ANA, links="store", link_seconds=120) as ana:
        files = ana.files(TABLE)
    found = set()
    for file in files:
        said = parse_qs(urlsplit(file["url"]).query)
        assert 120 <= int(said["X-Amz-Expires"][0]) <= 300
        assert in_bucket.settings.storage_options["aws_secret_access_key"] not in file["url"]
        with urlopen(file["url"]) as answer:
            found.add(answer.read())
    assert found == stored(in_bucket)


def onward(asking, file, **headers):
    """Where a link leads on to."""
    answer = asking.client.get(file["url"], headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["cache-control"] == "no-store"
    return answer.headers["location"]


def test_a_link_leads_on_to_a_url_of_the_store_that_is_good_for_a_minute(in_bucket):
    found = set()
    with asked(in_bucket, ANA) as ana:
        for file in ana.files(TABLE):
            assert urlsplit(file["url"]).hostname == "localhost"
            assert file["expirationTimestamp"] / 1000 > time.time() + 840
            url = onward(ana, file)
            assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["60"]
            with urlopen(Request(url, headers={"range": "bytes=0-3"})) as answer:
                assert (answer.status, answer.read()) == (206, b"PAR1")
            with urlopen(url) as answer:
                found.add(answer.read())
            told = ana.client.head(file["url"])
            assert (told.status_code, int(told.headers["content-length"])) == (200, file["size"])
    assert found == stored(in_bucket)


def test_how_long_what_a_link_leads_on_to_may_outlive_a_right_is_set(in_bucket):
    with asked(in_bucket, ANA, signed_seconds=7) as ana:
        file, *_ = ana.files(TABLE)
        assert parse_qs(urlsplit(onward(ana, file)).query)["X-Amz-Expires"] == ["7"]


def test_after_a_revocation_a_link_leads_nowhere(in_bucket):
    with asked(in_bucket, ANA) as ana:
        file, *_ = ana.files(TABLE)
        assert onward(ana, file)
        with lakes.changed(in_bucket.views, ANA, lakes.nothing):
            for ask in (ana.client.get, ana.client.head):
                assert ask(file["url"], follow_redirects=False).status_code == 403


def test_names_that_urls_cannot_have_are_signed_too(in_bucket):
    in_bucket.publish(THINGS, things(**{"a b/ä%20+?&": 3}), "second")
    for links in ("store", "auto"):
        with asked(in_bucket, ANA, links=links) as ana:
            files = ana.files("shop.things_v1")
            urls = [file["url"] if links == "store" else onward(ana, file) for file in files]
        assert "a b/ä%20+?&" in {file["partitionValues"]["name"] for file in files}
        for file, url in zip(files, urls, strict=True):
            with urlopen(url) as answer:
                assert len(answer.read()) == file["size"]


def test_links_of_one_minute_are_alike(in_bucket):
    with asked(in_bucket, ANA, links="store") as ana:
        first, second = ana.files(TABLE), ana.files(TABLE)
        assert [file["id"] for file in first] == [file["id"] for file in second]
        assert [urlsplit(f["url"]).path for f in first] == [urlsplit(f["url"]).path for f in second]


def test_bytes_pass_the_server_where_that_is_set(in_bucket):
    with asked(in_bucket, ANA, links="server") as ana:
        links = [file["url"] for file in ana.files(TABLE)]
        assert {urlsplit(link).hostname for link in links} == {"localhost"}
        assert {ana.client.get(link).content for link in links} == stored(in_bucket)
        part = ana.client.get(links[0], headers={"range": "bytes=-4"})
        assert (part.status_code, part.content) == (206, b"PAR1")
        assert ana.client.head(links[0]).headers["accept-ranges"] == "bytes"


def test_what_is_masked_never_comes_from_the_store(in_bucket):
    with asked(in_bucket, CARL) as carl:
        (file,) = carl.files(TABLE)
        assert urlsplit(file["url"]).hostname == "localhost"
        assert carl.client.get(file["url"]).content not in stored(in_bucket)
