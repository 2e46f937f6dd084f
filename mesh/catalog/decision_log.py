"""The decision log as rows.

Owns the one way in which entries get into it: at its end, within the transaction that changes what
they tell of. Nothing here changes an entry or takes one away, and the database refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, insert, or_, select, type_coerce

from mesh.catalog import schema
from mesh.catalog.chain import GENESIS, LogEntry, NewEntry
from mesh.errors import NotAllowedError

READ = "read"
"""The kind of entries about rows that were read."""
REFUSED = "read.refused"
"""The kind of entries about rows that somebody asked for, and was not let read."""
THINGS = ("agreement", "case", "separation")
"""What entries leave in a state, as `state_of` tells it in their content."""
_OF_READS = frozenset({READ, REFUSED})
_AT_ONCE = 1_000
_TABLE = schema.decision_log
_acting: ContextVar[str] = ContextVar("acting", default="")


@contextmanager
def acting_for(name: str) -> Iterator[None]:
    """Let nobody else decide anything, within the block; an empty name lets anybody.

    For whoever calls the catalog for somebody who was authenticated. Entries about reads, refused
    ones too, may tell of others: a service reads for the people who ask it.
    """
    before = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(before)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which entries are asked for; what is left out is any. `product` with its major or without."""

    product: str = ""
    who: str = ""
    since: datetime | None = None
    kinds: tuple[str, ...] = ()


def state_of(thing: str, name: str, state: str) -> dict[str, Any]:
    """What an entry's content says of something that it leaves in a state."""
    return {thing: {"id": name, "state": state}}


def append(connection: Connection, entries: Sequence[NewEntry]) -> str:
    """Add entries at the end of the log; writers come one at a time. Returns its last hash.

    Raises NotAllowedError for an entry of somebody else than who acts.
    """
    sequence, previous = last(connection)
    rows: list[dict[str, Any]] = []
    actor = _acting.get()
    for new in entries:
        if actor and new.kind not in _OF_READS and new.who.casefold() != actor.casefold():
            raise NotAllowedError(f"{actor} cannot decide for {new.who}")
        entry = LogEntry.after(sequence, previous, new)
        rows.append({name: getattr(entry, name) for name in LogEntry.__dataclass_fields__})
        sequence, previous = entry.sequence, entry.hash
    if rows:
        connection.execute(insert(_TABLE), rows)
    return previous


def require_told(entries: Sequence[NewEntry], thing: str, name: str, state: str = "") -> None:
    """Raise NotAllowedError unless the last entry about a thing tells the state that it is left in.

    Without it nothing may be changed, whoever asks: `verify` could not tell it from a forgery.
    """
    told = [entry.content[thing] for entry in entries if thing in entry.content]
    if not told or told[-1] != {"id": name, "state": state}:
        raise NotAllowedError(f"{thing} {name} cannot be changed without an entry that tells it")


def last(connection: Connection) -> tuple[int, str]:
    """Sequence and hash of the last entry; 0 and zeros for an empty log."""
    found = select(_TABLE.c.sequence, _TABLE.c.hash).order_by(_TABLE.c.sequence.desc()).limit(1)
    row = connection.execute(found).first()
    return (row.sequence, row.hash) if row is not None else (0, GENESIS)


def newest(connection: Connection, asked: LogQuery, limit: int) -> list[LogEntry]:
    """The newest entries that fit, newest first."""
    found = _fitting(asked).order_by(_TABLE.c.sequence.desc()).limit(limit)
    return [_entry(row) for row in connection.execute(found)]


def following(connection: Connection, sequence: int, limit: int) -> list[LogEntry]:
    """Entries after a sequence, oldest first."""
    found = select(_TABLE).where(_TABLE.c.sequence > sequence).order_by(_TABLE.c.sequence)
    return [_entry(row) for row in connection.execute(found.limit(limit))]


def every(connection: Connection) -> Iterator[LogEntry]:
    """Every entry, oldest first, few in memory at a time.

    Content that is no JSON any more comes as none: whoever checks the entry will find it changed.
    """
    others = [column for column in _TABLE.c if column is not _TABLE.c.content]
    found = select(*others, type_coerce(_TABLE.c.content, Text).label("content"))
    ordered = found.order_by(_TABLE.c.sequence).execution_options(yield_per=_AT_ONCE)
    for row in connection.execute(ordered):
        yield replace(_entry(row), content=_parsed(row.content))


def noting(entries: Iterator[LogEntry], states: dict[tuple[str, str], str]) -> Iterator[LogEntry]:
    """The entries as they pass; the state in which each thing was left last goes to `states`."""
    for entry in entries:
        for thing in THINGS:
            told = entry.content.get(thing)
            if isinstance(told, dict):
                states[thing, str(told.get("id"))] = str(told.get("state"))
        yield entry


def _fitting(asked: LogQuery) -> Select[Any]:
    found, columns = select(_TABLE), _TABLE.c
    if asked.product:
        majors = columns.subject.startswith(f"{asked.product}_v", autoescape=True)
        found = found.where(or_(columns.subject == asked.product, majors))
    if asked.who:
        found = found.where(columns.who == asked.who)
    if asked.since is not None:
        found = found.where(columns.at >= asked.since.astimezone(UTC))
    return found.where(columns.kind.in_(asked.kinds)) if asked.kinds else found


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _entry(row: Row[Any]) -> LogEntry:
    return LogEntry(**{name: getattr(row, name) for name in LogEntry.__dataclass_fields__})
