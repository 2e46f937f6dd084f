"""Events that receivers are still to get, as rows: `catalog.deliveries`.

Owns the queue of each receiver: its order, who may deliver from it now, and what became of each
try. Every method is one short transaction, so that no lock is held while an event is under way.
Knows neither HTTP nor files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from mesh.catalog import schema
from mesh.catalog.database import Database


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that waits at the head of a receiver's queue. Times are UTC."""

    position: int
    receiver: str
    event: Mapping[str, Any]
    attempts: int
    not_before: datetime
    queued_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """A receiver's queue: how many events wait, how many are set aside, and why.

    `error` is of the last try of the first event that waits, `refused` of one that was set aside.
    """

    receiver: str
    waiting: int
    set_aside: int
    error: str = ""
    not_before: datetime | None = None
    refused: str = ""

    def as_json(self) -> dict[str, Any]:
        """The queue as plain values."""
        return {
            "receiver": self.receiver,
            "waiting": self.waiting,
            "set_aside": self.set_aside,
            "error": self.error,
            "not_before": self.not_before.isoformat() if self.not_before else None,
            "refused": self.refused,
        }


class Deliveries:
    """The queues in a catalog. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, receiver: str, holder: str, until: datetime) -> bool:
        """Become the one who delivers to a receiver, unless another is; says whether that is so.

        A claim that is over counts for nothing.
        """
        table, now = schema.delivery_leases, datetime.now(UTC)
        with self._database.writing() as connection:
            row = connection.execute(select(table).where(table.c.receiver == receiver)).first()
            if row is not None and row.holder != holder and row.until > now:
                return False
            connection.execute(delete(table).where(table.c.receiver == receiver))
            connection.execute(insert(table).values(receiver=receiver, holder=holder, until=until))
        return True

    def release(self, receiver: str, holder: str) -> None:
        """Let another deliver."""
        table = schema.delivery_leases
        mine = (table.c.receiver == receiver) & (table.c.holder == holder)
        with self._database.writing() as connection:
            connection.execute(delete(table).where(mine))

    def head(self, receiver: str) -> Delivery | None:
        """The event that a receiver is to get next; None when none waits."""
        table = schema.deliveries
        found = (
            select(table)
            .where(table.c.receiver == receiver, table.c.set_aside_at.is_(None))
            .order_by(table.c.position)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(found).first()
        if row is None:
            return None
        return Delivery(
            row.position, receiver, row.event, row.attempts, row.not_before, row.queued_at
        )

    def sent(self, delivery: Delivery, holder: str, until: datetime) -> bool:
        """Take an event that arrived out of the queue; says whether the claim still holds."""
        table = schema.deliveries
        with self._database.writing() as connection:
            if not _renewed(connection, delivery.receiver, holder, until):
                return False
            connection.execute(delete(table).where(_is(delivery)))
        return True

    def failed(self, delivery: Delivery, holder: str, error: str, not_before: datetime) -> None:
        """Keep that a try failed, why, and when the next is due."""
        values = {"attempts": delivery.attempts + 1, "error": error, "not_before": not_before}
        self._note(delivery, holder, values)

    def set_aside(self, delivery: Delivery, holder: str, error: str) -> None:
        """Take an event that its receiver does not want out of the way of those behind it."""
        values = {
            "attempts": delivery.attempts + 1,
            "error": error,
            "set_aside_at": datetime.now(UTC),
        }
        self._note(delivery, holder, values)

    def again(self) -> int:
        """Put events that were set aside back where they were in the queue; returns how many."""
        table, now = schema.deliveries, datetime.now(UTC)
        with self._database.writing() as connection:
            changed = connection.execute(
                update(table)
                .where(table.c.set_aside_at.is_not(None))
                .values(set_aside_at=None, attempts=0, not_before=now)
            )
            return changed.rowcount

    def forget(self, receiver: str) -> int:
        """Delete what waits for a receiver; returns how many events that were."""
        table = schema.deliveries
        with self._database.writing() as connection:
            return connection.execute(delete(table).where(table.c.receiver == receiver)).rowcount

    def waiting(self) -> list[Waiting]:
        """Every queue that is not empty, by receiver."""
        table = schema.deliveries
        counted = select(
            table.c.receiver,
            func.count().label("all"),
            func.count(table.c.set_aside_at).label("aside"),
            func.max(table.c.position).filter(table.c.set_aside_at.is_not(None)).label("last"),
            func.min(table.c.position).filter(table.c.set_aside_at.is_(None)).label("first"),
        ).group_by(table.c.receiver)
        with self._database.reading() as connection:
            rows = connection.execute(counted.order_by(table.c.receiver)).all()
            wanted = [p for row in rows for p in (row.last, row.first) if p is not None]
            asked = select(table.c.position, table.c.error, table.c.not_before)
            found = connection.execute(asked.where(table.c.position.in_(wanted))).all()
        at = {row.position: row for row in found}
        return [
            Waiting(
                receiver=row.receiver,
                waiting=row.all - row.aside,
                set_aside=row.aside,
                error=at[row.first].error if row.first is not None else "",
                not_before=at[row.first].not_before if row.first is not None else None,
                refused=at[row.last].error if row.last is not None else "",
            )
            for row in rows
        ]

    def _note(self, delivery: Delivery, holder: str, values: Mapping[str, Any]) -> None:
        table, leases = schema.deliveries, schema.delivery_leases
        with self._database.writing() as connection:
            mine = select(leases.c.until).where(
                leases.c.receiver == delivery.receiver, leases.c.holder == holder
            )
            if connection.execute(mine).first() is not None:
                connection.execute(update(table).where(_is(delivery)).values(**values))


def queue(connection: Connection, receivers: Iterable[str], event: Mapping[str, Any]) -> None:
    """Put an event at the end of each receiver's queue."""
    now = datetime.now(UTC)
    for receiver in receivers:
        connection.execute(
            insert(schema.deliveries).values(
                receiver=receiver, event=event, queued_at=now, attempts=0, not_before=now, error=""
            )
        )


def _is(delivery: Delivery) -> ColumnElement[bool]:
    """Whether a row is that very event: SQLite gives the position of one that left to another.

    Whoever got no answer says again that an event arrived, when the next may stand there.
    """
    table = schema.deliveries
    return (table.c.position == delivery.position) & (table.c.queued_at == delivery.queued_at)


def _renewed(connection: Connection, receiver: str, holder: str, until: datetime) -> bool:
    table = schema.delivery_leases
    mine = (table.c.receiver == receiver) & (table.c.holder == holder)
    return connection.execute(update(table).where(mine).values(until=until)).rowcount == 1
