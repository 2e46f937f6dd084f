"""The database under the catalog: one engine, two kinds of transaction.

Owns everything that differs between SQLite and PostgreSQL (how a transaction begins, how writers
wait for each other, what an error means), so that no other module asks which one it is. Refuses
other databases. Knows nothing of the catalog's tables.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
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
from sqlalchemy.pool import NullPool

from mesh.errors import CatalogError, CatalogUnreadableError, NotAllowedError

BUSY_SECONDS = 30.0
"""How long a transaction waits for others before it gives up."""

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
_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_LOCKED_AWAY = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL says when `lock_timeout` has passed."""


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
    moment, so whatever it reads stays true until it commits.
    """

    def __init__(self, url: str) -> None:
        self.url = _parsed(url)
        self.backend = self.url.get_backend_name()
        self.where = _place(self.url)
        self._engine = self._create_engine()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees the catalog as it is now, and stays with that."""
        with self._transaction(*_READ[self.backend]) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that alone may write. Commits at its end; an exception rolls it back."""
        if not _may_write.get():
            raise NotAllowedError("this writes, and whoever asks may only read", where=self.where)
        with self._transaction(*_WRITE[self.backend]) as connection:
            yield connection

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep SQLite's file open meanwhile, for a process with many transactions in a row.

        Whoever closes the file last moves all of its WAL into it, and waits for the disk: 10 ms.
        """
        if self.backend != "sqlite":
            yield
            return
        with self._errors(), self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1").close()
            yield

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

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *begin: str) -> Iterator[Connection]:
        with self._errors(), self._engine.connect() as connection:
            for statement in begin:
                _patiently(connection, statement)
            yield connection
            connection.commit()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise self._explained(error) from error
        except OSError as error:
            raise CatalogUnreadableError(
                f"the catalog cannot be opened: {error.strerror or error}",
                where=self.where,
                hint=_MAKE_ACCESSIBLE,
            ) from error

    def _explained(self, error: DBAPIError) -> CatalogError:
        text = str(error.orig).strip().partition("\n")[0]
        code = _sqlite_code(error)
        if code in _DAMAGED:
            return CatalogUnreadableError(
                f"it is damaged, or not a catalog: {text}",
                where=self.where,
                hint="move the file away, then `mesh catalog sync` makes it anew from the lake",
            )
        if code in _LOCKED_AWAY:
            return CatalogUnreadableError(
                f"the catalog cannot be opened for writing: {text}",
                where=self.where,
                hint=_MAKE_ACCESSIBLE,
            )
        if code in _BUSY or getattr(error.orig, "sqlstate", "") == _LOCK_NOT_AVAILABLE:
            what = f"other processes kept the catalog busy for {BUSY_SECONDS:.0f} s"
            return CatalogError(what, where=self.where, hint="run it again; sync loses nothing")
        if code == sqlite3.SQLITE_FULL:
            return CatalogError(
                "no space is left", where=self.where, hint="free some, run it again"
            )
        if code is None and isinstance(error, OperationalError):
            what = f"the catalog's database cannot be used: {text}"
            hint = "check MESH_CATALOG__URL, and that the server runs"
            return CatalogError(what, where=self.where, hint=hint)
        return CatalogError(f"the catalog's database refused: {text}", where=self.where)

    def _create_engine(self) -> Engine:
        # A SQLite connection must not be carried into a forked process, and keeps the file from
        # being moved away: it costs 0.2 ms to open one anew.
        options: dict[str, Any] = (
            {"poolclass": NullPool} if self.backend == "sqlite" else {"pool_pre_ping": True}
        )
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
        return engine


_MAKE_ACCESSIBLE = (
    "make it a file that this user may write, in a folder that this user may write, or set "
    "MESH_CATALOG__URL"
)


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
            if _sqlite_code(error) not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite_code(error: DBAPIError) -> int | None:
    """SQLite's primary result code; None for another database."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
