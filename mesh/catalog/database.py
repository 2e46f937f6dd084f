"""The database under the catalog: one engine, two kinds of transaction.

Owns everything that differs between SQLite and PostgreSQL (how a transaction begins, how writers
wait for each other, what an error means), so that no other module asks which one it is. Refuses
other databases. Knows nothing of the catalog's tables.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFreeError
from sqlalchemy.pool import NullPool, QueuePool

from mesh.catalog import changes, failures
from mesh.catalog.watching import Watch
from mesh.errors import CatalogError, CatalogUnreadableError, NotAllowedError

BUSY_SECONDS = 30.0
"""How long a transaction waits for others before it gives up."""
AWAY_SECONDS = 30.0
"""How long a transaction waits for a server that was there before, and may be on its way back."""
_PAUSE_SECONDS = 0.1

_WRITERS = 0x6D657368
"""The advisory lock that PostgreSQL's writers queue on: `mesh` in ASCII."""

# SQLite takes its snapshot at the first read, not at BEGIN.
_READ = {
    "sqlite": ("BEGIN", "SELECT 1 FROM sqlite_schema LIMIT 1"),
    "postgresql": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",),
}
_WRITE = {
    "sqlite": ("PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE"),
    "postgresql": (
        f"SET LOCAL lock_timeout = {int(BUSY_SECONDS * 1000)}",
        f"SELECT pg_advisory_xact_lock({_WRITERS})",
    ),
}
_PRAGMAS = (
    f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}",
    "PRAGMA foreign_keys = ON",
)
# A server that is silent is noticed in seconds, not in hours: before it answers, and afterwards.
_WATCHFUL = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


_may_write: ContextVar[bool] = ContextVar("may_write", default=True)


@contextmanager
def only_reading() -> Iterator[None]:
    """Let no transaction of this thread write, within the block: it raises NotAllowedError.

    For whoever acts for somebody else who may only read. Held here, where all writing passes, no
    list of methods that write can fall behind.
    """
    before = _may_write.set(False)
    try:
        yield
    finally:
        _may_write.reset(before)


