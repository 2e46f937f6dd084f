"""Where a contract's SQL runs: a locked DuckDB in memory that sees one stream of rows.

Owns the limits: no files, no network, no extensions, no objects of this process, and settings that
the query cannot change; so much memory, so many seconds. Nothing spills: a query that needs more
than its memory fails. Rows come as an Arrow stream that may be asked for again for every scan.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.queries import Query

if TYPE_CHECKING:
    import duckdb

    from mesh.contracts.model import Contract

_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "U",
)


class Streamed(Protocol):
    """Rows that can be read again and again."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A stream of all rows, from the first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use: memory in bytes, time in seconds, threads."""

    memory_bytes: int = 512 * 1024 * 1024
    seconds: float = 300.0
    threads: int = 1


class QueryError(Exception):
    """A query that failed, took too long or too much memory, or answered not one value."""


def answer(query: Query, rows: Streamed, limits: Limits) -> Any:
    """The one value that a query answers on rows. Raises QueryError."""
    with _locked(query, rows, limits) as connection, _in_time(connection, limits):
        found = connection.execute(query.text).fetchmany(2)
    if len(found) != 1 or len(found[0]) != 1:
        what = f"{len(found[0])} columns" if len(found) == 1 else f"{len(found) or 'no'} rows"
        message = f"it answers {'several rows' if len(found) > 1 else what}, not one value"
        raise QueryError(message)
    return found[0][0]


def binding_problem(query: Query, contract: Contract, *, is_number: bool) -> str:
    """Why a query cannot be asked of a contract's columns; empty when it can.

    Decided without any rows: names, types, how many columns it answers, and whether that is a
    number where one `is_number` that it is compared with.
    """
    empty = arrow_schema(contract).empty_table()
    try:
        with _locked(query, empty, Limits()) as connection:
            columns = connection.execute(f"DESCRIBE {query.text}").fetchall()
    except QueryError as error:
        return str(error)
    if len(columns) != 1:
        return f"it answers {len(columns)} columns, and has to answer one value"
    kind = str(columns[0][1])
    if is_number and not kind.startswith(_NUMBERS):
        return f"it answers {kind}, and is compared with a number"
    return ""


@contextmanager
def _locked(query: Query, rows: Streamed, limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that sees these rows and nothing else. Whatever it raises is a QueryError."""
    import duckdb

    with duckdb.connect(":memory:", config=_SETTINGS) as connection:
        try:
            connection.execute(f"SET memory_limit = '{limits.memory_bytes}B'")
            connection.execute(f"SET threads = {limits.threads}")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET temp_directory = ''")
            connection.execute("SET enable_external_access = false")
            connection.register(query.table, rows)
            connection.execute("SET lock_configuration = true")
            yield connection
        except duckdb.InterruptException as error:
            message = f"it took longer than {limits.seconds:g} s"
            raise QueryError(message) from error
        except duckdb.OutOfMemoryException as error:
            message = f"it needs more than {limits.memory_bytes:,} bytes of memory"
            raise QueryError(message) from error
        except duckdb.Error as error:
            raise QueryError(str(error).splitlines()[0]) from error


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
}


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection, limits: Limits) -> Iterator[None]:
    """Interrupt what is still asked after the time that it may take."""
    timer = threading.Timer(limits.seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
