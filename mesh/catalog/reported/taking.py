"""A batch of events into the catalog, as one change.

Owns which rows an event touches, and that any order and repetition of the same events leaves the
same rows: everything is read once, merged in memory, and written once. Costs a fixed number of
statements for a batch, however many events it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from mesh.catalog import schema
from mesh.catalog.changes import tell
from mesh.catalog.reported.columns import ReportedOrigin, clean, columns_in, origins_in
from mesh.catalog.reported.edges import canonical_keys
from mesh.catalog.reported.event import ReportedDataset, ReportedEvent
from mesh.catalog.reported.facets import identifiers_in, names_in, told_of
from mesh.catalog.reported.joining import SYMLINK, Same, join, products_among
from mesh.catalog.reported.merging import Kept, RunState, facet, jobs_in, merged, with_jobs
from mesh.catalog.reported.rows import Key, Row, Rows
from mesh.catalog.search.indexing import index_dataset
from mesh.catalog.statements import chunks
from mesh.catalog.traced import Knowledge
from mesh.naming import DatasetName

_LINEAGE = ("columnLineage", "lineage")
"""Facets that tell of columns' origins: each job has its own say of a dataset."""


def insert_events(
    connection: Connection, events: Sequence[ReportedEvent], now: datetime
) -> set[str]:
    """Take events in that are not known yet; returns the ids of these."""
    fresh = {event.id: event for event in events}
    table = schema.lineage_events
    for chunk in chunks(list(fresh)):
        for row in connection.execute(select(table.c.id).where(table.c.id.in_(chunk))):
            del fresh[row.id]
    if not fresh:
        return set()
    batch = _Batch(connection, list(fresh.values()))
    for event in fresh.values():
        batch.add(event)
    batch.write()
    connection.execute(insert(table), [_event_row(event, now) for event in fresh.values()])
    return set(fresh)


def _event_row(event: ReportedEvent, now: datetime) -> Row:
    return {
        "id": event.id,
        "received_at": now,
        "event_time": event.time,
        "kind": event.kind,
        "producer": clean(event.producer),
        "job": event.job.key if event.job else "",
        "run_id": event.run_id,
        "dataset": event.dataset.name.key if event.dataset else "",
        "content": event.content,
    }


