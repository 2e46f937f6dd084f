"""What people type finds what they mean, in the same order on either database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from mesh.catalog import schema, search
from mesh.catalog.database import Database
from mesh.catalog.search import Facet, finding
from mesh.catalog.usage_writing import Count, Read, add_counts
from mesh.contracts.model import Severity
from mesh.contracts.verdict import Outcome
from mesh.errors import InvalidCursorError, UnknownFacetError
from mesh.products.ports import Freshness
from tests.catalog.factories import domain, receipt, refusal
from tests.catalog.searchable import FLIGHTS, ON_TIME, STATIONS, WEATHER, domains, made


@pytest.fixture
def shelf(catalog):
    """A catalog of four products in three domains."""
    for item in domains():
        catalog.register(item)
    return catalog


@pytest.fixture
def stored_shelf(stored_catalog):
    """The same, for tests that reach into the database itself."""
    for item in domains():
        stored_catalog.register(item)
    return stored_catalog


def keys(page):
    return [hit.key for hit in page.hits]


@pytest.fixture
def find(shelf):
    return lambda text, **more: keys(shelf.search.find(text, **more))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("weather.observations_v1", [WEATHER]),
        ("weather observations", [WEATHER]),
        ("observations", [WEATHER]),
        ("OBSERVATIONS", [WEATHER]),
        ("observation", [WEATHER]),
        ("obs", [WEATHER]),
        ("weather", [WEATHER, STATIONS]),
        ("wind", [WEATHER, STATIONS]),
        ("wind_speed_mph", [WEATHER]),
        ("windSpeedMph", [WEATHER]),
        ("wind speed", [WEATHER]),
        ("speed wind", [WEATHER]),
        ("dailyontime", [ON_TIME]),
        ("on-time", [ON_TIME]),
        ("cafe zurich", [FLIGHTS]),
        ("CAFÉ ZÜRICH", [FLIGHTS]),
        ("lateness", [FLIGHTS]),
        ("tardiness", [FLIGHTS]),
        ("where is the rain measured", [STATIONS]),
        ("ada", [FLIGHTS, ON_TIME, WEATHER, STATIONS]),
        ("ada@example.org weather", [WEATHER, STATIONS]),
        ("nothing at all like it zzz", []),
    ],
)
def test_words_find_what_has_them_best_first(find, text, found):
    assert find(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("obsevations", [WEATHER]),
        ("observatoins", [WEATHER]),
        ("observvatons", [WEATHER]),
        ("wether observations", [WEATHER]),
        ("depature dealy", [FLIGHTS]),
        ("tradiness", [FLIGHTS]),
        ("visiblity", [WEATHER]),
        ("obsre", [WEATHER]),
        ("flihgts", [FLIGHTS]),
    ],
)
def test_typing_errors_are_forgiven_and_told(shelf, text, found):
    page = shelf.search.find(text)
    assert keys(page)[: len(found)] == found
    assert any("was taken for" in note for note in page.notes)
    assert any(match.is_guess for match in page.hits[0].matches)


def test_a_word_that_is_there_is_not_taken_for_another(shelf):
    page = shelf.search.find("share")
    assert (keys(page), page.notes) == ([ON_TIME], ())


def test_where_nothing_has_every_word_what_has_most_of_them_is_found(shelf):
    page = shelf.search.find("rain wind zebra ")
    assert keys(page) == [STATIONS]
    assert page.notes == ("nothing has all 3 words: these have 2 of them",)


def test_the_last_word_is_a_beginning_until_something_follows_it(find):
    assert find("visib") == [WEATHER]
    assert find("visib ") == []


def test_a_hit_says_why_it_was_found_with_the_words_marked(shelf):
    (hit,) = shelf.search.find("wind visibility").hits
    (match,) = [m for m in hit.matches if "visibility" in m.text]
    assert (match.field, match.text) == ("column", "visibility_miles")
    assert [match.text[a:b] for a, b in match.marks] == ["visibility"]
    assert [match.field for match in hit.matches] == ["column", "column"]


def test_a_synonym_is_told_as_the_term_that_it_is_of(shelf):
    (hit,) = shelf.search.find("tardiness").hits
    (match,) = hit.matches
    assert match.field == "term"
    assert match.text == "departure delay (lateness, tardiness)"
    assert [match.text[a:b] for a, b in match.marks] == ["tardiness"]


def test_a_long_text_is_cut_around_the_word(catalog):
    long = f"{'before ' * 100}needle{' after' * 100}"
    catalog.register(domain("weather", made(WEATHER, long, ("a", ""))))
    (hit,) = catalog.search.find("needle").hits
    (match,) = hit.matches
    assert len(match.text) < 200
    assert [match.text[a:b] for a, b in match.marks] == ["needle"]


def test_facets_count_as_if_nothing_was_chosen_of_their_own(shelf):
    page = shelf.search.find("wind", facets={"domain": ["weather"]})
    assert page.total == 2
    counts = {facet: [(c.value, c.count) for c in of] for facet, of in page.facets.items()}
    assert counts[Facet.DOMAIN] == [("weather", 2)]
    assert counts[Facet.ACCESS] == [("protected", 1), ("public", 1)]
    page = shelf.search.find("", facets={"domain": ["weather"], "access": ["public"]})
    assert keys(page) == [STATIONS]
    counts = {facet: [(c.value, c.count) for c in of] for facet, of in page.facets.items()}
    assert counts[Facet.ACCESS] == [("protected", 1), ("public", 1)]
    assert counts[Facet.DOMAIN] == [("weather", 1)]


def test_each_facet_narrows_down(find):
    assert find("", facets={"classification": ["confidential"]}) == [FLIGHTS]
    assert find("", facets={"owner": ["Team punctuality"]}) == [ON_TIME]
    assert find("", facets={"kind": ["source-aligned"], "domain": ["weather"]}) == [
        WEATHER,
        STATIONS,
    ]
    assert find("", facets={"quality": ["passed"]}) == []
    assert find("", facets={"freshness": ["late"], "domain": ["operations"]}) == [FLIGHTS]
    assert find("", facets={"domain": ["x'; DROP TABLE products; --"]}) == []


def test_an_unknown_facet_is_told_with_those_that_there_are(shelf):
    with pytest.raises(UnknownFacetError, match="did you mean domain"):
        shelf.search.find("", facets={"domian": ["weather"]})


def test_pages_follow_each_other_without_gap_or_repetition(shelf):
    whole = keys(shelf.search.find(""))
    assert len(whole) == 4
    found, cursor = [], ""
    while True:
        page = shelf.search.find("", limit=1, after=cursor)
        assert page.total == 4
        found += keys(page)
        if not (cursor := page.cursor):
            break
    assert found == whole


def pages_of_one(catalog, text):
    found = [catalog.search.find(text, limit=1)]
    while found[-1].cursor:
        found.append(catalog.search.find(text, limit=1, after=found[-1].cursor))
    return found


@pytest.mark.parametrize(
    "text", ["w", "weather", "weather st", "wind", "flight", "daily on t", "windd", "o", "mean w"]
)
def test_the_best_of_many_are_found_without_reading_all(stored_shelf, text, monkeypatch):
    every = pages_of_one(stored_shelf, text)
    monkeypatch.setattr(finding, "MOST_BY_KEY", 0)
    assert pages_of_one(stored_shelf, text) == every
    assert [len(page.hits) for page in every] == [1] * every[0].total


@pytest.mark.parametrize("cursor", ["x", "é", "W10", "bnVsbA", "A" * 10_000, "[[", "\0"])
def test_a_cursor_that_no_search_gave_is_refused(shelf, cursor):
    with pytest.raises(InvalidCursorError):
        shelf.search.find("", after=cursor)


@pytest.mark.parametrize(
    "text",
    [
        "'",
        '"',
        "''; DROP TABLE search_documents; --",
        'weather" OR a:*',
        "NEAR(weather observations, 3)",
        "weather AND NOT (",
        "weather & | ! <-> :*",
        "a:weather",
        "\0",
        "weather\0observations",
        "\ud800",
        "%s %(x)s :name ? $1",
        "🌦 ☂️",
        "!!! ??? ---",
        "الطقس",
        "\u202eweather\u202c",
        "天気",
        "x" * 10_000,
        "weather " * 2_000,
        "z" * 63 + "é" * 10,
        "*",
        "\\",
    ],
)
def test_hostile_text_is_only_text(shelf, text):
    page = shelf.search.find(text)
    assert page.total <= 4
    assert len(keys(shelf.search.find(""))) == 4


def test_other_letters_than_latin_are_found(catalog):
    catalog.register(domain("weather", made(WEATHER, "الطقس في نيويورك, 天気, Погода", ("a", ""))))
    for text in ("الطقس", "天気", "погода", "пого"):
        assert keys(catalog.search.find(text)) == [WEATHER]


def test_use_then_freshness_and_quality_decide_between_equals(stored_catalog, catalog_url):
    names = [f"shop.p{letter}_v1" for letter in "abcdef"]
    products = [made(name, "Same words.", ("a", "")) for name in names]
    stored_catalog.register(domain("shop", *products))
    now = datetime.now(UTC)
    for name in names[1:]:
        ok = replace(receipt(name), published_at=now, tallies=(), rows_rejected=0)
        stored_catalog.record(ok)
    stored_catalog.record_refusal(
        replace(refusal(names[2], "run-9"), refused_at=now + timedelta(hours=1))
    )
    read_by(catalog_url, names[5], 40)
    read_by(catalog_url, names[4], 1_000)
    assert keys(stored_catalog.search.find("same")) == [
        names[4],
        names[5],
        names[1],
        names[3],
        names[2],
        names[0],
    ]


def read_by(url, name, reads, at=None):
    at = at or datetime.now(UTC)
    assert add_counts(url, {Read(name, "", "x", at.date()): Count(reads, at)})


def test_reads_that_are_counted_are_in_the_order_at_once(stored_shelf, catalog_url):
    now = datetime.now(UTC)
    long_ago = now - timedelta(days=30)
    read_by(catalog_url, STATIONS, 7, at=long_ago)
    counts = {
        Read(name, column, "ada", now.date()): Count(reads, now)
        for name, column, reads in (
            (WEATHER, "", 2),
            (WEATHER, "wind_speed_mph", 9),
            (STATIONS, "", 5),
            ("gone.nowhere_v1", "", 1),
        )
    }
    assert add_counts(catalog_url, counts)
    read_by(catalog_url, STATIONS, 3)

    found = {hit.key: hit.reads for hit in stored_shelf.search.find("").hits}
    assert found == {WEATHER: 2, STATIONS: 8, FLIGHTS: 0, ON_TIME: 0}
    stored_shelf.search.rebuild()
    assert found == {hit.key: hit.reads for hit in stored_shelf.search.find("").hits}


def hit_of(catalog, name):
    return next(hit for hit in catalog.search.find("").hits if hit.key == name)


def test_a_hit_says_how_the_product_fares(catalog):
    catalog.register(domain("weather", made(WEATHER, "x", ("a", ""), freshness=Freshness("1d"))))
    found = hit_of(catalog, WEATHER)
    assert (found.freshness, found.quality, found.published_at) == ("late", "unpublished", None)
    catalog.record_refusal(refusal(WEATHER))
    assert hit_of(catalog, WEATHER).quality == "refused"
    catalog.record(replace(receipt(WEATHER, 1), published_at=datetime.now(UTC)))
    found = hit_of(catalog, WEATHER)
    assert (found.freshness, found.quality) == ("fresh", "rejected rows")
    (tally,) = receipt(WEATHER).tallies
    warned = replace(tally, severity=Severity.WARNING, outcome=Outcome.FAILED)
    catalog.record(
        replace(
            receipt(WEATHER, 2),
            published_at=datetime.now(UTC),
            rows_rejected=0,
            tallies=(warned,),
        )
    )
    assert hit_of(catalog, WEATHER).quality == "warned"
    catalog.record(receipt(WEATHER, 0))
    assert hit_of(catalog, WEATHER).quality == "warned"


def test_what_promises_no_freshness_is_neither_fresh_nor_late(catalog):
    catalog.register(domain("weather", made(WEATHER, "x", ("a", ""), freshness=None)))
    assert hit_of(catalog, WEATHER).freshness == "unknown"


def test_a_product_that_vanishes_is_not_found_and_comes_back(catalog):
    other = made(STATIONS, "x", ("a", ""))
    catalog.register(domain("weather", made(WEATHER, "rain", ("a", "")), other))
    assert keys(catalog.search.find("rain")) == [WEATHER]
    catalog.register(domain("weather", other))
    assert keys(catalog.search.find("rain")) == []
    catalog.register(domain("weather", made(WEATHER, "rain", ("a", "")), other))
    assert keys(catalog.search.find("rain")) == [WEATHER]


def test_a_changed_description_is_found_by_its_new_words_only(catalog):
    catalog.register(domain("weather", made(WEATHER, "sleet", ("a", ""))))
    catalog.register(domain("weather", made(WEATHER, "thunder", ("a", ""))))
    assert keys(catalog.search.find("thunder")) == [WEATHER]
    assert keys(catalog.search.find("sleet ")) == []


def test_terms_that_change_are_searched_at_once_in_other_domains_too(shelf):
    *_, punctuality = domains()
    shelf.register(replace(punctuality, terms=()))
    assert keys(shelf.search.find("tardiness")) == []
    (term,) = punctuality.terms
    shelf.register(replace(punctuality, terms=(replace(term, synonyms=("slowness",)),)))
    assert keys(shelf.search.find("slowness")) == [FLIGHTS]


def test_a_term_that_comes_before_its_product_is_linked_when_that_is_registered(catalog):
    _, operations, punctuality = domains()
    catalog.register(punctuality)
    assert keys(catalog.search.find("tardiness")) == []
    catalog.register(operations)
    assert keys(catalog.search.find("tardiness")) == [FLIGHTS]


def report(url, key="s3://lake#raw/orders", **more):
    now = datetime.now(UTC)
    database = Database(url)
    with database.writing() as connection:
        values = {
            "namespace": "s3://lake",
            "name": "raw/orders",
            "canonical": key,
            "kind": "table",
            "description": "Orders as Spark wrote them.",
            "owners": [{"name": "team:shop", "type": "OWNER"}],
            "tags": [{"key": "pii", "value": "no"}],
            "facets": {},
            "first_seen": now,
            "last_seen": now,
            **more,
        }
        connection.execute(insert(schema.datasets).values(key=key, **values))
        connection.execute(
            insert(schema.dataset_columns).values(
                dataset=key, position=0, name="order_total", type="double", description="Sum"
            )
        )
        search.index_dataset(connection, key)
    database.close()


def test_a_reported_dataset_is_found_and_marked_as_not_governed(stored_shelf, catalog_url):
    report(catalog_url)
    for text in ("orders", "raw orders", "order_total", "spark", "pii", "shop"):
        (hit,) = stored_shelf.search.find(text).hits
        assert (hit.key, hit.name, hit.kind) == ("s3://lake#raw/orders", "raw/orders", "external")
        assert not hit.is_governed
    assert (hit.owner, hit.quality, hit.freshness) == ("team:shop", "unknown", "unknown")
    assert keys(stored_shelf.search.find("", facets={"kind": ["external"]})) == [
        "s3://lake#raw/orders"
    ]


def test_a_dataset_that_is_a_product_is_not_found_beside_it(stored_shelf, catalog_url):
    report(catalog_url, canonical=WEATHER)
    assert keys(stored_shelf.search.find("orders")) == []


def test_a_rebuilt_index_finds_the_same(stored_shelf, catalog_url):
    report(catalog_url)
    before = (
        stored_shelf.search.find("").as_json(),
        stored_shelf.search.find("observatoins").as_json(),
    )
    assert stored_shelf.search.rebuild() == 5
    assert (
        stored_shelf.search.find("").as_json(),
        stored_shelf.search.find("observatoins").as_json(),
    ) == before


def test_registering_the_same_again_writes_nothing(stored_shelf, catalog_url):
    before = content_of(catalog_url)
    for item in domains():
        stored_shelf.register(item)
    assert content_of(catalog_url) == before


def content_of(url):
    database = Database(url)
    with database.reading() as connection:
        rows = connection.execute(schema.search_documents.select()).all()
        words = connection.exec_driver_sql("SELECT count(*) FROM search_text").scalar()
    database.close()
    return rows, words


def test_a_catalog_without_anything_finds_nothing(catalog):
    page = catalog.search.find("weather")
    assert (page.hits, page.total, page.cursor) == ((), 0, "")


def test_a_page_is_plain_values(shelf):
    page = shelf.search.find("wind").as_json()
    assert set(page) == {"hits", "total", "facets", "cursor", "notes"}
    assert page["hits"][0]["matches"][0]["marks"]
    assert page["facets"]["domain"] == [{"value": "weather", "count": 2}]
