"""Runs that died before they could tell how they ended.

Owns how it is known that a run is dead: its process is gone, though another may have its number, or
it runs on another host and began so long ago that nobody waits for it. Its end is COMPLETE when its
receipt landed, else ABORT. The catalog has to be up to the lake.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mesh.catalog.emissions import EmittedRun, Event
from mesh.catalog.sync import sync_product
from mesh.naming import ProductId
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.emission import audience_of, ended, ending_of, is_under_way
from mesh.orchestration.openlineage.processes import is_there
from mesh.orchestration.workspace import Workspace

LONGEST = timedelta(days=1)
"""How long a run is waited for whose process cannot be looked at."""


def end_dead_runs_of(product: ProductId, workspace: Workspace, publication_id: str = "") -> None:
    """End the dead runs of a product, of which the catalog knows every receipt.

    One of this publication is ended only when its receipt landed: else this run goes on with it.
    """
    for run in workspace.catalog.emissions.open_runs(str(product)):
        if is_dead(run):
            is_mine = run.publication_id == publication_id
            _end(run, workspace, is_going_on=is_mine)


def end_dead_runs(workspace: Workspace) -> int:
    """End every dead run, after a look at the lake; returns how many there were."""
    dead = [run for run in workspace.catalog.emissions.open_runs() if is_dead(run)]
    for product in sorted({run.product for run in dead}):
        sync_product(workspace.catalog, workspace.lake, ProductId.parse(product))
    return _count(_end(run, workspace, is_going_on=False) for run in dead)


def is_dead(run: EmittedRun) -> bool:
    """Whether nobody runs it any more."""
    if run.host != platform.node():
        return datetime.now(UTC) - run.started_at > LONGEST
    if run.process == os.getpid():
        return not is_under_way(run.run_id)
    return not is_there(run.process, run.process_began)


def _end(run: EmittedRun, workspace: Workspace, *, is_going_on: bool) -> bool:
    emissions, audience = workspace.catalog.emissions, audience_of(workspace.settings)
    receipt = emissions.receipt(run.publication_id)
    if receipt is None and is_going_on:
        return False
    if receipt is None:
        event: Event = ending_of(run, workspace).aborted(datetime.now(UTC))
    else:
        evidence = emissions.evidence(run.product, run.publication_id, receipt.inputs)
        event = ended(run, workspace, receipt, evidence)
    is_new = emissions.end(run.run_id, event, audience)
    courier.nudge(workspace)
    return is_new


def _count(found: Iterable[bool]) -> int:
    return sum(found)