class _Batch:
    """Everything that some events touch."""

    def __init__(self, connection: Connection, events: Sequence[ReportedEvent]) -> None:
        self.connection = connection
        self.jobs, self.runs = Rows(schema.jobs), Rows(schema.job_runs)
        self.uses, self.shares = Rows(schema.run_datasets), Rows(schema.job_datasets)
        self.datasets = Rows(schema.datasets)
        run_ids = {event.run_id for event in events if event.run_id}
        self.runs.load(connection, "run_id", run_ids)
        earlier = {job for row in self.runs.before.values() for job in _jobs_of(row)}
        jobs = {event.job.key for event in events if event.job} | earlier
        self.jobs.load(connection, "key", jobs)
        self.uses.load(connection, "run_id", run_ids)
        self.shares.load(connection, "job", jobs)
        named = {name.key for event in events for name in names_in(event)}
        self.datasets.load(connection, "key", named)
        self.groups: list[Same] = []
        self.touched: set[str] = set()
        self.ends: set[str] = set()

    def add(self, event: ReportedEvent) -> None:
        """Merge one event into the rows."""
        for item in event.datasets:
            self._add_dataset(item, event)
        if event.job is not None:
            self._add_job(event.job, event)
        if event.kind == "run" and event.job is not None:
            self._add_run(event.job.key, event)
        elif event.kind == "job" and event.job is not None:
            self._add_design(event.job.key, event)

    def _add_dataset(self, item: ReportedDataset, event: ReportedEvent) -> None:
        row = self._dataset(item.name, event)
        job = event.job.key if event.job else ""
        told = {f"{n}@{job}" if n in _LINEAGE else n: f for n, f in item.facets.items()}
        kept = merged(row["facets"], told, event)
        if row["kind"] == SYMLINK:
            row["kind"] = ""
        if kept is not row["facets"]:
            row |= {"facets": kept, **told_of(kept)}
        self.touched.add(row["key"])
        same = [row["key"]]
        for identifier in identifiers_in(item.facets):
            other = self._dataset(identifier, event, kind=SYMLINK)
            same.append(other["key"])
        self.groups.append(Same(tuple(same)))

    def _dataset(self, named: DatasetName, event: ReportedEvent, kind: str = "") -> Row:
        key = (named.key,)
        row = self.datasets.now.get(key)
        if row is None:
            row = self.datasets.now[key] = {
                "key": named.key,
                "namespace": named.namespace,
                "name": named.name,
                "canonical": named.key,
                "kind": kind,
                "description": "",
                "owners": [],
                "tags": [],
                "facets": {},
                "first_seen": event.time,
                "last_seen": event.time,
            }
        row["first_seen"] = min(row["first_seen"], event.time)
        row["last_seen"] = max(row["last_seen"], event.time)
        return row

    def _add_job(self, job: DatasetName, event: ReportedEvent) -> None:
        row = self.jobs.now.setdefault(
            (job.key,),
            {
                "key": job.key,
                "namespace": job.namespace,
                "name": job.name,
                "description": "",
                "facets": {},
                "first_seen": event.time,
                "last_seen": event.time,
                "settled_at": None,
            },
        )
        row["facets"] = merged(row["facets"], event.job_facets, event)
        row["description"] = clean(facet(row["facets"], "documentation").get("description"))
        row["first_seen"] = min(row["first_seen"], event.time)
        row["last_seen"] = max(row["last_seen"], event.time)

    def _add_run(self, job: str, event: ReportedEvent) -> None:
        row = self.runs.now.get((event.run_id,))
        state = RunState() if row is None else RunState(**{n: row[n] for n in RunState.__slots__})
        after = state.after(event)
        facets = merged({} if row is None else row["facets"], event.run_facets, event)
        jobs = {job} if row is None else {job, *_jobs_of(row)}
        parent = facet(facets, "parent").get("run")
        self.runs.now[event.run_id,] = {
            "run_id": event.run_id,
            "job": min(jobs),
            "parent_run_id": clean(parent.get("runId")) if isinstance(parent, Mapping) else "",
            **{name: getattr(after, name) for name in RunState.__slots__},
            "facets": with_jobs(facets, jobs),
        }
        for direction, items in (("in", event.inputs), ("out", event.outputs)):
            for item in items:
                self._add_use(event, direction, item)

    def _add_use(self, event: ReportedEvent, direction: str, item: ReportedDataset) -> None:
        version = {n: f for n, f in item.facets.items() if n in {"version", "datasetVersion"}}
        row = self.uses.now.setdefault(
            (event.run_id, direction, item.name.key),
            {
                "run_id": event.run_id,
                "direction": direction,
                "dataset": item.name.key,
                "facets": {},
                "last_event_at": event.time,
            },
        )
        row["facets"] = merged(row["facets"], {**version, **item.own}, event)
        row["last_event_at"] = max(row["last_event_at"], event.time)

    def _add_design(self, job: str, event: ReportedEvent) -> None:
        """What a job is said to read and write, without a run of it."""
        for direction, items in (("in", event.inputs), ("out", event.outputs)):
            for item in items:
                self._share(job, direction, item.name.key, event.time)
        if event.inputs or event.outputs:
            self._settle(job, event.time)

    def _share(self, job: str, direction: str, dataset: str, at: datetime) -> None:
        row = self.shares.now.setdefault(
            (job, direction, dataset),
            {"job": job, "direction": direction, "dataset": dataset, "last_seen": at},
        )
        row["last_seen"] = max(row["last_seen"], at)

    def _settle(self, job: str, at: datetime) -> None:
        row = self.jobs.now[job,]
        row["settled_at"] = at if row["settled_at"] is None else max(row["settled_at"], at)

    def write(self) -> None:
        """Write everything that changed, then what follows from it."""
        self._share_uses()
        for rows in (self.jobs, self.runs, self.datasets, self.uses, self.shares):
            rows.write(self.connection)
        fresh = {key for key in self.touched if self._rewrite_columns(key)}
        names = [DatasetName(r["namespace"], r["name"]) for r in self.datasets.now.values()]
        own = products_among(self.connection, names)
        groups = [*self.groups, *(Same((key, name)) for key, name in own.items())]
        moved = join(self.connection, groups)
        self._tell()
        for key in sorted(fresh | moved):
            index_dataset(self.connection, key)

    def _tell(self) -> None:
        """Say whose lineage changed: what the jobs use that events are of, now and before."""
        keys = {key for _, _, key in self.shares.now} | {key for (key,) in self.datasets.now}
        keys |= self.ends
        keys |= set(canonical_keys(self.connection, keys).values())
        tell(self.connection, (("", key) for key in keys))

    def _share_uses(self) -> None:
        """What runs used, their jobs use: as of the last that was heard of each run.

        One that goes by several names is a run of each: which of them is first, nobody knows.
        """
        for run_id, direction, dataset in self.uses.now:
            run = self.runs.now[run_id,]
            for job in _jobs_of(run):
                self._share(job, direction, dataset, run["last_event_at"])
                if direction == "out" and run["state"] == "COMPLETE":
                    self._settle(job, run["last_event_at"])

    def _rewrite_columns(self, key: str) -> bool:
        """Write what facets say of columns that they did not say before.

        Returns whether the dataset is to be found otherwise than before. Most events of a job say
        what the one before said.
        """
        row, before = self.datasets.now[key,], self.datasets.before.get((key,))
        earlier: Kept = before["facets"] if before else {}
        after: Kept = row["facets"]
        newer = {n for n, told in after.items() if earlier.get(n) != told}
        changed = {n for n in newer if n not in earlier or earlier[n]["is"] != after[n]["is"]}
        if "schema" in changed:
            self._replace_columns(key, facet(after, "schema"))
        for job in {n.partition("@")[2] for n in newer if n.partition("@")[0] in _LINEAGE}:
            told = [name for n in _LINEAGE if (name := f"{n}@{job}") in after]
            if len(told) == 1 and told[0] not in changed:
                self._see_edges(key, job, after[told[0]]["at"])
            else:
                self._replace_edges(key, job, earlier, after)
        shown = ("kind", "description", "owners", "tags")
        return before is None or "schema" in changed or any(row[n] != before[n] for n in shown)

    def _see_edges(self, key: str, job: str, at: str) -> None:
        """Edges that a job reported again, as it did before."""
        self.connection.execute(
            update(schema.column_edges)
            .where(*_reported_by(key, job))
            .values(seen_at=datetime.fromisoformat(at))
        )

    def _replace_columns(self, key: str, told: Mapping[str, Any]) -> None:
        table = schema.dataset_columns
        self.connection.execute(delete(table).where(table.c.dataset == key))
        rows = [
            {
                "dataset": key,
                "position": position,
                "name": column.name,
                "type": column.type,
                "description": column.description,
            }
            for position, column in enumerate(columns_in(told))
        ]
        if rows:
            self.connection.execute(insert(table), rows)

    def _replace_edges(self, key: str, job: str, earlier: Kept, after: Kept) -> None:
        table = schema.column_edges
        self.connection.execute(delete(table).where(*_reported_by(key, job)))
        rows: dict[Key, Row] = {}
        for item, at in _told_by(job, after):
            upstream = item.dataset.key
            rows[item.column, upstream, item.origin, str(item.kind)] = {
                "downstream": key,
                "downstream_column": item.column,
                "upstream": upstream,
                "upstream_column": item.origin,
                "kind": str(item.kind),
                "origin": _REPORTED,
                "job": job,
                "is_direct": item.kind.is_direct,
                "is_masking": item.is_masking,
                "seen_at": datetime.fromisoformat(at),
            }
        if rows:
            self.connection.execute(insert(table), list(rows.values()))
        told = (*_told_by(job, earlier), *_told_by(job, after))
        self.ends.update(item.dataset.key for item, _ in told)


def _told_by(job: str, facets: Kept) -> Iterator[tuple[ReportedOrigin, str]]:
    """Where a job says that columns come from, and when it said so."""
    for name in _LINEAGE:
        told = facets.get(f"{name}@{job}", {})
        yield from ((item, told["at"]) for item in origins_in(told.get("is") or {}))


def _jobs_of(run: Row) -> set[str]:
    """The jobs by whose names a run was reported."""
    return {run["job"], *jobs_in(run["facets"])}


def _reported_by(key: str, job: str) -> tuple[ColumnElement[bool], ...]:
    """The condition of the edges into a dataset that a job reported."""
    table = schema.column_edges
    return table.c.downstream == key, table.c.job == job, table.c.origin == _REPORTED


_REPORTED = str(Knowledge.REPORTED)
