"""Lineage of columns and versions, and what other producers reported, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from mesh.catalog.reported.records import (
    ReportedData,
    ReportedJob,
    ReportedRun,
    StoredEvent,
    Taken,
)
from mesh.catalog.traced import ColumnLineage
from mesh.catalog.version_lineage import MadeVersion
from mesh.serving.views.base import Plain, View
from mesh.serving.views.evidence import ReceiptView


class ColumnNodeView(View):
    """A column in a lineage. An empty one stands for the rows of its dataset."""

    dataset: str
    column: str
    depth: int


class ColumnEdgeView(View):
    """One column that another comes from, in OpenLineage's words."""

    upstream: str
    upstream_column: str
    downstream: str
    downstream_column: str
    type: str
    subtype: str
    knowledge: str
    job: str
    is_masking: bool


class ColumnLineageView(View):
    """Columns and what comes from what; `unknown` says why columns of a product are not traced."""

    columns: list[str]
    direction: str
    nodes: list[ColumnNodeView]
    edges: list[ColumnEdgeView]
    unknown: dict[str, str]

    @classmethod
    def of(cls, found: ColumnLineage) -> Self:
        """A lineage as it is shown."""
        return cls.model_validate(found.as_json())


class VersionInputView(View):
    """A version that was read."""

    product: str
    version: int


class MadeVersionView(View):
    """A version, the publications whose rows it may hold, and what these read."""

    product: str
    version: int
    depth: int
    environment: str
    publications: list[ReceiptView]
    inputs: list[VersionInputView]

    @classmethod
    def of(cls, made: MadeVersion) -> Self:
        """A version as it is shown; of its publications the latest alone."""
        told = made.as_json()
        return cls.model_validate({**told, "publications": told["publications"][:_SHOWN]})


class ReportedColumnView(View):
    """A column as a producer tells it."""

    name: str
    type: str
    description: str


class ReportedDataView(View):
    """A dataset that other producers reported. `canonical` is what it turned out to be."""

    key: str
    namespace: str
    name: str
    canonical: str
    kind: str
    description: str
    owners: list[str]
    tags: list[dict[str, str]]
    columns: list[ReportedColumnView]
    first_seen: datetime
    last_seen: datetime
    is_governed: bool
    facets: dict[str, Plain]

    @classmethod
    def of(cls, found: ReportedData) -> Self:
        """A dataset as it is shown."""
        return cls.model_validate(found.as_json())


class ReportedJobView(View):
    """A job of another producer, with what it reads and writes now."""

    key: str
    namespace: str
    name: str
    description: str
    inputs: list[str]
    outputs: list[str]
    first_seen: datetime
    last_seen: datetime
    facets: dict[str, Plain]

    @classmethod
    def of(cls, found: ReportedJob) -> Self:
        """A job as it is shown."""
        return cls.model_validate(found.as_json())


class UseView(View):
    """A dataset that a run read (`in`) or wrote (`out`)."""

    direction: str
    dataset: str
    facets: dict[str, Plain]


class ReportedRunView(View):
    """A run of a job."""

    run_id: str
    job: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    last_event_at: datetime
    parent_run_id: str
    uses: list[UseView]
    facets: dict[str, Plain]

    @classmethod
    def of(cls, found: ReportedRun) -> Self:
        """A run as it is shown."""
        return cls.model_validate(found.as_json())


class EventView(View):
    """An event as it came."""

    id: str
    received_at: datetime
    event_time: datetime
    kind: str
    producer: str
    job: str
    run_id: str
    content: dict[str, Plain]

    @classmethod
    def of(cls, found: StoredEvent) -> Self:
        """An event as it is shown."""
        return cls.model_validate(found.as_json())


class RefusedProblemView(View):
    """What is wrong with an event, and where in it."""

    path: str
    what: str
    hint: str


class RefusedView(View):
    """An event that was not taken, by its place in the batch."""

    index: int
    problems: list[RefusedProblemView]


class TakenView(View):
    """What became of a batch."""

    taken: int
    repeated: int
    refused: list[RefusedView]

    @classmethod
    def of(cls, taken: Taken) -> Self:
        """The outcome as it is shown."""
        return cls.model_validate(taken.as_json())


_SHOWN = 20
"""Publications that a version shows: one that is appended to hourly has thousands."""
