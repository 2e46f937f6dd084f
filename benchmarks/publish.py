"""A checked publication beside what people do today, in one run, as ratios.

`python benchmarks/publish.py [--scale 0.2] [--rounds 5]`: every contender runs in a process of its
own, warmed up with 1,000 rows; the rounds are interleaved, and medians are compared with an
unchecked `write_deltalake` of the same data. Prints a table, and keeps it in
`benchmarks/results/publish.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "publish.md"
BASE = "write_deltalake, unchecked"
PACKAGES = ("deltalake", "pandera", "polars", "pyarrow")


TINY_ROWS = 1_000
TINY_REPEATS = 20
Write = Callable[[Any, Path], None]


def publish_checked(data: Any, table: Path) -> None:
    """Mesh, every rule."""
    from benchmarks.workloads.lineitem import product
    from mesh.catalog.receipts import Receipt
    from mesh.lake import Lake
    from mesh.publishing import publish

    outcome = publish(product(), data, lake=Lake(str(table)), run_id="benchmark")
    if not isinstance(outcome, Receipt):
        raise SystemExit(str(outcome))


def write_unchecked(data: Any, table: Path) -> None:
    """delta-rs, no rule."""
    from deltalake import write_deltalake

    write_deltalake(str(table), data)


def validate_then_write(data: Any, table: Path) -> None:
    """Pandera (Polars, lazy) on the whole frame with the same rules, then delta-rs."""
    from benchmarks.workloads.lineitem import Lineitem

    schema = Lineitem.to_schema()
    schema.unique = ["l_orderkey", "l_linenumber"]
    write_unchecked(schema.validate(data, lazy=True), table)


def in_memory(file: Path) -> Any:
    """The whole data as a Polars frame."""
    import polars as pl

    return pl.read_parquet(file)


def streamed(file: Path) -> Any:
    """Batches of the Parquet file, read when they are asked for and not kept."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(file, pre_buffer=False)
    batches = opened.iter_batches(batch_size=131_072)
    return pa.RecordBatchReader.from_batches(opened.schema_arrow, batches)


def tiny(file: Path) -> Any:
    """The first rows as a Polars frame."""
    import polars as pl

    return pl.scan_parquet(file).head(TINY_ROWS).collect()


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to get data from a source into a table."""

    source: Callable[[Path], Any]
    write: Write
    compared_with: str


STREAMED = "write_deltalake, unchecked, streamed"
TINY = "write_deltalake, unchecked, 1,000 rows"
CONTENDERS = {
    BASE: Contender(in_memory, write_unchecked, BASE),
    "mesh, checked": Contender(in_memory, publish_checked, BASE),
    "pandera (polars), then write_deltalake": Contender(in_memory, validate_then_write, BASE),
    STREAMED: Contender(streamed, write_unchecked, STREAMED),
    "mesh, checked, streamed": Contender(streamed, publish_checked, STREAMED),
    TINY: Contender(tiny, write_unchecked, TINY),
    "mesh, checked, 1,000 rows": Contender(tiny, publish_checked, TINY),
}


def measure(name: str, file: Path) -> tuple[float, float]:
    """Seconds, and MiB of memory above what was there before, of one run in this process."""
    contender = CONTENDERS[name]
    folder = Path(tempfile.mkdtemp(prefix="mesh-benchmark-"))
    try:
        contender.write(tiny(file), folder / "warm")
        if contender.source is tiny:
            runs = [timed(contender, file, folder / str(n)) for n in range(TINY_REPEATS)]
            return statistics.median(s for s, _ in runs), max(m for _, m in runs)
        return timed(contender, file, folder / "table")
    finally:
        shutil.rmtree(folder)


def timed(contender: Contender, file: Path, table: Path) -> tuple[float, float]:
    """One run: reading into memory is not part of it, reading a stream is."""
    data = contender.source(file)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = _memory("VmRSS")
    begun = time.perf_counter()
    contender.write(data, table)
    seconds = time.perf_counter() - begun
    return seconds, max(_memory("VmHWM") - before, 0.0)


def _memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


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
        "| what | seconds | lowest | highest | relative | to | MiB |",
        "| --- | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for name, runs in found.items():
        base = CONTENDERS[name].compared_with
        seconds = [s for s, _ in runs]
        memory = statistics.median(m for _, m in runs)
        lines.append(
            f"| {name} | {medians[name]:.3f} | {min(seconds):.3f} | {max(seconds):.3f} | "
            f"{medians[name] / medians[base]:.2f} | {base} | {memory:,.0f} |"
        )
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
