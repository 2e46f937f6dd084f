"""Runs that the mesh has told of in events, as rows: `catalog.emissions`.

Owns that every START gets one end, and what the catalog adds to an event: column lineage, profiles,
and the receipts of inputs. An event is put into every queue, and kept among the lineage events,
in the transaction that notes the run's state. Knows nothing of an event's content but its time.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    delete,
    exists,
    insert,
    select,
    update,
)

from mesh.catalog import schema
from mesh.catalog.database import Database
from mesh.catalog.deliveries import queue
from mesh.catalog.outlasting import outlasting
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.catalog.remote.operations import composed
from mesh.catalog.statements import pairs_of
from mesh.naming import DatasetName

RUNNING = "running"
Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is to get events: receivers by name, and the catalog itself."""

    receivers: tuple[str, ...] = ()
    is_kept: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens."""
        return not (self.receivers or self.is_kept)


@dataclass(frozen=True, slots=True)
class EmittedRun:
    """A run that was told of. `start` is its START event, and what else its end is made from."""

    run_id: str
    publication_id: str
    product: str
    host: str
    process: int
    started_at: datetime
    start: Mapping[str, Any] = field(repr=False)
    process_began: str = ""


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """What a column of a product is made from; `column` is empty for an edge to every row."""

    column: str
    upstream: str
    upstream_column: str
    kind: str
    is_direct: bool
    is_masking: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the catalog knows of a publication beside its receipt; `read` are inputs' receipts."""

    edges: tuple[ColumnEdge, ...] = ()
    profile: Mapping[str, Any] | None = None
    read: Mapping[tuple[str, int], Receipt] = field(default_factory=dict)


class Emissions:
    """The runs that a catalog has told of. Every method may raise CatalogError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_runs(self, product: str | None = None) -> list[EmittedRun]:
        """Runs whose end is still to be told, oldest first: of one product, or of all.

        They have not ended, or were told to be aborted and landed all the same.
        """
        table = schema.emitted_runs
        is_open = (table.c.state == RUNNING) | _landed_after_all()
        found = select(table).where(is_open).order_by(table.c.started_at)
        if product is not None:
            found = found.where(table.c.product == product)
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(found)]

    @composed
    def begin(
        self, run: EmittedRun, started: Callable[[str], Mapping[str, Any]], audience: Audience
    ) -> EmittedRun:
        """Tell that a run began; `started` makes its `start` from the id that it gets.

        The id is made of publication and attempt: an attempt that died without an end goes on, one
        that ended is followed by another.
        """
        attempt = self.attempt(run.publication_id)
        run_id = run_id_of(run.publication_id, attempt)
        return self.begin_as(replace(run, run_id=run_id, start=started(run_id)), attempt, audience)

    def attempt(self, publication_id: str) -> int:
        """The number of the attempt that is under way, or that comes next; counts from 0."""
        with self._database.reading() as connection:
            last = connection.execute(_latest(publication_id)).first()
        if last is None:
            return 0
        return int(last.attempt) if last.state == RUNNING else int(last.attempt) + 1

    @outlasting
    def begin_as(self, run: EmittedRun, attempt: int, audience: Audience) -> EmittedRun:
        """Tell that an attempt began, unless it was told; returns it as it was told first."""
        table = schema.emitted_runs
        mine = {
            "host": run.host,
            "process": run.process,
            "process_began": run.process_began,
        }
        with self._database.writing() as connection:
            is_own = table.c.run_id == run.run_id
            if (known := connection.execute(select(table).where(is_own)).first()) is not None:
                connection.execute(update(table).where(is_own).values(**mine))
                return _run(known)
            connection.execute(
                insert(table).values(
                    run_id=run.run_id,
                    publication_id=run.publication_id,
                    attempt=attempt,
                    product=run.product,
                    state=RUNNING,
                    started_at=run.started_at,
                    start=dict(run.start),
                    **mine,
                )
            )
            _tell(connection, run.start["event"], audience)
        return run

    @outlasting
    def end(self, run_id: str, event: Event, audience: Audience) -> bool:
        """Tell that a run ended; says whether nobody had told so before.

        What was told to be aborted, and landed all the same, is told to be complete.
        """
        table, now = schema.emitted_runs, datetime.now(UTC)
        state = str(event["eventType"]).lower()
        before = (RUNNING, "abort") if state == "complete" else (RUNNING,)
        is_open = (table.c.run_id == run_id) & table.c.state.in_(before)
        with self._database.writing() as connection:
            changed = connection.execute(
                update(table).where(is_open).values(state=state, ended_at=now)
            )
            if changed.rowcount:
                _tell(connection, event, audience)
            return bool(changed.rowcount)

    def receipt(self, publication_id: str) -> Receipt | None:
        """The receipt of a publication; None when none is recorded."""
        table = schema.receipts
        found = select(table.c.content).where(table.c.publication_id == publication_id)
        with self._database.reading() as connection:
            row = connection.execute(found).first()
        return Receipt.from_json(row.content) if row is not None else None

    def evidence(
        self, product: str, publication_id: str, inputs: Iterable[InputVersion]
    ) -> Evidence:
        """What an event of a publication says beyond the receipt."""
        profiles = schema.profiles
        profile = select(profiles.c.content).where(profiles.c.publication_id == publication_id)
        read = {(item.product, item.version) for item in inputs if not item.environment}
        with self._database.reading() as connection:
            return Evidence(
                edges=_edges(connection, product),
                profile=connection.execute(profile).scalar(),
                read=_receipts(connection, read),
            )

    def prune(self, before: datetime, producer: str) -> int:
        """Delete kept events of a producer, and ended runs, that are older; returns the events."""
        events, runs = schema.lineage_events, schema.emitted_runs
        old = (events.c.received_at < before) & events.c.producer.startswith(producer)
        with self._database.writing() as connection:
            connection.execute(delete(runs).where(runs.c.ended_at < before))
            return connection.execute(delete(events).where(old)).rowcount


def _landed_after_all() -> ColumnElement[bool]:
    """Whether a run that was told to be aborted, and was not tried again, has a receipt."""
    table, receipts = schema.emitted_runs, schema.receipts
    later = table.alias("later")
    is_later = (later.c.publication_id == table.c.publication_id) & (
        later.c.attempt > table.c.attempt
    )
    has_landed = exists().where(receipts.c.publication_id == table.c.publication_id)
    return (table.c.state == "abort") & has_landed & ~exists().where(is_later)


def _latest(publication_id: str) -> Select[Any]:
    table = schema.emitted_runs
    return (
        select(table)
        .where(table.c.publication_id == publication_id)
        .order_by(table.c.attempt.desc())
        .limit(1)
    )


def run_id_of(publication_id: str, attempt: int) -> str:
    """The UUID of an attempt at a publication, the same wherever it is made."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"mesh:{publication_id}:{attempt}"))


