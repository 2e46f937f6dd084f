"""PostgreSQL that restarts, crashes, forgets, is full or has no connection left, under a catalog.

Whatever it does: what a call returned from is there, once, and what was not written is said to be.
"""

import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from mesh.catalog import database
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import Scope
from mesh.errors import CatalogLostError, CatalogUnavailableError, Transient
from mesh.orchestration.execution import Run, execute
from mesh.products.collection import load_organization
from tests.catalog import postgresql
from tests.catalog.factories import receipt
from tests.faults.postgresql_proxy import forgetful
from tests.house.repository import ROOT
from tests.orchestration.small_mesh import SmallMesh

WEATHER = "weather.observations_v1"
CONNECTIONS = 20
PATIENCE = 180
"""Seconds after which a test gives up."""
WAITING = '''
import time
from pathlib import Path

import polars as pl

import mesh

HERE = Path(__file__).parent


class Waiting(mesh.Contract):
    """Made when the test says so."""

    n: int


@mesh.data_product(contract=Waiting)
def waiting():
    (HERE / "begun").touch()
    while not (HERE / "go").exists():
        time.sleep(0.01)
    return pl.DataFrame({"n": [1]})
'''


@pytest.fixture(scope="module")
def cluster():
    with postgresql.serving(f"max_connections={CONNECTIONS}") as server:
        yield server


@pytest.fixture
def url(cluster):
    with postgresql.database(cluster.home) as made:
        yield made


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Load:
    """Threads that record receipts and read them until they are told to end."""

    def __init__(self, catalog, writers):
        self.catalog, self.writers = catalog, writers
        self.accepted, self.errors = [], []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(n,)) for n in range(writers)]

    def write(self, writer):
        version = writer
        try:
            while not self.is_over.is_set():
                self.catalog.record(receipt(WEATHER, version))
                self.accepted.append(version)
                version += self.writers
        except BaseException as error:
            self.errors.append(error)
            raise

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(timeout=PATIENCE)

    def goes_on(self, more=20):
        """Wait until it has got further."""
        before = len(self.accepted)
        wait_until(lambda: len(self.accepted) >= before + more or self.errors)


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGQUIT], ids=["is restarted", "crashes and comes back"]
)
def test_writers_go_on_when_the_server_comes_back_and_lose_nothing(cluster, url, how, figures):
    beside = [sys.executable, "-m", "tests.catalog.publisher", url, "0", "60"]
    with (
        Catalog.open(url) as catalog,
        subprocess.Popen(beside, cwd=ROOT) as other,
        Load(catalog, writers=4) as load,
    ):
        wait_until(lambda: catalog.receipts("writers.w0_v1"))
        for _ in range(3):
            load.goes_on()
            cluster.stop(how)
            time.sleep(0.2)
            cluster.start()
        load.goes_on()
        assert other.wait(timeout=PATIENCE) == 0
    assert load.errors == []
    with Catalog.open(url) as catalog:
        found = [item.table_version for item in catalog.receipts(WEATHER, limit=100_000)]
        assert len(found) == len(set(found))
        assert set(load.accepted) <= set(found)
        assert len(catalog.receipts("writers.w0_v1", limit=1_000)) == 60
    figures.add("restarts of the catalog's server", 3)


def test_a_server_that_stays_away_is_an_error_that_a_retry_may_mend(cluster, url, monkeypatch):
    monkeypatch.setattr(database, "AWAY_SECONDS", 0.3)
    with Catalog.open(url) as catalog:
        catalog.record(receipt(WEATHER, 0))
        cluster.stop()
        try:
            with pytest.raises(CatalogUnavailableError, match="cannot be used") as caught:
                catalog.record(receipt(WEATHER, 1))
        finally:
            cluster.start()
        assert isinstance(caught.value, Transient)
        assert "that the server runs" in caught.value.hint
        catalog.record(receipt(WEATHER, 1))
        assert len(catalog.receipts(WEATHER)) == 2


