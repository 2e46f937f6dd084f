"""A catalog is added to another that has a history of its own, whole, or not at all."""

import itertools
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.derivation import Derivation
from mesh.catalog.merging import merge
from mesh.catalog.model import RefusalRecord
from mesh.catalog.receipts import InputVersion
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.catalog.traced import ColumnEdge, Tracing
from mesh.catalog.usage_writing import Count, Read, add_counts
from mesh.errors import CatalogsContradictError
from mesh.products.glossary import BusinessTerm
from tests.catalog import postgresql
from tests.catalog.events import dataset, fields, run_event
from tests.catalog.factories import contract, domain, product, receipt, refusal
from tests.catalog.test_copying import contents
from tests.house.repository import ROOT

WEATHER, STATIONS, FLIGHTS = "weather.observations_v1", "weather.stations_v1", "ops.flights_v1"
NOW = datetime.now(UTC)


@pytest.fixture
def urls(request, tmp_path, catalog_url):
    """A team's catalog and the company's: SQLite into PostgreSQL, and back."""
    if catalog_url.startswith("sqlite"):
        with postgresql.database(request.getfixturevalue("postgresql_home")) as url:
            yield catalog_url, url
    else:
        yield catalog_url, f"sqlite:///{tmp_path / 'company.db'}"


def merging(source, target):
    """What a merge of two catalogs did."""
    here, there = Database(source), Database(target)
    try:
        return merge(here, there)
    finally:
        here.close()
        there.close()


def merged(source, target):
    """The rows that a merge added, by table."""
    return merging(source, target).added


def weather(*versions, terms=()):
    """The domain, with a contract of several versions in turn."""
    return [
        replace(domain("weather", product(WEATHER, contract(v)), product(STATIONS)), terms=terms)
        for v in versions
    ]


TERM = BusinessTerm(id="weather.gust", name="gust", definition="A burst.", applies_to=(WEATHER,))
LOADED = run_event(
    "COMPLETE", 1, inputs=[dataset("/lake/dev/weather/observations/v1", "file")], outputs=["out"]
)


def fill_team(url):
    """What only the team's catalog knows."""
    with Catalog.open(url) as catalog:
        for item in weather("1.0.0", "1.2.0", terms=(TERM,)):
            catalog.register(item)
        catalog.record(receipt(WEATHER))
        read = InputVersion(WEATHER, 0, "weather", ("speed",))
        catalog.record(receipt(STATIONS, inputs=[read]))
        catalog.record_refusal(refusal(WEATHER))
        catalog.events.take([LOADED, run_event("START", 2, run="r2", job="of-the-team")])
    assert add_counts(url, {Read(WEATHER, "", "ada", date(2026, 3, 1)): Count(3, NOW)})


def fill_company(url):
    """What the company's knows: another domain, and a part of the same."""
    with Catalog.open(url) as catalog:
        catalog.register(domain("ops", product(FLIGHTS, weather=WEATHER)))
        catalog.record(receipt(FLIGHTS))
        catalog.record(receipt(WEATHER))
        events = [LOADED, run_event("COMPLETE", 3, outputs=[dataset("out", schema=fields("a"))])]
        catalog.events.take(events)
    assert add_counts(url, {Read(WEATHER, "", "ada", date(2026, 3, 1)): Count(2, NOW)})


def test_what_is_new_is_added_and_what_was_there_stays(urls):
    source, target = urls
    fill_team(source)
    fill_company(target)

    added = merged(source, target)

    assert {name: rows for name, rows in added.items() if rows} == {
        "products": 2,
        "contract_versions": 3,
        "receipts": 1,
        "refusals": 1,
        "usage": 1,
        "lineage_events": 1,
    }
    with Catalog.open(source) as team, Catalog.open(target) as company:
        assert [record.name for record in company.products()] == [FLIGHTS, WEATHER, STATIONS]
        assert company.contract_versions(WEATHER) == team.contract_versions(WEATHER)
        assert company.receipts(STATIONS) == team.receipts(STATIONS)
        assert repr(company.refusals(WEATHER)) == repr(team.refusals(WEATHER))
        assert company.glossary.terms_of(WEATHER) == [TERM]
        assert company.usage.of(WEATHER, days=10_000)[0].reads == 3
        assert [run.run_id for run in company.events.runs("spark#copy")] == ["r1"]
        assert [column.name for column in company.events.dataset("out").columns] == ["a"]
        assert company.events.jobs()[1].name == "of-the-team"
        assert {(e.upstream, e.downstream) for e in company.lineage(WEATHER, "down").edges} == {
            (WEATHER, "db#out"),
            (WEATHER, STATIONS),
            (WEATHER, FLIGHTS),
        }
        assert {hit.key for hit in company.search.find("gust").hits} == {WEATHER}


def test_the_same_again_changes_nothing(urls):
    source, target = urls
    fill_team(source)
    fill_company(target)
    merged(source, target)
    before = contents(target)

    assert not any(merged(source, target).values())
    assert contents(target) == before


def test_both_ways_round_two_catalogs_know_the_same(urls):
    fill_team(urls[0])
    fill_company(urls[1])
    merged(*urls)
    merged(*reversed(urls))

    clocks = {"recorded_at", "registered_at", "changed_at"}
    clocks |= {"first_seen", "last_seen", "received_at"}
    team, company = (said(url, without=clocks) for url in urls)
    assert team == company