def _tell(connection: Connection, event: Event, audience: Audience) -> None:
    queue(connection, audience.receivers, event)
    if not audience.is_kept:
        return
    text = json.dumps(event, sort_keys=True, separators=(",", ":"))
    job = event["job"]
    values = {
        "id": hashlib.sha256(text.encode()).hexdigest(),
        "received_at": datetime.now(UTC),
        "event_time": datetime.fromisoformat(event["eventTime"]),
        "kind": "run",
        "producer": event["producer"],
        "job": DatasetName(job["namespace"], job["name"]).key,
        "run_id": event["run"]["runId"],
        "dataset": "",
        "content": event,
    }
    connection.execute(insert(schema.lineage_events).values(**values))


def _edges(connection: Connection, product: str) -> tuple[ColumnEdge, ...]:
    table = schema.column_edges
    names = {
        "downstream_column": "column",
        "upstream": "upstream",
        "upstream_column": "upstream_column",
        "kind": "kind",
        "is_direct": "is_direct",
        "is_masking": "is_masking",
    }
    found = (
        select(*(table.c[name].label(field) for name, field in names.items()))
        .where(table.c.downstream == product, table.c.origin != "reported")
        .order_by(
            table.c.downstream_column, table.c.upstream, table.c.upstream_column, table.c.kind
        )
    )
    return tuple(dict.fromkeys(ColumnEdge(**row) for row in connection.execute(found).mappings()))


def _receipts(
    connection: Connection, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Receipt]:
    table, keys = schema.receipts, sorted(wanted)
    if not keys:
        return {}
    pairs = pairs_of(connection, keys)
    found = select(table.c.product, table.c.table_version, table.c.content).join(
        pairs.table, pairs.are(table.c.product, table.c.table_version)
    )
    return {
        (row.product, row.table_version): Receipt.from_json(row.content)
        for row in connection.execute(found)
    }


def _run(row: Row[Any]) -> EmittedRun:
    return EmittedRun(
        row.run_id,
        row.publication_id,
        row.product,
        row.host,
        row.process,
        row.started_at,
        row.start,
        row.process_began or "",
    )
