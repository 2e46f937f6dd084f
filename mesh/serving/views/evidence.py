"""Receipts, refusals and lineage, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from mesh.catalog.model import Lineage, RefusalRecord
from mesh.catalog.receipts import Receipt
from mesh.serving.views.base import Plain, View


class TallyView(View):
    """How one rule fared."""

    rule: str
    text: str
    severity: str
    outcome: str
    failed: int
    measured: float | str | None = None


class InputVersionView(View):
    """An input as it was read."""

    product: str
    version: int
    port: str
    columns: list[str] | None
    since: int | None = None
    how: str | None = None
    reason: str = ""
    environment: str = ""


class ForeignVersionView(View):
    """A version that somebody else wrote, past Mesh."""

    version: int
    operation: str
    committed_at: datetime


class ReceiptView(View):
    """The evidence of one publication. Sizes are bytes."""

    publication_id: str
    product: str
    contract_version: str
    contract_digest: str
    run_id: str
    partition: str
    published_at: datetime
    table_url: str
    table_version: int
    write_mode: str
    rows_accepted: int
    rows_rejected: int
    rows_deleted: int
    tallies: list[TallyView]
    inputs: list[InputVersionView]
    notes: list[str]
    files: int
    bytes: int
    code_version: str
    mesh_version: str
    foreign: list[ForeignVersionView]

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """A receipt as it is shown."""
        return cls.model_validate(receipt.as_json())


class RefusalView(View):
    """The evidence that nothing was published, and why."""

    publication_id: str
    product: str
    contract_version: str
    run_id: str
    partition: str
    refused_at: datetime
    reasons: list[str]
    text: str
    verdict: dict[str, Plain]
    inputs: list[InputVersionView]

    @classmethod
    def of(cls, refusal: RefusalRecord) -> Self:
        """A refusal as it is shown."""
        same = ("publication_id", "product", "contract_version", "run_id", "partition")
        return cls(
            **{name: getattr(refusal, name) for name in (*same, "refused_at", "text")},
            reasons=list(refusal.reasons),
            verdict=dict(refusal.verdict),
            inputs=[InputVersionView.model_validate(i.as_json()) for i in refusal.inputs],
        )


class NodeView(View):
    """A dataset in a lineage. `depth` counts steps from the one that was asked for."""

    product: str
    kind: str
    depth: int
    latest_version: int | None


class VersionsView(View):
    """Which version of the downstream was made from which of the upstream."""

    downstream: int
    upstream: int


class EdgeView(View):
    """One dataset feeding another. Columns null means all."""

    upstream: str
    downstream: str
    ports: list[str]
    columns: list[str] | None
    versions: list[VersionsView]
    is_declared: bool
    is_reference: bool
    reading: str
    jobs: list[str]


class LineageView(View):
    """What something is made from, or what is made from it; nearest first."""

    product: str
    direction: str
    nodes: list[NodeView]
    edges: list[EdgeView]

    @classmethod
    def of(cls, lineage: Lineage) -> Self:
        """A lineage as it is shown; of every edge the latest versions alone."""
        edges = [
            EdgeView(
                **{name: getattr(edge, name) for name in ("upstream", "downstream", "reading")},
                ports=list(edge.ports),
                columns=None if edge.columns is None else list(edge.columns),
                versions=[
                    VersionsView(downstream=d, upstream=u) for d, u in edge.versions[:_SHOWN]
                ],
                is_declared=edge.is_declared,
                is_reference=edge.is_reference,
                jobs=list(edge.jobs),
            )
            for edge in lineage.edges
        ]
        nodes = [
            NodeView(
                product=node.product,
                kind=str(node.kind),
                depth=node.depth,
                latest_version=node.latest_version,
            )
            for node in lineage.nodes
        ]
        return cls(product=lineage.product, direction=lineage.direction, nodes=nodes, edges=edges)


_SHOWN = 20
"""Versions that an edge shows: a product that is published hourly has thousands."""
