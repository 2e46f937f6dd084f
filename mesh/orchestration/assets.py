"""A data product as a Dagster asset.

Owns what a run of one product is in Dagster: the same `execute` as everywhere, its receipt as a
materialisation, its verdict as check results. A refusal is a failed step without materialisation,
so that nothing downstream runs.
"""

# Dagster reads the annotation of `context` itself, so annotations are not postponed here.
from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from mesh.catalog.receipts import Receipt
from mesh.errors import Transient
from mesh.lake import Lake
from mesh.orchestration import checks, metadata
from mesh.orchestration.authorising import ending_agreements
from mesh.orchestration.automation import automation_condition
from mesh.orchestration.dependencies import Dependencies
from mesh.orchestration.endings import ENDING_AGREEMENTS
from mesh.orchestration.execution import Run, ending_inputs, execute
from mesh.orchestration.openlineage.jobs import ParentRun
from mesh.orchestration.partitions import partitions_definition
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import Domain
from mesh.products.declaration import DataProduct
from mesh.settings import Settings

RETRIES = 4
"""How often a step that met a transient error is tried again."""

FULL_REFRESH_TAG = "mesh/full_refresh"
"""A run with this tag, `true`, reads incremental inputs as a whole: `mesh run --full-refresh`."""

_SHORTEST_WINDOW_SECONDS = 60
_RETRY_TAGS = ("dagster/is_resume_retry", "dagster/is_asset_resume_retry", "dagster/retry_number")

StepEvent = dg.MaterializeResult[None] | dg.AssetCheckResult


def asset_of(
    product: DataProduct, domain: Domain, before: Dependencies, settings: Settings
) -> dg.AssetsDefinition:
    """The asset that publishes a product."""

    @dg.multi_asset(
        name="__".join(product.id.asset_key),
        specs=[asset_spec(product, domain, before, settings)],
        check_specs=checks.check_specs(product),
        partitions_def=partitions_definition(product.partitions),
    )
    def publish(context: dg.AssetExecutionContext) -> Iterator[StepEvent]:
        yield from _publish(context, product, settings)

    return publish


def asset_spec(
    product: DataProduct, domain: Domain, before: Dependencies, settings: Settings
) -> dg.AssetSpec:
    """What Dagster knows of a product without running it."""
    return dg.AssetSpec(
        dg.AssetKey(product.id.asset_key),
        deps=[dg.AssetKey(upstream.asset_key) for upstream in before.all],
        description=metadata.description(product, before.ending),
        metadata=metadata.product_metadata(product, domain, Lake.of(settings), before.ending),
        group_name=domain.name,
        code_version=f"{product.contract.version}-{product.code_version}".rstrip("-"),
        automation_condition=automation_condition(product, before),
        freshness_policy=_freshness_policy(product),
        owners=metadata.owners(domain.manifest),
        tags=metadata.tags(product, domain, before.ending),
        kinds=metadata.kinds(product),
        partitions_def=partitions_definition(product.partitions),
    )


def first_attempt(run: dg.DagsterRun, instance: dg.DagsterInstance) -> str:
    """The id of the run that a run continues: itself, unless it is a retry.

    A retry publishes under the first attempt's name, so that what that attempt published is not
    published twice. A run that somebody launched anew, also from an old one, is its own.
    """
    while run.parent_run_id is not None and any(tag in run.tags for tag in _RETRY_TAGS):
        parent = instance.get_run_by_id(run.parent_run_id)
        if parent is None:
            return run.parent_run_id
        run = parent
    return run.run_id


def _publish(
    context: dg.AssetExecutionContext, product: DataProduct, settings: Settings
) -> Iterator[StepEvent]:
    partition = context.partition_key if context.has_partition_key else ""
    is_full_refresh = context.run.tags.get(FULL_REFRESH_TAG) == "true"
    name = first_attempt(context.run, context.instance)
    parent = ParentRun(context.run.run_id, f"dagster.{context.run.job_name}")
    run = Run(name, partition, is_full_refresh=is_full_refresh, parent=parent)
    try:
        workspace = Workspace.open(settings)
        outcome = execute(product, workspace, run)
    except Transient as error:
        raise dg.RetryRequested(RETRIES, seconds_to_wait=2**context.retry_number) from error
    if isinstance(outcome, Receipt):
        context.log.info("%s: table version %s", product.id, outcome.table_version)
        for note in () if outcome.is_repeated else outcome.notes:
            context.log.warning("%s: %s", product.id, note)
        agreed = ending_agreements(product, workspace)
        for line in (*ending_inputs(product, workspace), *agreed):
            context.log.warning("%s: %s", product.id, line)
        yield materialization(product, outcome, workspace.lake, agreed)
        return
    yield from checks.refused(product, outcome)
    raise dg.Failure(
        str(outcome.for_everyone(product.contract)),
        metadata={metadata.PUBLICATION: outcome.publication_id},
        allow_retries=False,
    )


def materialization(
    product: DataProduct, receipt: Receipt, lake: Lake, agreed: Sequence[str] = ()
) -> dg.MaterializeResult[None]:
    """A publication as Dagster records it: metadata, data version, and the result of each check.

    `agreed` tells of agreements that it was made under and that end soon.
    """
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(product.id.asset_key),
        metadata={**metadata.publication_metadata(receipt, lake), **_ending(agreed)},
        check_results=list(checks.accepted(product, receipt, lake)),
        data_version=dg.DataVersion(str(receipt.table_version)),
    )


def _ending(agreed: Sequence[str]) -> metadata.Metadata:
    lines = "\n".join(f"- {line}" for line in agreed)
    return {ENDING_AGREEMENTS: dg.MetadataValue.md(lines)} if agreed else {}


def _freshness_policy(product: DataProduct) -> dg.FreshnessPolicy | None:
    if product.freshness is None:
        return None
    window = max(product.freshness.duration, timedelta(seconds=_SHORTEST_WINDOW_SECONDS))
    return dg.FreshnessPolicy.time_window(fail_window=window)
