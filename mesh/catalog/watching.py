"""Whether anything in a catalog has changed: a stamp, which is cheap to ask for.

Owns the one connection that a server holds for it. Between two stamps that are equal nobody has
committed anything, in whatever process; of two that differ nothing is concluded. What cannot be
told is said with a stamp that equals no other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from mesh.recent import Recent

_ASK = {
    # Another number once another connection has committed; this one never writes.
    "sqlite": "PRAGMA data_version",
    # The transactions that can be seen: none was committed while these are the same.
    "postgresql": "SELECT txid_current_snapshot()::text",
}
_MOST = 4_096
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")
_moment: ContextVar[dict[object, Hashable] | None] = ContextVar("moment", default=None)


@contextmanager
def one_moment() -> Iterator[None]:
    """Ask each catalog for its stamp once within the block: at the beginning of a request."""
    before = _moment.set({})
    try:
        yield
    finally:
        _moment.reset(before)


class Watch:
    """Watches one database. Shared by threads; a forked process has a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Any = None
        self._opened_at: tuple[Hashable, ...] = ()
        self._opened: object = None

    def stamp(self) -> Hashable:
        """A stamp of now; within `one_moment`, the one of its beginning."""
        known = _moment.get()
        if known is None:
            return self._asked()
        if self not in known:
            known[self] = self._asked()
        return known[self]

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._drop()

    def _asked(self) -> Hashable:
        try:
            with self._lock:
                place = self._place()
                if self._connection is None or place != self._opened_at:
                    self._open(place)
                cursor = self._connection.cursor()
                try:
                    cursor.execute(_ASK[self._engine.dialect.name])
                    return self._opened, cursor.fetchone()[0]
                finally:
                    cursor.close()
        except (SQLAlchemyError, OSError, self._engine.dialect.loaded_dbapi.Error):
            # Whoever reads next is told what is the matter.
            with self._lock:
                self._drop()
            return object()

    def _place(self) -> tuple[Hashable, ...]:
        """This process, and the file that SQLite has open: another may be in its place."""
        if self._engine.dialect.name != "sqlite":
            return (os.getpid(),)
        found = os.stat(str(self._engine.url.database))  # noqa: PTH116 -- a URI's file is none
        return os.getpid(), found.st_dev, found.st_ino

    def _open(self, place: tuple[Hashable, ...]) -> None:
        if self._opened_at[:1] == place[:1]:
            self._drop()
        # Not the pool's: it is held for good. One that another process opened is left to it.
        self._connection = self._engine.raw_connection()
        self._connection.detach()
        if self._engine.dialect.name == "postgresql":
            self._connection.dbapi_connection.autocommit = True
        self._opened_at, self._opened = place, object()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None


class Unchanged(Generic[_Key, _Value]):
    """Answers of a catalog by key, each kept while nothing in the catalog changes.

    Shared by threads; two may look for the same answer at once. None is not kept.
    """

    def __init__(self, stamp: Callable[[], Hashable], most: int = _MOST) -> None:
        self._stamp = stamp
        self._kept: Recent[_Key, tuple[Hashable, _Value]] = Recent(most)

    def get(self, key: _Key, find: Callable[[], _Value]) -> _Value:
        """What is known of a key, or what `find` says now: all that was committed before is in it.

        The stamp is asked for first: an answer may be newer than its stamp, and never older.
        """
        stamp = self._stamp()
        kept = self._kept.find(key)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        found = find()
        if found is not None:
            self._kept.keep(key, (stamp, found))
        return found
