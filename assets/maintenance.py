"""Upkeep of the mesh, once a day: the catalog comes up to the lake, then each product is served.

Owns when that happens, and what Dagster shows of it: a step a product, which fails by itself and is
named after it, and an observation of the product's asset. How it is done belongs to `mesh.upkeep`
and `mesh.catalog`.
"""

# Dagster reads the annotation of `context` itself, so annotations are not postponed here.
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from mesh.catalog.sync import sync
from mesh.naming import ProductId
from mesh.orchestration.openlineage.catching_up import catch_up
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from mesh.settings import find_root, load
from mesh.upkeep.maintenance import Upkeep
from mesh.upkeep.products import products_of
from mesh.upkeep.reporting import Report, in_words


@dg.op
def bring_catalog_up_to_lake(context: dg.OpExecutionContext) -> None:
    """Record every publication that a crash kept from the catalog, and deliver events that wait."""
    workspace = _workspace()
    report = sync(workspace.catalog, workspace.lake)
    context.log.info("%s receipts recorded, %s were known", report.recorded, report.known)
    for problem in report.unreadable:
        context.log.warning("%s", problem)
    told = catch_up(workspace)
    for queue in told.waiting:
        context.log.warning(
            "%s waits for %s events: %s", queue.receiver, queue.waiting, queue.error
        )


@dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.DynamicOut(str))
def products_to_look_after(context: dg.OpExecutionContext) -> Iterator[dg.DynamicOutput[str]]:
    """Every product, one step each; those of a domain that does not load wait for it."""
    workspace = _workspace()
    looked = products_of(load_organization(workspace.settings), workspace.catalog)
    for product, reason in looked.left_alone.items():
        context.log.warning("%s is left alone: %s", product, reason)
    for product in looked.declared:
        yield dg.DynamicOutput(str(product), mapping_key="__".join(product.asset_key))


@dg.op
def look_after(context: dg.OpExecutionContext, product: str) -> dict[str, Any]:
    """Remove old rows, join small files, sum up the log, delete what nobody needs."""
    workspace, name = _workspace(), ProductId.parse(product)
    looked = products_of(load_organization(workspace.settings), workspace.catalog)
    upkeep = Upkeep(workspace.lake, workspace.catalog, workspace.settings)
    report = upkeep.apply(name, looked.declared.get(name))
    for work in report.works:
        context.log.info("%s, %s: %s, %s", product, work.part, work.action, work.why)
    metadata = metadata_of(report)
    context.add_output_metadata(metadata)
    if report.works:
        context.log_event(dg.AssetObservation(dg.AssetKey(name.asset_key), metadata=metadata))
    return report.as_json()


def metadata_of(report: Report) -> Mapping[str, Any]:
    """What was done to a product, as Dagster shows it."""
    kept = {f"{k.part}: {k.reason}": in_words(k.versions) for k in report.kept}
    return {
        "product": report.product,
        "work": dg.MetadataValue.json([work.as_json() for work in report.works]),
        "kept versions": dg.MetadataValue.json(kept),
        "files": sum(work.files for work in report.works),
        "bytes deleted": sum(work.bytes for work in report.works if work.paths),
        "rows removed": sum(work.rows for work in report.works),
    }


@dg.job(description="Brings the catalog up to the lake, and looks after every product's tables.")
def upkeep() -> None:
    """Run every part of the upkeep."""
    products_to_look_after(after=bring_catalog_up_to_lake()).map(look_after)


daily_upkeep = dg.ScheduleDefinition(
    name="daily_upkeep",
    job=upkeep,
    cron_schedule="15 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _workspace() -> Workspace:
    return Workspace.open(load(find_root(Path(__file__).parent)))
