"""Whose lineage a transaction changes, told to whoever keeps lineage at hand.

Owns one row for each transaction that writes to the tables which lineage is read from. Writers
queue, so the rows are numbered in the order in which they become visible. What a writer does not
tell of counts as a change of everything: forgetting to tell costs time, never truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, delete, event, insert, select
from sqlalchemy.sql.dml import UpdateBase

from mesh.catalog import schema

KEPT = 10_000
"""Transactions that are told of: whoever looked longer ago begins anew."""
_WATCHED = frozenset(
    {
        schema.column_edges,
        schema.datasets,
        schema.feeds,
        schema.inputs,
        schema.job_datasets,
        schema.jobs,
        schema.products,
        schema.receipts,
    }
)
_TABLE = schema.lineage_changes


Told = tuple[str, str]
"""A dataset, and before it which part of its lineage: "" for all of it."""


@dataclass(slots=True)
class _Change:
    """What a transaction wrote so far. `is_told` says whether `told` covers all of it."""

    told: set[Told] = field(default_factory=set)
    is_told: bool = True
    is_everything: bool = False


_begun: WeakKeyDictionary[Connection, _Change] = WeakKeyDictionary()
"""Of each connection what its transaction wrote: it cannot tell itself once it is broken."""


def watch(engine: Engine) -> None:
    """See every statement that writes to what lineage is read from."""
    event.listen(engine, "before_execute", _see)
    event.listen(engine, "rollback", begin)


def begin(connection: Connection) -> None:
    """A transaction that writes begins, or its changes are undone: nothing is changed yet."""
    _begun[connection] = _Change()


def tell(connection: Connection, told: Iterable[Told]) -> None:
    """What was written until now changes the lineage of these and of nobody else."""
    change = _of(connection)
    change.told.update(told)
    change.is_told = True


def tell_of_everything(connection: Connection) -> None:
    """What was written may change the lineage of anybody, whatever else is told of it."""
    _of(connection).is_everything = True


def settle(connection: Connection) -> None:
    """A transaction ends: write down what it changed."""
    change = _of(connection)
    if change.is_everything or not change.is_told:
        told = None
    elif change.told:
        told = sorted(change.told)
    else:
        return
    row = insert(_TABLE).values(datasets=told).returning(_TABLE.c.number)
    number: int = connection.execute(row).scalar_one()
    if number % (KEPT // 10) == 0:
        connection.execute(delete(_TABLE).where(_TABLE.c.number <= number - KEPT))


def since(connection: Connection, number: int) -> tuple[int, set[Told] | None]:
    """The newest number, and whose lineage changed after another one.

    None means everyone's, also when it is not known any more what changed.
    """
    asked = select(_TABLE).where(_TABLE.c.number >= number).order_by(_TABLE.c.number)
    rows = connection.execute(asked).all()
    if not rows:
        newest = _newest(connection)
        return newest, set() if newest == number == 0 else None
    if rows[0].number != number:
        return rows[-1].number, None
    told = [row.datasets for row in rows[1:]]
    everyone = None in told
    return rows[-1].number, None if everyone else {(kind, name) for t in told for kind, name in t}


def _newest(connection: Connection) -> int:
    asked = select(_TABLE.c.number).order_by(_TABLE.c.number.desc()).limit(1)
    return connection.execute(asked).scalar() or 0


def _of(connection: Connection) -> _Change:
    return _begun.setdefault(connection, _Change())


def _see(connection: Connection, clause: Any, *_: object) -> None:
    if isinstance(clause, UpdateBase) and clause.table in _WATCHED:
        _of(connection).is_told = False
