"""What went wrong with the catalog's database, in Mesh's own words.

Owns the reading of drivers' errors: what happened, whether it passes by itself, and what to do
next. Knows nothing of connections and transactions.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

from mesh.errors import CatalogError, CatalogLostError, CatalogUnavailableError
from mesh.errors import CatalogUnreadableError as Unreadable

_DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})
_LOCKED_AWAY = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL says when `lock_timeout` has passed."""
_IN_EACH_OTHERS_WAY = frozenset({"40001", "40P01"})
_FULL = "53100"
_READ_ONLY = "25006"
_NO_RIGHT = "42501"

# Of a connection that was not made, drivers have no code, only the server's own words.
_PASSING = (
    "the database system is starting up",
    "the database system is shutting down",
    "the database system is in recovery mode",
    "the database system is not yet accepting connections",
)
_NO_CONNECTION_LEFT = ("too many clients", "remaining connection slots", "too many connections")
_NOT_LET_IN = ("authentication failed", "no password supplied", "no pg_hba.conf entry", 'role "')
_NO_SUCH_DATABASE = "does not exist"

MAKE_ACCESSIBLE = (
    "make it a file that this user may write, in a folder that this user may write, or set "
    "MESH_CATALOG__URL"
)
_AGAIN = "run it again; `mesh catalog sync` brings what is in the lake"


def is_busy(error: DBAPIError) -> bool:
    """Whether SQLite found the file locked by others."""
    return _sqlite_code(error) in _BUSY


def is_lost(error: DBAPIError) -> bool:
    """Whether a connection that was made is gone: nothing that it had not committed is written."""
    return error.connection_invalidated


def is_away(error: DBAPIError) -> bool:
    """Whether nobody who could answer was reached: the server may be on its way back."""
    if is_lost(error):
        return True
    is_answer = any(words in _text(error) for words in (*_NOT_LET_IN, _NO_SUCH_DATABASE))
    return _is_of_no_connection(error) and not is_answer


def is_passing(error: DBAPIError) -> bool:
    """Whether the server is there, and says that it can be used in a moment."""
    text = _text(error)
    return any(words in text for words in (*_PASSING, *_NO_CONNECTION_LEFT))


def busy(seconds: float, where: str) -> CatalogError:
    """The error for a wait in vain."""
    what = f"other processes kept the catalog busy for {seconds:.0f} s"
    return CatalogUnavailableError(what, where=where, hint=_AGAIN)


def lost_in_writing(where: str) -> CatalogLostError:
    """The error for a commit that nobody answered."""
    return CatalogLostError(
        "the connection broke while this was written: whether it was is not known",
        where=where,
        hint="run it again: what is written already is not written twice",
    )


def explained(error: DBAPIError, where: str, patience_seconds: float) -> CatalogError:
    """The error of Mesh that says what a driver's error means."""
    code = _sqlite_code(error)
    found = _of_postgresql(error, where) if code is None else _of_sqlite(error, code, where)
    if found is not None:
        return found
    if code in _BUSY or _state(error) == _LOCK_NOT_AVAILABLE:
        return busy(patience_seconds, where)
    return CatalogError(f"the catalog's database refused: {_said(error)}", where=where)


def _of_sqlite(error: DBAPIError, code: int, where: str) -> CatalogError | None:
    said = _said(error)
    if code in _DAMAGED:
        return Unreadable(
            f"it is damaged, or not a catalog: {said}",
            where=where,
            hint="move the file away, then `mesh catalog sync` makes it anew from the lake",
        )
    if code in _LOCKED_AWAY:
        what = f"the catalog cannot be opened for writing: {said}"
        return Unreadable(what, where=where, hint=MAKE_ACCESSIBLE)
    if code == sqlite3.SQLITE_FULL:
        return _full(where)
    if code == sqlite3.SQLITE_IOERR:
        hint = "see to the disk, and that it has space left; then run it again"
        what = f"the disk did not do what the catalog asked of it: {said}"
        return CatalogUnavailableError(what, where=where, hint=hint)
    return None


def _of_postgresql(error: DBAPIError, where: str) -> CatalogError | None:
    said, state = _said(error), _state(error)
    if is_lost(error):
        what = f"the connection to the catalog's database broke: {said}"
        return CatalogLostError(what, where=where, hint="run it again: nothing was written")
    if _is_of_no_connection(error):
        return _of_no_connection(error, where)
    if state == _FULL:
        return _full(where)
    if state in _IN_EACH_OTHERS_WAY:
        what = f"other transactions got in the way: {said}"
        return CatalogUnavailableError(what, where=where, hint=_AGAIN)
    if state == _READ_ONLY:
        hint = "MESH_CATALOG__URL has to name the primary; or ask why the server only reads"
        return CatalogUnavailableError(f"it may only be read now: {said}", where=where, hint=hint)
    if state == _NO_RIGHT:
        hint = "let this user own the database: ALTER DATABASE name OWNER TO user"
        return CatalogError(f"this user may not do that: {said}", where=where, hint=hint)
    return None


def _is_of_no_connection(error: DBAPIError) -> bool:
    """Whether there was no server to give a code."""
    is_coded = _state(error) is not None or _sqlite_code(error) is not None
    return isinstance(error, OperationalError) and not is_coded


def _of_no_connection(error: DBAPIError, where: str) -> CatalogError:
    said = _said(error)
    if any(words in said for words in _NO_CONNECTION_LEFT):
        return CatalogUnavailableError(
            f"the catalog's server has no connection left: {said}",
            where=where,
            hint="run it again; raise max_connections there, or have fewer processes at once",
        )
    if any(words in said for words in _NOT_LET_IN):
        hint = "check the user and the password in MESH_CATALOG__URL, or in ~/.pgpass"
        what = f"the catalog's server does not let this user in: {said}"
        return CatalogError(what, where=where, hint=hint)
    if _NO_SUCH_DATABASE in said:
        return CatalogError(
            f"the catalog's server has no such database: {said}",
            where=where,
            hint="create it there (`createdb`), or name another in MESH_CATALOG__URL",
        )
    return CatalogUnavailableError(
        f"the catalog's database cannot be used: {said}",
        where=where,
        hint="check MESH_CATALOG__URL, and that the server runs",
    )


def _full(where: str) -> CatalogError:
    hint = "free some where the catalog is, then run it again: nothing of this was written"
    return CatalogUnavailableError("no space is left", where=where, hint=hint)


def _said(error: DBAPIError) -> str:
    """What the driver said, in a line: of several attempts to connect, the last."""
    lines = [line for line in _text(error).splitlines() if line.strip()]
    own = [line for line in lines if not line.startswith("\t")] or [""]
    first = own[-1] if own[0].startswith("Multiple connection attempts") else own[0]
    return first.removeprefix("- ").removeprefix("connection failed: ")


def _text(error: DBAPIError) -> str:
    return str(error.orig).strip()


def _state(error: DBAPIError) -> str | None:
    """PostgreSQL's code; None where no server gave one."""
    return getattr(error.orig, "sqlstate", None)


def _sqlite_code(error: DBAPIError) -> int | None:
    """SQLite's primary result code; None for another database."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF
