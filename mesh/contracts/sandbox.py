"""Where a contract's SQL runs: in a locked database that sees the product's rows alone.

Owns what is asked of it: one value, in so many seconds. What it is locked against, `locked` says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.locked import Limits, Streamed, locked, told
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
    with _reported(limits), locked({query.table: rows}, limits) as connection:
        yield connection


@contextmanager
def _reported(limits: Limits) -> Iterator[None]:
    """Whatever DuckDB raises is a QueryError."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise QueryError(told(error, limits)) from error


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
