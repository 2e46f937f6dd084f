"""A checked publication beside what people do today, in one run, as ratios.

`python benchmarks/publish.py [--scale 0.2] [--rounds 5]`: every contender runs in a process of its
own, the rounds are interleaved, and medians are compared with an unchecked `write_deltalake` of the
same data. Prints a table, and keeps it in `benchmarks/results/publish.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "publish.md"
BASE = "write_deltalake, unchecked"
PACKAGES = ("deltalake", "pandera", "polars", "pyarrow")


def mesh_in_memory(file: Path, table: Path) -> Callable[[], Any]:
    """Mesh, every rule, from a table in memory."""
    import pyarrow.parquet as pq

    return _mesh(pq.read_table(file), table)


def mesh_streamed(file: Path, table: Path) -> Callable[[], Any]:
    """Mesh, every rule, streamed from Parquet."""
    import pyarrow.dataset as ds

    return _mesh(ds.dataset(file), table)


def mesh_tiny(file: Path, table: Path) -> Callable[[], Any]:
    """Mesh, every rule, 1,000 rows."""
    import pyarrow.parquet as pq

    return _mesh(pq.read_table(file).slice(0, 1000), table)


def _mesh(data: Any, table: Path) -> Callable[[], Any]:
    from benchmarks.workloads.lineitem import product
    from mesh.catalog.receipts import Receipt
    from mesh.lake import Lake
    from mesh.publishing import publish

    declared, lake = product(), Lake(str(table))

    def run() -> None:
        outcome = publish(declared, data, lake=lake, run_id="benchmark")
        if not isinstance(outcome, Receipt):
            raise SystemExit(str(outcome))

    return run


def delta_in_memory(file: Path, table: Path) -> Callable[[], Any]:
    """`write_deltalake` of a table in memory, unchecked."""
    import pyarrow.parquet as pq
    from deltalake import write_deltalake

    data = pq.read_table(file)
    return lambda: write_deltalake(str(table), data)


def delta_streamed(file: Path, table: Path) -> Callable[[], Any]:
    """`write_deltalake` of a stream from Parquet, unchecked."""
    import pyarrow.dataset as ds
    from deltalake import write_deltalake

    data = ds.dataset(file)
    return lambda: write_deltalake(str(table), data.scanner().to_reader())


def pandera_then_delta(file: Path, table: Path) -> Callable[[], Any]:
    """Pandera (Polars, lazy) on the whole frame with the same rules, then `write_deltalake`."""
    import polars as pl
    from deltalake import write_deltalake

    from benchmarks.workloads.lineitem import Lineitem

    frame = pl.read_parquet(file)
    schema = Lineitem.to_schema()
    schema.unique = ["l_orderkey", "l_linenumber"]

    def run() -> None:
        write_deltalake(str(table), schema.validate(frame, lazy=True))

    return run


CONTENDERS = {
    BASE: delta_in_memory,
    "mesh, checked": mesh_in_memory,
    "pandera (polars), then write_deltalake": pandera_then_delta,
    "write_deltalake, unchecked, streamed": delta_streamed,
    "mesh, checked, streamed": mesh_streamed,
    "mesh, checked, 1,000 rows": mesh_tiny,
}
COMPARED_WITH = {"mesh, checked, streamed": "write_deltalake, unchecked, streamed"}


def measure(name: str, file: Path) -> tuple[float, float]:
    """Seconds, and MiB of memory above what was there before, of one run in this process."""
    folder = Path(tempfile.mkdtemp(prefix="mesh-benchmark-"))
    try:
        run = CONTENDERS[name](file, folder / "table")
        before = _resident()
        begun = time.perf_counter()
        run()
        return time.perf_counter() - begun, max(_peak() - before, 0.0)
    finally:
        shutil.rmtree(folder)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


def in_a_process(name: str, file: Path) -> tuple[float, float]:
    """`measure` in a fresh interpreter."""
    words = [sys.executable, __file__, "--one", name, "--file", str(file)]
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, env={**os.environ, **path}
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def report(scale: float, rounds: int, file: Path) -> str:
    """Run everything, and tell it as a table."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, runs in found.items():
            runs.append(in_a_process(name, file))
    medians = {name: statistics.median(s for s, _ in runs) for name, runs in found.items()}
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    setting = (
        f"TPC-H lineitem at scale {scale:g}, medians of {rounds} interleaved rounds, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
    )
    lines = [
        setting,
        "Memory is the highest above what the process held before the run.",
        "",
        "| what | seconds | relative | to | MiB |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    for name, runs in found.items():
        base = COMPARED_WITH.get(name, BASE)
        memory = statistics.median(m for _, m in runs)
        ratio = medians[name] / medians[base]
        lines.append(f"| {name} | {medians[name]:.3f} | {ratio:.2f} | {base} | {memory:,.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare, or measure one contender for the process that compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", choices=[*CONTENDERS], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen.one, chosen.file)))
        return
    sys.path.insert(0, str(ROOT))
    from benchmarks.workloads.lineitem import parquet

    text = report(chosen.scale, chosen.rounds, parquet(chosen.scale))
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(f"# Publishing\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
