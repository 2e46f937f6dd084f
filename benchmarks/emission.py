"""What a run pays for being told of, and for its publication being recorded.

Owns the calls that a run makes of the catalog, one run after another in one process, with nothing
else going on: START, the receipt, COMPLETE. The product is small and real, its receipt that of a
real publication. On SQLite, and on a PostgreSQL of its own or at MESH_BENCHMARK_POSTGRESQL. An aim
is a budget: it stands alone, since there is no peer with the same calls.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.catalog import own_postgresql
from mesh.catalog.receipts import Receipt, publication_id
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.openlineage import courier
from mesh.orchestration.openlineage.emission import Emission
from mesh.orchestration.openlineage.events import Beginning
from mesh.orchestration.workspace import Workspace
from mesh.products.collection import load_organization
from tests.orchestration.small_mesh import SmallMesh

READINGS = "weather.readings_v1"
EMISSION_AIM_MS, RECORD_AIM_MS = 5.0, 20.0
AUDIENCES: Mapping[str, str] = {
    "the catalog": "",
    "the catalog and a file": 'files = ["events.jsonl"]',
    "nobody": "catalog = false",
}
"""Who is told, as settings."""


@dataclass(slots=True)
class Took:
    """Seconds of each run: until it was done, and of these in which this thread worked."""

    told: list[tuple[float, float]] = field(default_factory=list)
    recorded: list[tuple[float, float]] = field(default_factory=list)


def measured(folder: Path, url: str, settings: str, runs: int) -> Took:
    """Tell of runs of one product, and record each."""
    small = SmallMesh.at(folder)
    table = f'[tool.mesh]\ndomains = "teams"\ncatalog = {{url = "{url}"}}\n'
    small.write("pyproject.toml", f"{table}[tool.mesh.openlineage]\n{settings}\n")
    product = load_organization(small.settings).product(READINGS)
    workspace = small.workspace
    made = execute(product, workspace, Run("first"))
    if not isinstance(made, Receipt):
        raise TypeError(made)
    took = Took()
    for number in range(runs):
        run = f"{folder.name}-{number}"
        key = publication_id(READINGS, run)
        manifest = workspace.manifest_of(product.id.domain)
        beginning = Beginning(product, key, "", datetime.now(UTC), manifest)
        receipt = replace(made, publication_id=key, run_id=run, table_version=number + 1)
        _one(Emission(beginning, workspace), workspace, receipt, took)
    courier.drain()
    return took


def _one(emission: Emission, workspace: Workspace, receipt: Receipt, took: Took) -> None:
    def timed(call: Callable[[], object]) -> tuple[float, float]:
        started, own = time.perf_counter(), time.thread_time()
        call()
        return time.perf_counter() - started, time.thread_time() - own

    with emission:
        begun = timed(emission.start)
        with workspace.catalog.held():  # as a run has it
            took.recorded.append(timed(lambda: workspace.catalog.record(receipt)))
            ended = timed(lambda: emission.end(receipt))
    took.told.append((begun[0] + ended[0], begun[1] + ended[1]))


def report(where: str, url: str, folder: Path, runs: int) -> None:
    """Print what it took beside the aims."""
    print(where)
    for position, (who, settings) in enumerate(AUDIENCES.items()):
        own = url.format(position=position)
        took = measured(folder / f"mesh-{position}", own, settings, runs)
        print(f"  telling {who:24} {_words(took.told)}, aim {EMISSION_AIM_MS:g}")
        print(f"  recording{'':24} {_words(took.recorded)}, aim {RECORD_AIM_MS:g}")


def _words(took: list[tuple[float, float]]) -> str:
    whole, own = ([seconds * 1_000 for seconds in side] for side in zip(*took, strict=True))
    nine = statistics.quantiles(whole, n=10)[8]
    return (
        f"median {statistics.median(whole):6.2f} ms, nine of ten below {nine:6.2f}, "
        f"own work {statistics.median(own):5.2f}"
    )


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    print(f"{runs} runs each, {os.cpu_count()} cores, load {load} before it began")
    with tempfile.TemporaryDirectory(prefix="mesh-benchmark-") as name:
        folder = Path(name)
        for place in ("sqlite", "postgresql"):
            (folder / place).mkdir()
        report("SQLite", f"sqlite:///{folder}/catalog-{{position}}.db", folder / "sqlite", runs)
        with own_postgresql() as url:
            report("PostgreSQL", url, folder / "postgresql", runs)


if __name__ == "__main__":
    main()
