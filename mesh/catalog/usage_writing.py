"""Counts of reads, into the catalog's table without waiting for anybody.

Owns the one statement that adds them, and the two short ways to it. A reader must not wait for the
catalog, nor for the libraries behind it: SQLite is written by Python's own driver, in a third of a
second less than SQLAlchemy takes to load. Creates no catalog, and migrates none.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from urllib.parse import quote

PATIENCE_SECONDS = 0.2
"""How long a writer waits for others."""
_CONNECT_SECONDS = 2
_SQLITE = "sqlite:///"
_ADD = """
INSERT INTO usage (product, "column", consumer, day, reads, last_read_at)
VALUES ({product}, {column}, {consumer}, {day}, {reads}, {last_read_at})
ON CONFLICT (product, "column", consumer, day) DO UPDATE SET
  reads = usage.reads + excluded.reads,
  last_read_at = CASE WHEN excluded.last_read_at > usage.last_read_at
                      THEN excluded.last_read_at ELSE usage.last_read_at END
"""
_FIELDS = ("product", "column", "consumer", "day", "reads", "last_read_at")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Read:
    """What is counted together. `column` is empty for the read of the product itself."""

    product: str
    column: str
    consumer: str
    day: date


@dataclass(frozen=True, slots=True)
class Count:
    """How often something was read, and when last (UTC)."""

    reads: int
    last_read_at: datetime


def add_counts(url: str, counts: Mapping[Read, Count]) -> bool:
    """Add counts to the catalog at a URL, together. False when that cannot be done at once.

    What stands against it is told at debug, and to nobody else.
    """
    if not counts:
        return True
    ordered = sorted(counts.items())  # two writers that meet wait for each other, and no more
    if url.startswith(_SQLITE) and "?" not in url:
        return _add_to_sqlite(Path(url.removeprefix(_SQLITE)), ordered)
    return url.startswith("postgresql") and _add_to_postgresql(url, ordered)


def _add_to_sqlite(file: Path, counts: Sequence[tuple[Read, Count]]) -> bool:
    if not file.is_file():
        return False
    statement = _ADD.format(**dict.fromkeys(_FIELDS, "?"))
    rows = [
        (r.product, r.column, r.consumer, r.day.isoformat(), c.reads, _as_sqlite(c.last_read_at))
        for r, c in counts
    ]
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=PATIENCE_SECONDS)
        ) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                connection.executemany(statement, rows)
    except sqlite3.Error as error:
        _LOG.debug("reads are not counted: %s", error)
        return False
    return True


def _add_to_postgresql(url: str, counts: Sequence[tuple[Read, Count]]) -> bool:
    from sqlalchemy import NullPool, create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    statement = text(_ADD.format(**{name: f":{name}" for name in _FIELDS}))
    rows = [
        {
            "product": r.product,
            "column": r.column,
            "consumer": r.consumer,
            "day": r.day,
            "reads": c.reads,
            "last_read_at": c.last_read_at,
        }
        for r, c in counts
    ]
    try:
        engine = create_engine(
            url, poolclass=NullPool, connect_args={"connect_timeout": _CONNECT_SECONDS}
        )
        with engine.begin() as connection:
            patience = int(PATIENCE_SECONDS * 1000)
            connection.execute(text(f"SET LOCAL lock_timeout = {patience}"))
            connection.execute(statement, rows)
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        _LOG.debug("reads are not counted: %s", error)
        return False
    return True


def _as_sqlite(moment: datetime) -> str:
    """A time in UTC as SQLAlchemy keeps it in SQLite."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
