"""Upkeep of the mesh, once a day: what crashes left behind goes, what they left out comes back.

Owns when that happens. How it is done belongs to `mesh.publishing` and `mesh.catalog`.
"""

# Dagster reads the annotation of `context` itself, so annotations are not postponed here.
from datetime import timedelta
from pathlib import Path

import dagster as dg

from mesh.catalog.sync import sync
from mesh.orchestration.workspace import Workspace
from mesh.publishing.maintenance import remove_leftovers
from mesh.settings import find_root, load


class Leftovers(dg.Config):
    """What counts as left behind."""

    older_than_hours: int = 24


@dg.op
def bring_catalog_up_to_lake(context: dg.OpExecutionContext) -> None:
    """Record every publication that a crash kept from the catalog."""
    workspace = _workspace()
    report = sync(workspace.catalog, workspace.lake)
    context.log.info("%s receipts recorded, %s were known", report.recorded, report.known)
    for problem in report.unreadable:
        context.log.warning("%s", problem)


@dg.op(ins={"after": dg.In(dg.Nothing)})
def remove_staged_leftovers(context: dg.OpExecutionContext, config: Leftovers) -> None:
    """Remove data files of publications that died before their commit."""
    workspace = _workspace()
    removed = remove_leftovers(
        workspace.lake,
        workspace.catalog.product_ids(),
        older_than=timedelta(hours=config.older_than_hours),
    )
    context.log.info("%s files removed", len(removed))
    for url in removed:
        context.log.debug("removed %s", url)


@dg.job(description="Brings the catalog up to the lake, and removes what crashes left behind.")
def upkeep() -> None:
    """Run every part of the upkeep."""
    remove_staged_leftovers(after=bring_catalog_up_to_lake())


daily_upkeep = dg.ScheduleDefinition(
    name="daily_upkeep",
    job=upkeep,
    cron_schedule="15 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def _workspace() -> Workspace:
    return Workspace.open(load(find_root(Path(__file__).parent)))