class Database:
    """A database at a URL. Opens nothing before the first transaction.

    One writer at a time, on either database: a writing transaction holds the lock from its first
    moment, so whatever it reads stays true until it commits. A transaction that begins while a
    server restarts waits for it, up to `patience` seconds; one that it interrupts is an error.
    """

    def __init__(self, url: str, *, patience: float | None = None) -> None:
        self.url = _parsed(url)
        self.backend = self.url.get_backend_name()
        self.where = _place(self.url)
        self._patience = AWAY_SECONDS if patience is None else patience
        self._was_there = False
        self._holding, self._holders = Lock(), 0
        self._engine = self._create_engine()
        self._watch = Watch(self._engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the catalog as it is now, and stays with that."""
        with self._transaction(*_READ[self.backend]) as connection:
            yield connection
            self._end_reading(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that alone may write. Commits at its end; an exception rolls it back."""
        if not _may_write.get():
            raise NotAllowedError("this writes, and whoever asks may only read", where=self.where)
        with self._transaction(*_WRITE[self.backend]) as connection:
            changes.begin(connection)
            yield connection
            changes.settle(connection)
            self._commit(connection)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep SQLite's file open meanwhile, for a process with many transactions in a row.

        Each new connection reads the whole schema first, and whoever closes the file last moves all
        of its WAL into it, and waits for the disk: 1 ms, and 10 ms.
        """
        if self.backend != "sqlite":
            yield
            return
        with self._errors(), self._pooled(), self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1").close()
            yield

    @contextmanager
    def _pooled(self) -> Iterator[None]:
        """Let transactions take over the connections of others that ended."""
        with self._holding:
            self._holders += 1
            if self._holders == 1:
                self._engine = self._create_engine(poolclass=QueuePool, max_overflow=-1)
        try:
            yield
        finally:
            with self._holding:
                self._holders -= 1
                if not self._holders:
                    self._engine.dispose()
                    self._engine = self._create_engine()

    def prepare(self) -> None:
        """Make what the database needs before its first transaction: a folder, SQLite's WAL.

        WAL is kept in the file, and lets readers go on while somebody writes.
        """
        if self.backend != "sqlite":
            return
        with self._errors():
            _make_folder(self.url)
            with self._engine.connect() as connection:
                _patiently(connection, "PRAGMA journal_mode")
                if connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                    _patiently(connection, "PRAGMA journal_mode = WAL")

    def count_on_from(self, connection: Connection, table: Table) -> None:
        """Let the numbers that the database gives to new rows go on after those that are there.

        PostgreSQL counts beside the table, and does not see numbers that came with their rows.
        """
        column = table.autoincrement_column
        if self.backend != "postgresql" or column is None:
            return
        newest = connection.execute(select(func.max(column))).scalar()
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        if newest is not None:
            connection.execute(select(func.setval(sequence, newest)))

    def stamp(self) -> Hashable:
        """Another one once anything was committed, by whomever; see `mesh.catalog.watching`.

        Costs microseconds on SQLite, and one short query of PostgreSQL.
        """
        return self._watch.stamp()

    def close(self) -> None:
        """Let go of every connection."""
        self._watch.close()
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[Connection]:
        with self._errors(), self._begun(begin) as connection:
            yield connection

    def _begun(self, begin: Sequence[str]) -> Connection:
        """A transaction in which nothing was done. Waits for a server that is on its way back."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                connection = self._begun_at_once(begin)
            except DBAPIError as error:
                if not self._comes_back(error):
                    raise
                if time.monotonic() > deadline:
                    self._was_there = False  # whoever comes next need not wait as long again
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                self._was_there = True
                return connection

    def _begun_at_once(self, begin: Sequence[str]) -> Connection:
        connection = self._engine.connect()
        try:
            for statement in begin:
                _patiently(connection, statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _comes_back(self, error: DBAPIError) -> bool:
        """Whether it helps to wait. A server that was never there may just as well be a typo."""
        if self.backend == "sqlite":
            return False
        return failures.is_passing(error) or (self._was_there and failures.is_away(error))

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            if failures.is_lost(error):
                raise failures.lost_in_writing(self.where) from error
            raise

    def _end_reading(self, connection: Connection) -> None:
        """What was read is read, whatever becomes of the connection."""
        try:
            connection.rollback()
        except DBAPIError as error:
            if not failures.is_lost(error):
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise failures.explained(error, self.where, BUSY_SECONDS) from error
        except NoneFreeError as error:  # every connection of this process waits for others
            raise failures.busy(BUSY_SECONDS, self.where) from error
        except OSError as error:
            raise CatalogUnreadableError(
                f"the catalog cannot be opened: {error.strerror or error}",
                where=self.where,
                hint=failures.MAKE_ACCESSIBLE,
            ) from error

    def _create_engine(self, **pool: Any) -> Engine:
        # A SQLite connection must not be carried into a forked process, and keeps the file from
        # being moved away: unless it is held, each transaction opens one anew.
        options: dict[str, Any] = pool or {"poolclass": NullPool}
        if self.backend != "sqlite":
            watchful = {k: v for k, v in _WATCHFUL.items() if k not in self.url.query}
            options = {"pool_pre_ping": True, "connect_args": watchful}
        try:
            engine = create_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise CatalogError(
                f"the catalog's driver {error.name!r} is not installed",
                where=self.where,
                hint="pip install 'mesh-data[postgres]'",
            ) from error
        if self.backend == "sqlite":
            event.listen(engine, "connect", _configure_sqlite)
        changes.watch(engine)
        return engine


def _parsed(text: str) -> URL:
    hint = "MESH_CATALOG__URL is sqlite:///path or postgresql+psycopg://user:password@host/name"
    try:
        url = make_url(text)
        backend = url.get_dialect().name
    except (ArgumentError, NoSuchModuleError) as error:
        raise CatalogError("the catalog's URL cannot be used", hint=hint) from error
    if backend not in {"sqlite", "postgresql"}:
        raise CatalogError(f"the catalog cannot live in {backend}", hint=hint)
    if backend == "sqlite" and url.database in {None, "", ":memory:"}:
        raise CatalogError("the catalog cannot live in memory: others could not see it", hint=hint)
    # Without a driver's name SQLAlchemy takes psycopg2, which Mesh does not come with.
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _place(url: URL) -> str:
    """Where the catalog is, as people look for it: a file, or a URL without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _make_folder(url: URL) -> None:
    database = str(url.database)
    if not database.startswith("file:"):
        Path(database).parent.mkdir(parents=True, exist_ok=True)


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin too late: Database begins them itself.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _patiently(connection: Connection, statement: str) -> None:
    """Execute what SQLite may refuse at once, without the wait that busy_timeout asks for.

    That happens while another process switches the file to WAL, or is the last to leave it.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.exec_driver_sql(statement).close()
        except OperationalError as error:
            if not failures.is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
