"""Datasets that feed datasets by jobs of other producers, as those jobs run now.

Owns the way from a job's inputs to its outputs, between canonical datasets. What the latest
complete run of a job did not touch is history, and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from mesh.catalog import schema
from mesh.catalog.model import Direction
from mesh.catalog.statements import chunks


@dataclass(frozen=True, slots=True)
class ReportedEdge:
    """One dataset feeding another by a job."""

    upstream: str
    downstream: str
    job: str


def is_external(key: str) -> bool:
    """Whether a key is of a dataset that is no product."""
    return "#" in key


def find_dataset(connection: Connection, name: str) -> str | None:
    """The canonical key of a reported dataset, by its key or by a name that only one has."""
    table = schema.datasets
    asked = select(table.c.canonical).where(or_(table.c.key == name, table.c.name == name))
    found: set[str] = set(connection.execute(asked).scalars())
    return found.pop() if len(found) == 1 else None


def aliases(connection: Connection, datasets: Iterable[str]) -> dict[str, list[str]]:
    """Every key by which each dataset was reported, its own first."""
    table = schema.datasets
    found = {dataset: [dataset] for dataset in datasets}
    for chunk in chunks(sorted(found)):
        asked = select(table.c.key, table.c.canonical).where(table.c.canonical.in_(chunk))
        for row in connection.execute(asked):
            if row.key != row.canonical:
                found[row.canonical].append(row.key)
    return found


def canonical_keys(connection: Connection, keys: Iterable[str]) -> Mapping[str, str]:
    """The dataset that each key turned out to be, of those that are known."""
    table = schema.datasets
    found: dict[str, str] = {}
    for chunk in chunks(sorted(set(keys))):
        asked = select(table.c.key, table.c.canonical).where(table.c.key.in_(chunk))
        found |= {row.key: row.canonical for row in connection.execute(asked)}
    return found


def reported_edges(
    connection: Connection, datasets: Sequence[str], direction: Direction
) -> set[ReportedEdge]:
    """The edges that end in some datasets (`up`), or begin in them (`down`)."""
    near, far = ("out", "in") if direction == "up" else ("in", "out")
    own = {key: name for name, keys in aliases(connection, datasets).items() for key in keys}
    touching = _uses(connection, "dataset", list(own), near)
    others = _uses(connection, "job", sorted({job for job, _ in touching}), far)
    by_job: dict[str, list[str]] = {}
    for job, dataset in others:
        by_job.setdefault(job, []).append(dataset)
    same = canonical_keys(connection, (dataset for _, dataset in others))
    edges: set[ReportedEdge] = set()
    for job, key in touching:
        for dataset in by_job.get(job, ()):
            here, there = own[key], same.get(dataset, dataset)
            if here != there:
                pair = (there, here) if direction == "up" else (here, there)
                edges.add(ReportedEdge(*pair, job))
    return edges


def _uses(
    connection: Connection, column: str, values: Sequence[str], direction: str
) -> list[tuple[str, str]]:
    """What jobs use now, as (job, dataset), of some jobs or datasets."""
    table, owner = schema.job_datasets, schema.jobs
    found: list[tuple[str, str]] = []
    for chunk in chunks(values):
        asked = (
            select(table.c.job, table.c.dataset)
            .join(owner, owner.c.key == table.c.job)
            .where(
                table.c[column].in_(chunk),
                table.c.direction == direction,
                or_(owner.c.settled_at.is_(None), table.c.last_seen >= owner.c.settled_at),
            )
        )
        found += [(row.job, row.dataset) for row in connection.execute(asked)]
    return found