def delete_and_be_cut_off(held, cluster):
    """Delete every receipt, in a transaction whose connection the server ends."""
    with held.writing() as connection:
        connection.exec_driver_sql("DELETE FROM receipts")
        with cluster.connected() as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = %s AND state = 'idle in transaction'",
                [held.url.database],
            )
        connection.exec_driver_sql("DELETE FROM products")


def test_a_connection_that_breaks_in_the_middle_writes_nothing(cluster, url):
    with Catalog.open(url) as catalog:
        catalog.record(receipt(WEATHER, 0))
        held = database.Database(url)
        with pytest.raises(CatalogLostError, match="broke") as caught:
            delete_and_be_cut_off(held, cluster)
        assert "nothing was written" in caught.value.hint
        assert len(catalog.receipts(WEATHER)) == 1
        held.close()


@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_whose_answer_is_lost_is_done_once(cluster, url, times):
    with (
        forgetful(cluster.home) as way,
        Catalog.open(url.replace(str(cluster.home), str(way.home))) as catalog,
    ):
        way.losing = times
        catalog.record(receipt(WEATHER, 0))
        way.losing = times
        secret = catalog.tokens.create("ada", [Scope.READ], lasting=60).secret
        assert way.lost == 2 * times
        assert len(catalog.receipts(WEATHER)) == 1
        assert [token.principal for token in catalog.tokens.all()] == ["ada"]
        assert catalog.tokens.known(secret) is not None


def test_a_commit_that_is_never_answered_is_said_to_be_unknown(cluster, url):
    with (
        forgetful(cluster.home) as way,
        Catalog.open(url.replace(str(cluster.home), str(way.home))) as catalog,
    ):
        way.losing = 100
        with pytest.raises(CatalogLostError, match="whether it was is not known") as caught:
            catalog.record(receipt(WEATHER, 0))
        way.losing = 0
        assert "not written twice" in caught.value.hint
        catalog.record(receipt(WEATHER, 0))
        assert len(catalog.receipts(WEATHER)) == 1


@pytest.fixture
def crowd(cluster):
    """Take every connection of the server; returns what lets go of them."""
    taken = []

    def take():
        try:
            while True:
                taken.append(cluster.connected())
        except psycopg.OperationalError:
            return leave

    def leave():
        while taken:
            taken.pop().close()

    yield take
    leave()


def test_a_server_without_a_connection_left_is_waited_for(crowd, url):
    leave = crowd()
    later = threading.Timer(0.5, leave)
    later.start()
    with Catalog.open(url) as catalog:
        catalog.record(receipt(WEATHER))
    later.join()


def test_a_server_that_stays_without_a_connection_says_so(crowd, url, monkeypatch):
    monkeypatch.setattr(database, "AWAY_SECONDS", 0.3)
    leave = crowd()
    with pytest.raises(CatalogUnavailableError, match="no connection left") as caught:
        Catalog.open(url)
    assert "max_connections" in caught.value.hint
    leave()
    Catalog.open(url).close()


def test_writers_that_wait_leave_readers_an_error_that_says_so(url):
    with Catalog.open(url) as catalog:
        engine = catalog._database._engine
        most = engine.pool.size() + engine.pool._max_overflow
        engine.pool._timeout = 0.3
        held = database.Database(url)
        waiting = [
            threading.Thread(target=catalog.record, args=(receipt(WEATHER, n),))
            for n in range(most)
        ]
        with held.writing():
            for thread in waiting:
                thread.start()
            wait_until(lambda: engine.pool.checkedout() == most)
            with pytest.raises(CatalogUnavailableError, match="kept the catalog busy"):
                catalog.receipts(WEATHER)
        for thread in waiting:
            thread.join(timeout=PATIENCE)
        assert len(catalog.receipts(WEATHER, limit=100)) == most
        held.close()


