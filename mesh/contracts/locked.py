"""A DuckDB in memory that sees some streams of rows, and nothing else.

Owns the locks: no files, no network, no extensions, no objects of this process, nothing that
spills, and settings that no statement can change. Rows come as Arrow streams that are asked for
again for every scan. Who runs what in it, and for how long, is theirs to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
}


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


def locked(tables: Mapping[str, Streamed], limits: Limits) -> duckdb.DuckDBPyConnection:
    """A database with these tables, locked. Its memory and threads are limited; its time is not."""
    import duckdb

    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.execute(f"SET memory_limit = '{limits.memory_bytes}B'")
    connection.execute(f"SET threads = {limits.threads}")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = ''")
    connection.execute("SET enable_external_access = false")
    for name, rows in tables.items():
        connection.register(name, rows)
    connection.execute("SET lock_configuration = true")
    return connection


def told(error: Exception, limits: Limits) -> str:
    """What an error of DuckDB says, in a line."""
    import duckdb

    if isinstance(error, duckdb.InterruptException):
        return f"it took longer than {limits.seconds:g} s"
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"it needs more than {limits.memory_bytes:,} bytes of memory"
    return (str(error) or type(error).__name__).splitlines()[0]
