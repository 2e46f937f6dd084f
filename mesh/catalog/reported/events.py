"""The catalog's door for what others report, and the way to look at it.

Owns one transaction a call. Events are taken in batches; each is taken whole or refused whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.outlasting import outlasting
from mesh.catalog.remote.operations import composed
from mesh.catalog.reported.columns import ReportedColumn
from mesh.catalog.reported.event import ReportedEvent, read_event
from mesh.catalog.reported.joining import OWN_NAMESPACE, SYMLINK, symlinked
from mesh.catalog.reported.merging import facets_of
from mesh.catalog.reported.records import (
    Refused,
    ReportedData,
    ReportedJob,
    ReportedRun,
    StoredEvent,
    Taken,
)
from mesh.catalog.reported.taking import insert_events
from mesh.catalog.statements import chunks
from mesh.errors import Problem, UnknownProductError

_AT_ONCE = 500
"""Events of one transaction: more would keep other writers waiting."""


class Events:
    """What other producers reported, in OpenLineage."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @composed
    def take(self, contents: Sequence[object]) -> Taken:
        """Take events in, as plain values; those that are known already change nothing."""
        return self.take_batches([contents])[0]

    def take_batches(self, batches: Sequence[Sequence[object]]) -> list[Taken]:
        """Take several batches in together, which costs little more than one of them."""
        now = datetime.now(UTC)
        read = [[read_event(content, now) for content in batch] for batch in batches]
        events = [e for batch in read for e in batch if isinstance(e, ReportedEvent)]
        fresh: set[str] = set()
        for start in range(0, len(events), _AT_ONCE):
            fresh |= self._insert(events[start : start + _AT_ONCE], now)
        return [_told(batch, fresh) for batch in read]

    @outlasting
    def _insert(self, events: Sequence[ReportedEvent], now: datetime) -> set[str]:
        with self._database.writing() as connection:
            return insert_events(connection, events, now)

    @composed
    def join(self, dataset: str, product: str) -> Taken:
        """Say that a reported dataset is a product, as a producer's symlink would.

        `dataset` is its key, or its name where only one has it; `product` a full name. Raises
        UnknownProductError.
        """
        found = self.dataset(dataset)
        symlink = {"namespace": OWN_NAMESPACE, "name": product, "type": "TABLE"}
        return self.take([symlinked(found.namespace, found.name, symlink)])

    def dataset(self, name: str) -> ReportedData:
        """A dataset by its key, or by its name where only one has it.

        Raises UnknownProductError with near names.
        """
        table = schema.datasets
        with self._database.reading() as connection:
            asked = select(table).where(or_(table.c.key == name, table.c.name == name))
            rows = connection.execute(asked.order_by((table.c.key == name).desc())).all()
            if not rows or (len(rows) > 1 and rows[0].key != name):
                known: list[str] = [row.key for row in rows]
                if not known:
                    known = list(connection.execute(select(table.c.key)).scalars())
                raise UnknownProductError(name, known)
            return _datasets(connection, rows[:1])[0]

    def datasets(self, limit: int = 100, after: str = "") -> list[ReportedData]:
        """Datasets that are no products, by key; `after` is the last key of the page before."""
        table = schema.datasets
        asked = (
            select(table)
            .where(table.c.canonical == table.c.key, table.c.kind != SYMLINK, table.c.key > after)
            .order_by(table.c.key)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return _datasets(connection, connection.execute(asked).all())

    def jobs(self, limit: int = 100, after: str = "") -> list[ReportedJob]:
        """Jobs by key; `after` is the last key of the page before."""
        table = schema.jobs
        asked = select(table).where(table.c.key > after).order_by(table.c.key).limit(limit)
        with self._database.reading() as connection:
            return _jobs(connection, connection.execute(asked).all())

    def runs(self, job: str, limit: int = 100) -> list[ReportedRun]:
        """The runs of a job, the latest first."""
        table = schema.job_runs
        asked = select(table).where(table.c.job == job).order_by(table.c.last_event_at.desc())
        with self._database.reading() as connection:
            return _runs(connection, connection.execute(asked.limit(limit)).all())

    def events(self, limit: int = 100, after: str = "") -> list[StoredEvent]:
        """Events as they came, the latest first; `after` is the last id of the page before."""
        table = schema.lineage_events
        asked: Select[Any] = select(table).order_by(table.c.received_at.desc(), table.c.id.desc())
        with self._database.reading() as connection:
            if after:
                last = connection.execute(
                    select(table.c.received_at).where(table.c.id == after)
                ).scalar()
                if last is None:
                    raise UnknownProductError(after, ())
                asked = asked.where(
                    or_(
                        table.c.received_at < last,
                        (table.c.received_at == last) & (table.c.id < after),
                    )
                )
            return [
                StoredEvent(
                    **{name: row[name] for name in StoredEvent.__slots__},
                )
                for row in connection.execute(asked.limit(limit)).mappings()
            ]


def _told(batch: Sequence[ReportedEvent | tuple[Problem, ...]], fresh: set[str]) -> Taken:
    """What became of a batch. An event that several batches have is new to the first of them."""
    taken = repeated = 0
    refused = []
    for index, item in enumerate(batch):
        if not isinstance(item, ReportedEvent):
            refused.append(Refused(index, item))
        elif item.id in fresh:
            fresh.remove(item.id)
            taken += 1
        else:
            repeated += 1
    return Taken(taken, repeated, tuple(refused))


def _datasets(connection: Connection, rows: Sequence[Row[Any]]) -> list[ReportedData]:
    table = schema.dataset_columns
    columns: dict[str, list[ReportedColumn]] = defaultdict(list)
    for chunk in chunks([row.key for row in rows]):
        asked = select(table).where(table.c.dataset.in_(chunk)).order_by(table.c.position)
        for row in connection.execute(asked):
            columns[row.dataset].append(ReportedColumn(row.name, row.type, row.description))
    return [
        ReportedData(
            key=row.key,
            namespace=row.namespace,
            name=row.name,
            canonical=row.canonical,
            kind=row.kind,
            description=row.description,
            owners=tuple(row.owners),
            tags=tuple(row.tags),
            columns=tuple(columns[row.key]),
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            facets=facets_of(row.facets),
        )
        for row in rows
    ]


def _jobs(connection: Connection, rows: Sequence[Row[Any]]) -> list[ReportedJob]:
    table, owner = schema.job_datasets, schema.jobs
    uses: dict[tuple[str, str], list[str]] = defaultdict(list)
    for chunk in chunks([row.key for row in rows]):
        asked = (
            select(table)
            .join(owner, owner.c.key == table.c.job)
            .where(
                table.c.job.in_(chunk),
                or_(owner.c.settled_at.is_(None), table.c.last_seen >= owner.c.settled_at),
            )
            .order_by(table.c.dataset)
        )
        for row in connection.execute(asked):
            uses[row.job, row.direction].append(row.dataset)
    return [
        ReportedJob(
            key=row.key,
            namespace=row.namespace,
            name=row.name,
            description=row.description,
            inputs=tuple(uses[row.key, "in"]),
            outputs=tuple(uses[row.key, "out"]),
            first_seen=row.first_seen,
            last_seen=row.last_seen,
            facets=facets_of(row.facets),
        )
        for row in rows
    ]


def _runs(connection: Connection, rows: Sequence[Row[Any]]) -> list[ReportedRun]:
    table = schema.run_datasets
    uses: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for chunk in chunks([row.run_id for row in rows]):
        asked = select(table).where(table.c.run_id.in_(chunk))
        for row in connection.execute(asked.order_by(table.c.direction, table.c.dataset)):
            uses[row.run_id].append((row.direction, row.dataset, facets_of(row.facets)))
    return [
        ReportedRun(
            run_id=row.run_id,
            job=row.job,
            state=row.state,
            started_at=row.started_at,
            ended_at=row.ended_at,
            last_event_at=row.last_event_at,
            parent_run_id=row.parent_run_id,
            uses=tuple(uses[row.run_id]),
            facets=facets_of(row.facets),
        )
        for row in rows
    ]