@pytest.mark.parametrize("is_long", [False, True])
def test_a_writer_waits_for_another_and_not_for_ever(url, monkeypatch, is_long):
    begin = ("SET LOCAL lock_timeout = 300", database._WRITE["postgresql"][1])
    with Catalog.open(url) as catalog:
        held = database.Database(url)
        if is_long:
            monkeypatch.setitem(database._WRITE, "postgresql", begin)
        with held.writing():
            other = threading.Thread(target=catalog.record, args=(receipt(WEATHER, 1),))
            if is_long:
                with pytest.raises(CatalogUnavailableError, match="kept the catalog busy"):
                    catalog.record(receipt(WEATHER, 0))
            else:
                other.start()
                time.sleep(0.3)
        if not is_long:
            other.join(timeout=PATIENCE)
            assert len(catalog.receipts(WEATHER)) == 1
        held.close()


def test_a_server_without_space_writes_nothing_and_says_so(cluster, url):
    with Catalog.open(url) as catalog:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            (place,) = connection.execute("SELECT pg_relation_filepath('receipts')").fetchone()
        catalog.close()
        file = cluster.home / "data" / place
        assert file.stat().st_size == 0
        away = file.with_name("away")
        file.rename(away)
        file.symlink_to("/dev/full")
        with pytest.raises(CatalogUnavailableError, match="no space is left") as caught:
            catalog.record(receipt(WEATHER))
        assert "nothing of this was written" in caught.value.hint
        catalog.close()
        file.unlink()
        away.rename(file)
        assert catalog.receipts(WEATHER) == []
        catalog.record(receipt(WEATHER))
        assert len(catalog.receipts(WEATHER)) == 1


def test_a_server_that_only_reads_serves_readers_and_says_so_to_writers(cluster, url):
    Catalog.open(url).close()
    with cluster.connected() as administrator:
        name = url.partition("@/")[2].partition("?")[0]
        administrator.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with Catalog.open(url) as catalog:
        assert catalog.products() == []
        with pytest.raises(CatalogUnavailableError, match="may only be read now") as caught:
            catalog.record(receipt(WEATHER))
    assert "primary" in caught.value.hint


@pytest.fixture
def waiting(tmp_path, url, monkeypatch):
    """A mesh with its catalog on the server, and a product that is made when the test says so."""
    monkeypatch.setenv("MESH_CATALOG__URL", url)
    made = SmallMesh.at(tmp_path)
    made.add_domain("weather", "source-aligned", waiting=WAITING)
    product = load_organization(made.settings).product("weather.waiting_v1")
    workspace = made.workspace
    yield product, workspace, tmp_path / "teams" / "weather" / "products"
    workspace.catalog.close()


class Running(threading.Thread):
    """A run of a product, and what became of it."""

    def __init__(self, product, workspace):
        super().__init__()
        self.product, self.workspace = product, workspace
        self.outcome = None
        self.start()

    def run(self):
        try:
            self.outcome = execute(self.product, self.workspace, Run("once"))
        except CatalogUnavailableError as error:
            self.outcome = error

    def ended(self):
        self.join(timeout=PATIENCE)
        return self.outcome


def test_a_run_outlasts_a_restart_of_the_catalogs_server(cluster, waiting):
    product, workspace, folder = waiting
    running = Running(product, workspace)
    wait_until((folder / "begun").exists)
    cluster.stop()
    (folder / "go").touch()
    wait_until(workspace.lake.table(product.id).exists)
    time.sleep(0.3)
    cluster.start()

    assert running.ended() == workspace.catalog.latest_receipt(str(product.id))
    assert workspace.catalog.emissions.open_runs() == []


def test_a_run_whose_catalog_stays_away_is_recorded_by_the_next(cluster, waiting, monkeypatch):
    product, workspace, folder = waiting
    monkeypatch.setattr(workspace.catalog._database, "_patience", 0.3)
    running = Running(product, workspace)
    wait_until((folder / "begun").exists)
    cluster.stop()
    (folder / "go").touch()
    outcome = running.ended()
    cluster.start()

    assert isinstance(outcome, Transient)
    assert workspace.lake.table(product.id).exists()
    again = execute(product, workspace, Run("once"))
    assert again.is_repeated
    assert len(workspace.catalog.receipts(str(product.id))) == 1