def said(url, without):
    database = Database(url)
    with database.reading() as connection:
        found = {
            table.name: sorted(
                repr({k: v for k, v in row.items() if k not in without})
                for row in connection.execute(select(table)).mappings()
            )
            for table in schema.metadata.sorted_tables
        }
    database.close()
    return found


def test_contracts_are_numbered_in_the_order_in_which_they_were_first_seen(urls):
    source, target = urls
    turns = itertools.cycle([source, target])
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        with Catalog.open(next(turns)) as catalog:
            (item,) = weather(version)
            catalog.register(item)

    merged(source, target)

    with Catalog.open(target) as catalog:
        history = catalog.contract_versions(WEATHER)
        assert [(r.sequence, str(r.contract.version)) for r in history] == [
            (1, "1.0.0"),
            (2, "1.1.0"),
            (3, "1.2.0"),
            (4, "1.3.0"),
        ]
        assert str(catalog.product(WEATHER).contract.version) == "1.3.0"


def test_definitions_that_changed_last_stay_and_former_products_are_kept(urls):
    source, target = urls
    with Catalog.open(target) as catalog:
        catalog.register(domain("weather", product(WEATHER), product("weather.old_v1")))
    with Catalog.open(source) as catalog:
        catalog.register(domain("weather", product(WEATHER, contract("1.1.0"), by=STATIONS)))

    merged(source, target)
    merged(target, source)

    for url in urls:
        with Catalog.open(url) as catalog:
            told = {record.name: record.is_declared for record in catalog.products()}
            assert told == {WEATHER: True, "weather.old_v1": False}
            now = catalog.product(WEATHER)
            assert str(now.contract.version) == "1.1.0"
            assert [use.product for use in now.inputs] == [STATIONS]


def test_everything_that_contradicts_is_listed_and_nothing_is_written(urls):
    source, target = urls
    fill_team(source)
    fill_company(target)
    with Catalog.open(target) as catalog:
        other = contract("1.0.0", description="Another promise.")
        catalog.register(domain("weather", product(WEATHER, other)))
        catalog.record(replace(receipt(STATIONS), rows_accepted=1))
        told = RefusalRecord.of(refusal(WEATHER))
        catalog.record_refused(replace(told, text="Something else."))
    before = contents(target)

    with pytest.raises(CatalogsContradictError) as caught:
        merged(source, target)

    receipt_id = receipt(STATIONS).publication_id
    assert [(c.where, c.what.partition(" ")[0]) for c in caught.value.conflicts] == [
        (f"{WEATHER}: contract_versions", "version"),
        (f"{STATIONS}: receipts", receipt_id),
        (f"{WEATHER}: refusals", refusal(WEATHER).publication_id),
    ]
    assert "in 3 places" in str(caught.value)
    assert all(str(c.what) in str(caught.value) for c in caught.value.conflicts)
    assert contents(target) == before


def test_a_history_that_goes_on_under_one_version_is_no_contradiction(urls):
    source, target = urls
    first = domain("weather", product(WEATHER, contract("1.0.0")))
    second = domain("weather", product(WEATHER, contract("1.0.0", description="Said better.")))
    for url, items in ((target, [first]), (source, [first, second])):
        with Catalog.open(url) as catalog:
            for item in items:
                catalog.register(item)

    assert merged(source, target)["contract_versions"] == 1


def test_how_columns_are_made_comes_along(urls):
    source, target = urls
    fill_company(target)
    fill_team(source)
    with Catalog.open(source) as catalog:
        edge = ColumnEdge(WEATHER, "speed", STATIONS, "speed", Derivation.IDENTITY)
        catalog.traces.record([Tracing(STATIONS, "1", known=("speed",), edges=(edge,))])
        before = catalog.traces.follow([(STATIONS, "speed")], "up")

    merged(source, target)

    with Catalog.open(target) as catalog:
        assert catalog.traces.follow([(STATIONS, "speed")], "up") == before


def test_tokens_stay_where_they_are(urls):
    source, target = urls
    with Catalog.open(source) as catalog:
        catalog.tokens.create("ada", [Scope.WRITE], lasting=60)

    merged(source, target)

    with Catalog.open(target) as catalog:
        assert catalog.tokens.all() == []


def test_events_keep_the_moment_at_which_they_came_in(urls):
    source, target = urls
    fill_team(source)
    moment = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    database = Database(source)
    with database.writing() as connection:
        connection.execute(update(schema.lineage_events).values(received_at=moment))
    database.close()

    merged(source, target)

    with Catalog.open(target) as catalog:
        assert {event.received_at for event in catalog.events.events()} == {moment}


KILLED = """
import os, signal, sys
from mesh.catalog import merging
from mesh.catalog.database import Database

merging._add_usage = lambda here, there: os.kill(os.getpid(), signal.SIGKILL)
merging.merge(Database(sys.argv[1]), Database(sys.argv[2]))
"""


def test_a_merge_that_is_killed_leaves_the_target_as_it_was_and_completes_later(urls):
    fill_team(urls[0])
    fill_company(urls[1])
    before = contents(urls[1])
    done = subprocess.run([sys.executable, "-c", KILLED, *urls], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert contents(urls[1]) == before
    assert merged(*urls)["receipts"] == 1
