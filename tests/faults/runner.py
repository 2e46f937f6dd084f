"""A process that runs every product of a mesh, and stands still where it is told to."""

import json
import sys
from pathlib import Path
from typing import Any

from mesh.catalog.store import Catalog
from mesh.cli.interruption import leaving_at_once
from mesh.orchestration.execution import Run
from mesh.orchestration.running import Finished, RunEvent, run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from mesh.settings import load
from tests.faults.publisher import say, stop


def stop_before_record() -> None:
    """Stand still once a publication has landed, before the catalog hears of it."""

    def stopping(*_: Any) -> None:
        stop("before the record")

    Catalog.record = stopping  # type: ignore[method-assign]


def tell(event: RunEvent) -> None:
    if isinstance(event, Finished):
        say(says="finished", product=str(event.product.id), outcome=type(event.outcome).__name__)


def main(root: Path, run_id: str, place: str) -> None:
    """Run everything, once."""
    if place == "before the record":
        stop_before_record()
    settings = load(root)
    workspace = Workspace.open(settings)
    organization = load_organization(settings)
    say(says="ready")
    products = list(organization.products.values())
    with leaving_at_once(lambda: None):
        run_products(workspace, products, Run(run_id), workers=2, on_event=tell)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    main(Path(told["root"]), told["run_id"], told.get("stop_at", ""))
