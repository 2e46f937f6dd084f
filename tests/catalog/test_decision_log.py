"""The decision log only grows, and whatever is done to it otherwise is found."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update

from mesh.catalog import schema
from mesh.catalog.chain import GENESIS, LogEntry, NewEntry, verify
from mesh.catalog.copying import copy
from mesh.catalog.database import Database
from mesh.catalog.decision_log import LogQuery, acting_for
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import CatalogError, NotAllowedError
from tests.catalog.factories import NOON
from tests.house.repository import ROOT

LOG = schema.decision_log
WEATHER = "weather.observations_v1"


def entry(number=0, **values):
    told = {"kind": "access.approved", "who": "ada@example.org", "subject": WEATHER, **values}
    return NewEntry(**told, content={"number": number}, at=NOON + timedelta(minutes=number))


def written(catalog, count=5):
    catalog.decisions.append([entry(number) for number in range(count)])
    return catalog.decisions.following(0)


def tamper(database, *statements):
    """Change the log as somebody does who has the database, and no respect for its triggers."""
    with database.writing() as connection:
        if database.backend == "sqlite":
            connection.execute(text("DROP TRIGGER IF EXISTS decision_log_update"))
            connection.execute(text("DROP TRIGGER IF EXISTS decision_log_delete"))
        else:
            connection.execute(text("DROP TRIGGER IF EXISTS decision_log_change ON decision_log"))
        for statement in statements:
            connection.execute(statement)


def told(found):
    return [f"{problem.where}: {problem.what}" for problem in found.problems]


def test_entries_follow_each_other_from_the_first(catalog):
    assert catalog.decisions.head() == GENESIS
    first, second, *_ = written(catalog)
    assert (first.sequence, first.previous) == (1, GENESIS)
    assert (second.sequence, second.previous) == (2, first.hash)
    found = catalog.decisions.verify()
    assert found.holds
    assert (found.entries, found.head) == (5, catalog.decisions.head())


def test_an_entry_is_read_as_it_was_written(catalog):
    content = {"columns": ["a", "ü"], "rows": 12, "share": 0.1, "none": None}
    catalog.decisions.append([NewEntry("read", "bo", WEATHER, content, digest="d", at=NOON)])
    (found,) = catalog.decisions.following(0)
    assert (found.kind, found.who, found.subject, found.digest) == ("read", "bo", WEATHER, "d")
    assert (found.content, found.at) == (content, NOON)
    assert LogEntry.from_json(found.as_json()) == found


def test_the_newest_entries_come_first_and_only_those_that_are_asked_for(catalog):
    others = [
        entry(6, who="bo@example.org"),
        entry(7, subject="weather.observations_v2"),
        entry(8, subject="weather.observationsXv1"),
        entry(9, kind="read"),
    ]
    written(catalog)
    catalog.decisions.append(others)

    def numbers(**asked):
        return [e.content["number"] for e in catalog.decisions.entries(LogQuery(**asked))]

    assert numbers() == [9, 8, 7, 6, 4, 3, 2, 1, 0]
    assert numbers(who="bo@example.org") == [6]
    assert numbers(product="weather.observations") == [9, 7, 6, 4, 3, 2, 1, 0]
    assert numbers(product="weather.observations_v2") == [7]
    assert numbers(since=NOON + timedelta(minutes=7)) == [9, 8, 7]
    assert numbers(kinds=("read",)) == [9]
    assert len(catalog.decisions.entries(LogQuery(), limit=2)) == 2


def test_processes_that_write_at_once_make_one_chain(catalog_url):
    # The catalog does not exist yet: all of them open and make it at once, too.
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.catalog.noter", catalog_url, f"writer {n}", "40"],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        for n in range(4)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    with Catalog.open(catalog_url) as catalog:
        found = catalog.decisions.verify()
        assert found.holds
        assert found.entries == 4 * 40 * 2
        entries = catalog.decisions.following(0, limit=1_000)
    batches = zip(entries[::2], entries[1::2], strict=True)
    assert all(one.who == other.who for one, other in batches)
    for n in range(4):
        own = [e.content["number"] for e in entries if e.who == f"writer {n}" and e.content]
        assert own == list(range(40))


def test_a_batch_that_cannot_be_written_whole_is_not_written(stored_catalog):
    written(stored_catalog, 2)
    with acting_for("ada@example.org"), pytest.raises(NotAllowedError, match="decide for bo"):
        stored_catalog.decisions.append([entry(3), entry(4, who="bo")])
    assert stored_catalog.decisions.verify().entries == 2


def test_who_acts_for_somebody_may_still_tell_what_others_read(stored_catalog):
    with acting_for("ada@example.org"):
        stored_catalog.decisions.append([entry(1, kind="read", who="bo")])
    assert stored_catalog.decisions.verify().entries == 1


@pytest.mark.parametrize("statement", [update(LOG).values(who="eve"), delete(LOG)])
def test_the_database_refuses_to_change_an_entry(stored_catalog, database, statement):
    written(stored_catalog)
    with (
        pytest.raises(CatalogError, match="entries of the decision log are never changed"),
        database.writing() as connection,
    ):
        connection.execute(statement)
    assert stored_catalog.decisions.verify().holds


@pytest.mark.parametrize(
    "values",
    [
        {"at": datetime(2020, 1, 1, tzinfo=UTC)},
        {"kind": "access.denied"},
        {"who": "eve@example.org"},
        {"subject": "weather.gusts_v1"},
        {"digest": "0"},
        {"content": {"number": 2, "more": True}},
        {"previous": "1" * 64},
        {"hash": "1" * 64},
    ],
    ids=lambda values: next(iter(values)),
)
def test_a_change_in_any_part_of_an_entry_is_found(stored_catalog, database, values):
    written(stored_catalog)
    tamper(database, update(LOG).where(LOG.c.sequence == 3).values(**values))
    assert "entry 3: it is not as it was written" in told(stored_catalog.decisions.verify())


def test_an_entry_that_was_sealed_again_is_found_by_the_one_after_it(stored_catalog, database):
    entries = written(stored_catalog)
    forged = replace(entries[2], who="eve@example.org")
    change = update(LOG).where(LOG.c.sequence == 3)
    tamper(database, change.values(who="eve@example.org", hash=forged.seal))
    found = told(stored_catalog.decisions.verify())
    assert found == ["entry 4: it does not follow the entry before it"]


@pytest.mark.parametrize("first", [1, 3])
def test_entries_that_are_missing_before_the_end_are_found(stored_catalog, database, first):
    written(stored_catalog)
    gone = LOG.c.sequence.between(first, first + 1)
    tamper(database, delete(LOG).where(gone))
    (found,) = told(stored_catalog.decisions.verify())
    assert found == f"entry {first + 2}: what came before it is missing: {first} to {first + 1}"


def test_entries_in_another_order_are_found(stored_catalog, database):
    written(stored_catalog)
    moves = [(2, 99), (3, 2), (99, 3)]
    tamper(database, *(update(LOG).where(LOG.c.sequence == a).values(sequence=b) for a, b in moves))
    found = told(stored_catalog.decisions.verify())
    assert "entry 2: it is not as it was written" in found
    assert "entry 3: it is not as it was written" in found


def test_an_entry_that_was_put_in_between_is_found(stored_catalog, database):
    entries = written(stored_catalog)
    between = LogEntry.after(5, entries[1].hash, entry(9))
    row = {name: getattr(between, name) for name in LogEntry.__dataclass_fields__}
    tamper(database, insert(LOG).values(row))
    found = told(stored_catalog.decisions.verify())
    assert found == ["entry 6: it does not follow the entry before it"]


def test_what_was_cut_off_at_the_end_is_found_with_a_head_that_was_kept(stored_catalog, database):
    head = written(stored_catalog)[-1].hash
    assert stored_catalog.decisions.verify(head).holds
    tamper(database, delete(LOG).where(LOG.c.sequence > 3))
    assert stored_catalog.decisions.verify().holds
    (found,) = told(stored_catalog.decisions.verify(head))
    assert f"no entry has the hash {head[:16]}" in found


def test_a_log_that_was_written_anew_is_found_with_a_head_that_was_kept(stored_catalog, database):
    head = written(stored_catalog)[-1].hash
    tamper(database, delete(LOG))
    stored_catalog.decisions.append([entry(number, who="eve") for number in range(7)])
    assert stored_catalog.decisions.verify().holds
    assert not stored_catalog.decisions.verify(head).holds


def test_a_head_stays_good_while_the_log_grows(catalog):
    head = written(catalog)[-1].hash
    catalog.decisions.append([entry(9)])
    assert catalog.decisions.verify(head).holds
    assert catalog.decisions.verify(GENESIS).holds


def test_content_that_is_no_json_any_more_is_told(stored_catalog, database):
    written(stored_catalog)
    tamper(database, text("UPDATE decision_log SET content = '{' WHERE sequence = 2"))
    assert "entry 2: it is not as it was written" in told(stored_catalog.decisions.verify())


def test_the_chain_holds_in_a_copy(catalog_url, tmp_path):
    with Catalog.open(catalog_url) as catalog:
        head = written(catalog)[-1].hash
    here, there = Database(catalog_url), Database(f"sqlite:///{tmp_path / 'copy.db'}")
    copy(here, there)
    here.close()
    there.close()
    with Catalog.open(f"sqlite:///{tmp_path / 'copy.db'}") as copied:
        assert copied.decisions.verify(head).entries == 5
        copied.decisions.append([entry(6)])
        assert copied.decisions.verify(head).holds


def test_a_chain_is_checked_without_a_database(catalog):
    entries = written(catalog)
    assert verify(entries, entries[-1].hash).holds
    assert not verify(reversed(entries)).holds
    assert not verify([*entries, entries[-1]]).holds
    assert verify([]).holds
    assert not verify([], entries[0].hash).holds


def test_rows_of_the_log_stay_where_a_catalog_is_made_anew(stored_catalog, tmp_path):
    head = written(stored_catalog)[-1].hash
    with Catalog.open(f"sqlite:///{tmp_path / 'renewed.db'}") as renewed:
        stored_catalog.give_place_to(renewed, kept=())
    assert stored_catalog.irreplaceable()["decisions"] == 5
    assert stored_catalog.decisions.verify(head).holds


def test_no_secret_is_in_the_log(stored_catalog, database):
    made = stored_catalog.tokens.create("ada", [Scope.READ], lasting=60)
    written(stored_catalog)
    with database.reading() as connection:
        assert made.secret not in repr(connection.execute(select(LOG)).all())
