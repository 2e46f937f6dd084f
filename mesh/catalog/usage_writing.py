"""Counts of reads, into the catalog's table without waiting for anybody.

Owns the statements that add them and that tell the search of it, and the two short ways to them. A
reader must not wait for the catalog, nor for the libraries behind it: SQLite is written by Python's
own driver, in a third of a second less than SQLAlchemy takes to load. Creates no catalog, and
migrates none.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

PATIENCE_SECONDS = 0.2
"""How long a writer waits for others."""
USE_DAYS = 30
"""Days of use that count in the order of what is found."""
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
_RANK = """
UPDATE search_documents SET reads = (
  SELECT COALESCE(SUM(usage.reads), 0) FROM usage
  WHERE usage.product = search_documents.key AND usage."column" = '' AND usage.day > {since}
) WHERE search_documents.key = {product}
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
                connection.executemany(
                    _RANK.format(since="?", product="?"),
                    [(use_since().isoformat(), product) for product in _products(counts)],
                )
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
            connection.execute(
                text(_RANK.format(since=":since", product=":product")),
                [{"since": use_since(), "product": p} for p in _products(counts)],
            )
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        _LOG.debug("reads are not counted: %s", error)
        return False
    return True


def use_since() -> date:
    """The day before the first that counts in the order of what is found."""
    return datetime.now(UTC).date() - timedelta(days=USE_DAYS)


def _products(counts: Sequence[tuple[Read, Count]]) -> list[str]:
    """The products that were read, each once and in order: two writers wait, and no more."""
    return list(dict.fromkeys(read.product for read, _ in counts))


def _as_sqlite(moment: datetime) -> str:
    """A time in UTC as SQLAlchemy keeps it in SQLite."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
