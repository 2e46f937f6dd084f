"""Reads go into the log together, and are neither lost nor handed out without account."""

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mesh.access import auditing
from mesh.access.auditing import ReadAudit, ReadNote
from mesh.catalog.decision_log import LogQuery
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError
from tests.house.repository import ROOT

PORT = "weather.observations_v1"


def note(who="ann@reports.org", **values):
    return ReadNote(who, PORT, ("origin", "speed"), "sql", **values)


@pytest.fixture
def audit(catalog):
    made = ReadAudit(catalog)
    yield made
    made.close()


def test_a_read_is_logged_with_all_that_it_was_and_nothing_that_it_showed(catalog, audit):
    audit.read(
        note(rows=12, table_version=3, agreement="a1", policies=["own-rows"], filtered=["speed"])
    )
    audit.flush()
    (found,) = catalog.decisions.entries(LogQuery())
    assert (found.kind, found.who, found.subject) == ("read", "ann@reports.org", PORT)
    assert found.content == {
        "columns": ["origin", "speed"],
        "way": "sql",
        "rows": 12,
        "table_version": 3,
        "agreement": "a1",
        "policies": ["own-rows"],
        "filtered": ["speed"],
    }


def test_a_read_of_no_rows_is_told_from_one_of_which_they_are_not_known(catalog, audit):
    audit.read(note(rows=0))
    audit.read(note())
    audit.flush()
    unknown, none = catalog.decisions.entries(LogQuery())
    assert none.content["rows"] == 0
    assert "rows" not in unknown.content


def test_reads_of_many_threads_make_one_chain(catalog, audit):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: audit.read(note(f"reader {n % 8}")), range(1_200)))
    audit.flush()
    found = catalog.decisions.verify()
    assert (found.entries, found.problems) == (1_200, ())


def test_reads_are_written_without_anybody_asking(stored_catalog, monkeypatch):
    monkeypatch.setattr(auditing, "REST_SECONDS", 0.01)
    audit = ReadAudit(stored_catalog)
    audit.read(note())
    audit._timer.join()
    assert stored_catalog.decisions.verify().entries == 1
    audit.read(note())
    audit._timer.join()
    assert stored_catalog.decisions.verify().entries == 2
    audit.close()


def test_a_process_that_ends_writes_what_waits(catalog_url):
    code = (
        "import sys; from mesh.catalog.store import Catalog\n"
        "from mesh.access.auditing import ReadAudit\n"
        "from tests.access.test_auditing import note\n"
        "audit = ReadAudit(Catalog.open(sys.argv[1]))\n"
        "for _ in range(3): audit.read(note())"
    )
    subprocess.run([sys.executable, "-c", code, catalog_url], cwd=ROOT, check=True)
    with Catalog.open(catalog_url) as catalog:
        assert catalog.decisions.verify().entries == 3


def test_what_cannot_be_written_waits_and_then_nothing_is_read_any_more(
    stored_catalog, monkeypatch, caplog
):
    monkeypatch.setattr(auditing, "MOST_WAITING", 4)
    monkeypatch.setattr(auditing, "AT_ONCE", 2)
    monkeypatch.setattr(auditing, "REST_SECONDS", 60)
    append = stored_catalog.decisions.append
    audit = ReadAudit(stored_catalog)

    def fail(_entries):
        raise CatalogError("no space is left")

    monkeypatch.setattr(stored_catalog.decisions, "append", fail)
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            audit.read(note())
            for thread in threading.enumerate():
                if thread.name == "mesh-audit":
                    thread.join()
    assert "2 reads are not in the audit log yet: no space is left" in caplog.text
    with pytest.raises(CatalogError, match="no space is left"):
        audit.require_room()  # asked before rows are handed out
    with pytest.raises(CatalogError, match="no space is left"):
        audit.read(note())
    monkeypatch.setattr(stored_catalog.decisions, "append", append)
    audit.close()
    assert stored_catalog.decisions.verify().entries == 5
