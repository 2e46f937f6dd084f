"""A process that runs every product of a mesh."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mesh.cli.interruption import leaving_at_once
from mesh.orchestration.execution import Run
from mesh.orchestration.running import Finished, RunEvent, run_products
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from mesh.settings import load
from tests.faults.publisher import say


def tell(event: RunEvent) -> None:
    if isinstance(event, Finished):
        say(says="finished", product=str(event.product.id), outcome=type(event.outcome).__name__)


def run_told(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Run everything once, and say what became of each product."""
    settings = load(Path(told["root"]))
    workspace = Workspace.open(settings)
    products = list(load_organization(settings).products.values())
    summary = run_products(workspace, products, Run(told["run_id"]), workers=1)
    for name, finished in summary.results.items():
        yield {"says": "finished", "product": name, "outcome": type(finished.outcome).__name__}


def main(root: Path, run_id: str) -> None:
    """Run everything, once."""
    settings = load(root)
    workspace = Workspace.open(settings)
    organization = load_organization(settings)
    say(says="ready")
    products = list(organization.products.values())
    with leaving_at_once(lambda: None):
        run_products(workspace, products, Run(run_id), workers=2, on_event=tell)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    main(Path(told["root"]), told["run_id"])
