"""What was reported, as values: datasets, jobs, runs and the events themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from mesh.catalog.reported.columns import ReportedColumn
from mesh.errors import Problem


@dataclass(frozen=True, slots=True)
class ReportedData:
    """A dataset that is not governed by Mesh. Times are UTC.

    `canonical` is the key of the dataset that it turned out to be: its own, unless it is a product
    or another one's name. `facets` are those that producers sent, unknown ones too; with several
    producers, `columnLineage` goes by job: `columnLineage@namespace#job`.
    """

    key: str
    namespace: str
    name: str
    canonical: str
    kind: str
    description: str
    owners: tuple[str, ...]
    tags: tuple[Mapping[str, str], ...]
    columns: tuple[ReportedColumn, ...]
    first_seen: datetime
    last_seen: datetime
    facets: Mapping[str, Any] = field(repr=False)

    @property
    def is_product(self) -> bool:
        """Whether it turned out to be a product."""
        return "#" not in self.canonical

    def as_json(self) -> dict[str, Any]:
        """The dataset as plain values."""
        return {**asdict(self), "is_governed": self.is_product}


@dataclass(frozen=True, slots=True)
class ReportedJob:
    """A job of another producer, with the keys of what it reads and writes now. Times are UTC."""

    key: str
    namespace: str
    name: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    facets: Mapping[str, Any] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The job as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run of a job. `uses` are (direction, dataset, facets of the use). Times are UTC."""

    run_id: str
    job: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    last_event_at: datetime
    parent_run_id: str
    uses: tuple[tuple[str, str, Mapping[str, Any]], ...]
    facets: Mapping[str, Any] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The run as plain values."""
        told = asdict(self)
        told["uses"] = [
            {"direction": direction, "dataset": dataset, "facets": dict(facets)}
            for direction, dataset, facets in self.uses
        ]
        return told


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it came. Times are UTC."""

    id: str
    received_at: datetime
    event_time: datetime
    kind: str
    producer: str
    job: str
    run_id: str
    content: Mapping[str, Any] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The event as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken: its place in the batch, and everything that is wrong with it."""

    index: int
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """The refusal as plain values."""
        return {
            "index": self.index,
            "problems": [{"path": p.where, "what": p.what, "hint": p.hint} for p in self.problems],
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: events that were new, that were known, and that were refused."""

    taken: int
    repeated: int
    refused: tuple[Refused, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            "taken": self.taken,
            "repeated": self.repeated,
            "refused": [item.as_json() for item in self.refused],
        }
