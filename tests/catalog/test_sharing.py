"""Several processes use one catalog at once, and one that dies takes nothing with it."""

import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from mesh.catalog import database, moving
from mesh.catalog.feeds import KEPT
from mesh.catalog.store import Catalog
from mesh.errors import CatalogError
from tests.catalog.factories import domain, product, receipt
from tests.house.repository import ROOT

WRITERS, RECEIPTS = 4, 50


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


def finish(processes):
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()


def test_processes_that_publish_at_once_lose_nothing(empty_url):
    # The catalog does not exist yet: all of them open, make, register and record at once.
    finish(
        [
            start("-m", "tests.catalog.publisher", empty_url, str(n), str(RECEIPTS))
            for n in range(WRITERS)
        ]
    )
    with Catalog.open(empty_url) as catalog:
        for n in range(WRITERS):
            found = catalog.receipts(f"writers.w{n}_v1", limit=1_000)
            assert [item.table_version for item in found] == list(reversed(range(RECEIPTS)))
        assert len(catalog.receipts("weather.observations_v1", limit=1_000)) == RECEIPTS
        assert len(catalog.contract_versions("weather.observations_v1")) == 1
        lineage = catalog.lineage("weather.observations_v1", "down")
        assert len(lineage.edges) == WRITERS
        assert {len(edge.versions) for edge in lineage.edges} == {min(RECEIPTS, KEPT)}


@pytest.mark.parametrize("revision", ["", "0001"], ids=["no catalog yet", "an old one"])
def test_processes_that_migrate_one_catalog_at_once_all_succeed(empty_url, revision):
    if revision:
        with Catalog.open(empty_url) as catalog:
            catalog.register(domain("weather", product("weather.observations_v1")))
        older = database.Database(empty_url)
        moving.move_to(older, revision)
        older.close()
    code = (
        "import sys, time; from mesh.catalog.store import Catalog\n"
        "import alembic.command\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "Catalog.open(sys.argv[1]).products()"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_url],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    finish(processes)
    with Catalog.open(empty_url) as catalog:
        assert len(catalog.products()) == bool(revision)
        assert catalog.search.find("observations").total == bool(revision)


def test_a_writer_killed_halfway_leaves_nothing_and_keeps_nobody_waiting(catalog_url):
    with Catalog.open(catalog_url) as catalog:
        catalog.record(receipt("weather.observations_v1", 0))
        code = (
            "import os, signal, sys\n"
            "from mesh.catalog import publications\n"
            "from mesh.catalog.database import Database\n"
            "from tests.catalog.factories import receipt\n"
            "with Database(sys.argv[1]).writing() as connection:\n"
            "    many = [receipt('weather.observations_v1', n) for n in range(1, 3000)]\n"
            "    publications.insert_receipts(connection, many)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)"
        )
        process = start("-c", code, catalog_url)
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        assert len(catalog.receipts("weather.observations_v1")) == 1
        catalog.record(receipt("weather.observations_v1", 1))
        assert catalog.latest_receipt("weather.observations_v1").table_version == 1


def test_a_catalog_survives_a_fork(sqlite_url):
    with Catalog.open(sqlite_url) as catalog:
        catalog.record(receipt("weather.observations_v1", 0))
        child = os.fork()
        if not child:
            try:
                catalog.record(receipt("weather.observations_v1", 1))
            finally:
                os._exit(0)
        catalog.record(receipt("weather.observations_v1", 2))
        os.waitpid(child, 0)
        assert len(catalog.receipts("weather.observations_v1")) == 3


def test_a_catalog_that_stays_busy_is_an_error_that_says_so(sqlite_url, monkeypatch):
    with Catalog.open(sqlite_url) as catalog:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
        monkeypatch.setattr(database, "_PRAGMAS", ("PRAGMA busy_timeout = 50",))
        blocker = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogError, match="other processes kept the catalog busy"):
            catalog.record(receipt("weather.observations_v1"))
        blocker.execute("ROLLBACK")
        blocker.close()
        catalog.record(receipt("weather.observations_v1"))


def test_threads_share_a_catalog(catalog):
    from concurrent.futures import ThreadPoolExecutor

    catalog.register(domain("weather", product("weather.observations_v1")))
    with ThreadPoolExecutor(8) as pool:
        versions = range(80)
        list(pool.map(lambda n: catalog.record(receipt("weather.observations_v1", n)), versions))
    assert len(catalog.receipts("weather.observations_v1", limit=100)) == 80
