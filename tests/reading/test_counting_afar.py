"""Reads are counted where the catalog is served, once each, by whoever may read there."""

import importlib
from datetime import UTC, datetime

import pytest

from mesh.catalog.remote.counting import send_counts
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.catalog.usage_writing import Count, Read
from mesh.errors import CatalogError, MeshError
from mesh.lake import Lake
from mesh.publishing import publish
from mesh.reading import read
from mesh.reading.counting import ReadCounts
from mesh.settings import CatalogSettings, UsageSettings
from tests.behaviour.proxy import Answer, proxied
from tests.catalog.factories import domain, product
from tests.products.small import declared, module, named, write_mesh
from tests.reading.test_counting import ROWS, Trips
from tests.serving.live import served

NAME = "shop.trips_v1"
NOW = datetime.now(UTC)
pytestmark = pytest.mark.usefixtures("imports")


@pytest.fixture
def server(tmp_path):
    with served(f"sqlite:///{tmp_path / 'served.db'}") as running:
        running.behind.register(domain("shop", product(NAME)))
        yield running


@pytest.fixture
def counts(monkeypatch):
    """Counts of this test alone."""
    found = ReadCounts()
    monkeypatch.setattr(importlib.import_module("mesh.reading.read"), "READS", found)
    return found


@pytest.fixture
def settings(tmp_path):
    found = write_mesh(tmp_path, {"shop": {"things": module("things")}})
    publish(declared(named("trips"), contract=Trips), ROWS, lake=Lake.of(found), run_id="first")
    return found.model_copy(update={"usage": UsageSettings(consumer="ada")})


def reader(server):
    return server.behind.tokens.create("ada", [Scope.READ], lasting=60).secret


def afar(settings, url, token):
    return settings.model_copy(update={"catalog": CatalogSettings(url=url, token=token)})


def used(server):
    return [(use.consumer, use.reads, use.columns) for use in server.behind.usage.of(NAME)]


def test_a_token_that_may_only_read_is_enough_to_be_counted(server, settings, counts):
    there = afar(settings, server.url, reader(server))
    read(NAME, columns=["fare"], settings=there)
    read(NAME, columns=["fare"], settings=there)
    counts.flush()
    read(NAME, columns=["id"], settings=there)
    counts.flush()
    counts.flush()
    assert used(server) == [("ada", 3, ("fare", "id"))]


def test_it_lets_nobody_write_anything_else(server):
    with (
        Catalog.open(server.url, reader(server)) as catalog,
        pytest.raises(CatalogError, match="not good for write"),
    ):
        catalog.register(domain("shop"))


def test_a_lost_answer_counts_no_read_twice(server, settings, counts):
    lost = []

    def losing(request, ask):
        answer = ask(request)
        if request.path.endswith("usage.add") and len(lost) < 3:
            lost.append(request)
            return Answer(answer.status, is_lost=True)
        return answer

    with proxied(server.url, losing) as url:
        there = afar(settings, url, reader(server))
        read(NAME, columns=["fare"], settings=there)
        counts.flush()  # asked twice in vain, and kept
        read(NAME, columns=["fare"], settings=there)
        for _ in range(
            5
        ):  # on a machine that is busy an answer may be late, and is asked for again
            counts.flush()
    assert len(lost) == 3
    assert used(server) == [("ada", 2, ("fare",))]


def test_a_catalog_that_is_away_fails_no_read_and_gets_its_counts_later(server, settings, counts):
    away = [True]

    def gone(request, ask):
        return Answer(0, is_lost=True) if away else ask(request)

    with proxied(server.url, gone) as url:
        there = afar(settings, url, reader(server))
        assert read(NAME, settings=there).collect().equals(ROWS)
        counts.flush()
        assert read(NAME, settings=there).collect().equals(ROWS)
        counts.flush()
        away.clear()
        counts.flush()
    assert used(server) == [("ada", 2, ("fare", "id"))]


def test_without_a_token_nothing_is_counted(server, settings, counts):
    there = afar(settings, server.url, "")
    assert read(NAME, settings=there).collect().equals(ROWS)
    counts.flush()
    assert used(server) == []


def test_only_registered_products_are_counted(server):
    counts = {Read(name, "", "ada", NOW.date()): Count(1, NOW) for name in (NAME, "no.such_v1")}
    assert send_counts("batch", counts, url=server.url, token=server.token, ca_bundle=None)
    assert server.behind.usage.reads() == {NAME: 1}


def test_a_batch_that_is_too_large_is_refused(server):
    with Catalog.open(server.url, server.token) as catalog, pytest.raises(MeshError, match="5,000"):
        catalog.usage.add("x" * 65, [])
