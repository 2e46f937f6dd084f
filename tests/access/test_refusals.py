"""Refused reads are in the log: each once a minute, and how often it came again."""

import logging
import time

import pytest

from mesh.access import auditing, refusals
from mesh.access.auditing import ReadAudit, ReadNote
from mesh.access.refusals import RefusalNote, Refusals
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import REFUSED, LogQuery, acting_for
from mesh.errors import CatalogError, NotAllowedError

PORT = "weather.observations_v1"
WHY = "no policy and no agreement permits it"


def note(who="mallory@example.com", port=PORT, **told):
    return RefusalNote(**{"who": who, "port": port, "why": WHY, "way": "rest", **told})


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def found(now):
    return Refusals(clock=lambda: now[0])


def times(entries):
    return [entry.content.get("times", 1) for entry in entries]


def test_a_refusal_is_logged_with_why_and_no_value(catalog):
    audit = ReadAudit(catalog)
    audit.refused(note(policies=["shop.late"], purpose="to see", by="ada"))
    audit.close()
    (entry,) = catalog.decisions.entries(LogQuery(kinds=(REFUSED,)))
    assert (entry.who, entry.subject) == ("mallory@example.com", PORT)
    assert entry.content == {
        "why": WHY,
        "policies": ["shop.late"],
        "way": "rest",
        "purpose": "to see",
        "by": "ada",
    }


def test_what_comes_again_is_counted_and_told_when_its_minute_is_over(found, now):
    assert times(found.noted(note(), has_room=True)) == [1]
    assert [found.noted(note(purpose=str(n)), has_room=True) for n in range(5)] == [[]] * 5
    now[0] = 59.0
    assert found.ended() == []
    now[0] = 60.0
    assert times(found.ended()) == [5]
    assert not found.is_counting
    assert times(found.noted(note(), has_room=True)) == [1]


def test_others_other_products_other_ways_and_other_reasons_are_told_at_once(found):
    for other in (
        note(),
        note(who="eve@example.com"),
        note(port="shop.sales_v1"),
        note(way="sql"),
        note(policies=["shop.late"]),
    ):
        assert times(found.noted(other, has_room=True)) == [1]


def test_a_flood_leaves_two_entries_and_a_chain_that_verifies(catalog):
    audit = ReadAudit(catalog)
    for _ in range(20_000):
        audit.refused(note())
    audit.close()
    assert times(catalog.decisions.entries(LogQuery())) == [19_999, 1]
    assert catalog.decisions.verify().holds


def test_more_refusals_than_are_remembered_are_told_early(found, monkeypatch):
    monkeypatch.setattr(refusals, "_MOST", 3)
    for number in range(3):
        for _ in range(2):
            found.noted(note(who=str(number)), has_room=True)
    told = found.noted(note(who="3"), has_room=True)
    assert [(entry.who, entry.content.get("times")) for entry in told] == [("3", None), ("0", None)]
    assert len(found.taken()) == 2


def test_while_the_log_cannot_be_written_refusals_are_counted_and_take_no_readers_room(
    stored_catalog, monkeypatch
):
    monkeypatch.setattr(auditing, "MOST_WAITING", 8)
    monkeypatch.setattr(auditing, "REST_SECONDS", 60)
    append = stored_catalog.decisions.append

    def fail(_entries):
        raise CatalogError("no space is left")

    monkeypatch.setattr(stored_catalog.decisions, "append", fail)
    audit = ReadAudit(stored_catalog)
    for number in range(50):
        audit.refused(note(who=str(number)))
    audit.require_room()
    audit.read(ReadNote("ann@reports.org", PORT, ("speed",), "sql"))
    monkeypatch.setattr(stored_catalog.decisions, "append", append)
    audit.close()
    entries = stored_catalog.decisions.entries(LogQuery())
    assert {entry.who for entry in entries if entry.kind == REFUSED} == {str(n) for n in range(50)}
    assert len(entries) == 51
    assert stored_catalog.decisions.verify().holds


def test_what_can_neither_be_written_nor_remembered_is_told_to_the_servers_own_log(
    found, monkeypatch, caplog
):
    monkeypatch.setattr(refusals, "_MOST", 1)
    with caplog.at_level(logging.WARNING):
        assert found.noted(note(), has_room=False) == []
        assert found.noted(note(who="eve@example.com"), has_room=False) == []
    assert f"mallory@example.com was refused {PORT}" in caplog.text


def test_the_count_is_written_without_anybody_asking(stored_catalog, monkeypatch):
    monkeypatch.setattr(auditing, "WINDOW_SECONDS", 0.05)
    monkeypatch.setattr(auditing, "REST_SECONDS", 0.05)
    monkeypatch.setattr(refusals, "WINDOW_SECONDS", 0.05)
    audit = ReadAudit(stored_catalog)
    audit.refused(note())
    audit.refused(note())
    until = time.monotonic() + 30  # by threads of its own, of which none is asked for anything
    while (told := sum(times(stored_catalog.decisions.entries(LogQuery())))) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert told == 2
    audit.close()


def test_a_service_may_tell_of_the_refusals_of_those_who_ask_it(stored_catalog):
    with acting_for("export"):
        stored_catalog.decisions.append([note().as_entry()])
        with pytest.raises(NotAllowedError):
            stored_catalog.decisions.append([NewEntry("access.approved", "eve", PORT)])
