"""Running one product: pin inputs, transform, publish, record.

Owns what a run of one product is, the same for `mesh run` and for Dagster. Imports no Dagster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from mesh.catalog.receipts import Receipt, Refusal, publication_id
from mesh.catalog.sync import sync_product
from mesh.errors import EndedInputError, TransformError
from mesh.lake import Snapshot
from mesh.orchestration.authorising import require_allowed
from mesh.orchestration.openlineage.emission import Emission
from mesh.orchestration.openlineage.events import Beginning
from mesh.orchestration.openlineage.jobs import ParentRun
from mesh.orchestration.openlineage.unended import end_dead_runs_of
from mesh.orchestration.transforming import explained, pinned_inputs, transformed, versions_of
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct
from mesh.publishing import find_receipt, publish
from mesh.publishing.increment import Increment
from mesh.publishing.refusing import refused_inputs
from mesh.reading import PinnedInput, referenced_values
from mesh.reading.counting import READS
from mesh.reading.expectations import expected_findings
from mesh.reading.incremental import increments


@dataclass(frozen=True, slots=True)
class Run:
    """One run: products of the same run and partition are published once.

    A full refresh reads incremental inputs as a whole, and replaces what was made of them.
    `partitions` are those to run of products by name; of others it is `partition`, or all. `parent`
    is what this run is part of, for those who are told of it.
    """

    id: str
    partition: str = ""
    is_full_refresh: bool = False
    partitions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    parent: ParentRun | None = None


def execute(product: DataProduct, workspace: Workspace, run: Run) -> Receipt | Refusal:
    """Run one product, and record what became of it in the catalog.

    What this run has published already is not made again: its first receipt is returned at once.

    Raises:
        NotPublishedError: an input has nothing to read.
        EndedInputError: an input's last day was over before this product read it.
        RetiredError: the product was retired.
        AccessDeniedError: policy refuses an input, or the publication.
        UndeclaredColumnError, TransformError: the product's function failed.
        StorageError, CatalogError: see their subclasses; `Transient` ones may be tried again.
    """
    workspace.ensure_registered(product.id.domain)
    with _emission(product, workspace, run) as emission:
        seen = _catch_up(product, workspace)
        end_dead_runs_of(product.id, workspace, emission.beginning.publication_id)
        try:
            outcome = _publish(product, workspace, run, seen, emission)
        finally:
            READS.flush()
        with workspace.catalog.held():
            _record(outcome, product, workspace, emission)
    return outcome


def _record(
    outcome: Receipt | Refusal, product: DataProduct, workspace: Workspace, emission: Emission
) -> None:
    if isinstance(outcome, Receipt):
        workspace.catalog.record(outcome)
        emission.end(outcome)
    else:
        refusal = outcome.for_everyone(product.contract)
        workspace.catalog.record_refusal(refusal)
        emission.end(refusal)


def _emission(product: DataProduct, workspace: Workspace, run: Run) -> Emission:
    beginning = Beginning(
        product,
        publication_id(str(product.id), run.id, run.partition),
        run.partition,
        datetime.now(UTC),
        workspace.manifest_of(product.id.domain),
        run.parent,
    )
    return Emission(beginning, workspace)


def _catch_up(product: DataProduct, workspace: Workspace) -> Snapshot | None:
    """Record what an earlier run published and died before it could record it.

    Returns the table as it is.
    """
    snapshot = workspace.lake.table(product.id).find()
    known = workspace.catalog.latest_receipt(str(product.id))
    if snapshot is not None and (known is None or known.table_version < snapshot.version):
        sync_product(workspace.catalog, workspace.lake, product.id)
    return snapshot


def _publish(
    product: DataProduct,
    workspace: Workspace,
    run: Run,
    seen: Snapshot | None,
    emission: Emission,
) -> Receipt | Refusal:
    lake = workspace.lake
    earlier = find_receipt(product, lake, run_id=run.id, partition=run.partition, seen=seen)
    if earlier is not None:
        return earlier.as_repeated()
    _require_open(product, workspace, run.started_at.date())
    require_allowed(product, workspace)
    inputs: Mapping[str, PinnedInput] = pinned_inputs(product, lake)
    versions = {pinned.input.product: pinned.version for pinned in inputs.values()}
    increment: Increment | None = None
    if any(port.incremental for port in product.inputs.values()):
        chosen = increments(
            product, lake, inputs, partition=run.partition, is_full_refresh=run.is_full_refresh
        )
        if chosen.unchanged is not None:
            return chosen.unchanged.as_repeated()
        inputs = chosen.inputs
        increment = Increment(
            str(product.id), run.partition, chosen.seen, chosen.is_whole, chosen.notes
        )
    emission.start()
    expected = expected_findings(inputs)
    refusal = refused_inputs(
        product,
        expected,
        run_id=run.id,
        partition=run.partition,
        inputs=versions_of(inputs, ()),
    )
    if refusal is not None:
        return refusal
    references, referenced = referenced_values(
        product.contract, lake, versions, own=str(product.id)
    )
    for used in versions_of(inputs, referenced):
        columns = used.columns or ()
        READS.note(workspace.settings, used.product, columns, consumer=str(product.id))
    try:
        with transformed(
            product,
            {port: pinned.scan() for port, pinned in inputs.items()},
            settings=workspace.settings,
            run_id=run.id,
            partition=run.partition,
        ) as result:
            return publish(
                product,
                result.data,
                lake=lake,
                run_id=run.id,
                partition=run.partition,
                inputs=versions_of(inputs, referenced),
                references=references,
                findings=(*expected, *result.findings),
                increment=increment,
                settings=workspace.settings.publishing,
                seen=seen,
            )
    except TransformError as error:
        raise explained(error, product, inputs) from error.__cause__


def ending_inputs(product: DataProduct, workspace: Workspace) -> list[str]:
    """What a consumer is to be told of inputs that have a last day, or ended, in words."""
    read = sorted({port.product for port in product.inputs.values()})
    ended = workspace.catalog.retirements()
    ending = workspace.catalog.deprecations(name for name in read if name not in ended)
    now = datetime.now(UTC)
    return [
        *(
            f"it reads a product that ended: {ended[name].told(now)}"
            for name in read
            if name in ended
        ),
        *(f"it reads {d.product}, which is {d}" for d in ending.values()),
    ]


def _require_open(product: DataProduct, workspace: Workspace, today: date) -> None:
    """Raise EndedInputError for inputs whose last day was over before this product read them."""
    read = [port.product for port in product.inputs.values()]
    ended = [d for d in workspace.catalog.deprecations(read).values() if d.is_over(today)]
    for deprecation in ended:
        uses = workspace.catalog.uses(deprecation.product)
        if not any(
            use.product == str(product.id) and use.published_at.date() <= deprecation.until
            for use in uses
        ):
            instead = deprecation.successor or "another product"
            raise EndedInputError(
                f"it would begin to read {deprecation.product}, which is {deprecation}",
                where=str(product.id),
                hint=f"read {instead}",
            )
