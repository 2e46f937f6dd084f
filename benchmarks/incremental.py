"""A product that is handed 1 % of changed rows, beside one that is made of everything again.

`python benchmarks/incremental.py [--scale 0.2] [--rounds 5]`: lineitem is published, a product is
made of it, 1 % of the rows come or change, and the product's next run is timed: pinning, reading,
every check, commit and record. Rounds are interleaved, each in a process of its own. Prints a
table, and keeps it in `benchmarks/results/incremental.md`.
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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from mesh.products.declaration import DataProduct

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "incremental.md"
PACKAGES = ("deltalake", "polars", "pyarrow")
KEY = ["l_orderkey", "l_linenumber"]
ONE_IN = 100


def new_rows(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to begin with, and 1 % that come later: the latest orders."""
    ordered = rows.sort(KEY)
    count = rows.height // ONE_IN
    return ordered.head(rows.height - count), ordered.tail(count)


def recent_corrections(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows, and the latest 1 % of them with another quantity."""
    return rows, _corrected(rows.sort(KEY).tail(rows.height // ONE_IN))


def spread_corrections(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows, and every hundredth of them with another quantity."""
    return rows, _corrected(rows.gather_every(ONE_IN))


def _corrected(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    kind = rows.schema["l_quantity"]
    other = pl.when(pl.col("l_quantity") == 1).then(2).otherwise(1).cast(kind)
    return rows.with_columns(l_quantity=other)


def handed_on(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Rows as they are now."""
    import polars as pl

    from mesh.lake.changes import CHANGE_COLUMNS

    if "_change_type" not in rows.collect_schema():
        return rows
    is_now = pl.col("_change_type").is_in(["insert", "update_postimage"])
    return rows.filter(is_now).drop(CHANGE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Contender:
    """What comes, and how the product keeps up with it: `overwrite` makes it of everything."""

    change: Callable[[pl.DataFrame], tuple[pl.DataFrame, pl.DataFrame]]
    write: str
    compared_with: str


NEW = "made of everything, after 1 % came"
RECENT = "made of everything, after 1 % recent rows changed"
SPREAD = "made of everything, after 1 % spread rows changed"
CONTENDERS = {
    NEW: Contender(new_rows, "overwrite", NEW),
    "incremental append of 1 % new rows": Contender(new_rows, "append", NEW),
    RECENT: Contender(recent_corrections, "overwrite", RECENT),
    "incremental upsert of 1 % recent rows": Contender(recent_corrections, "upsert", RECENT),
    SPREAD: Contender(spread_corrections, "overwrite", SPREAD),
    "incremental upsert of 1 % spread rows": Contender(spread_corrections, "upsert", SPREAD),
}


def declared(name: str, write: str, *, is_reading: bool) -> DataProduct:
    """Lineitem as a product that is sent, or that is made of what was sent."""
    import mesh
    from benchmarks.workloads.lineitem import Lineitem
    from mesh.products.declaration import declaration_of

    def function(rows: pl.LazyFrame) -> pl.LazyFrame:
        return handed_on(rows)

    def sent() -> None:
        """The benchmark brings the rows."""

    chosen: Callable[..., Any] = function if is_reading else sent
    chosen.__name__ = name
    mode = {
        "overwrite": mesh.Overwrite(),
        "append": mesh.Append(),
        "upsert": mesh.Upsert(on=KEY),
    }[write]
    port = mesh.Input("bench.source_v1", incremental=write != "overwrite")
    inputs = {"rows": port} if is_reading else None
    marked = mesh.data_product(contract=Lineitem, write=mode, inputs=inputs)(chosen)
    declaration = declaration_of(marked)
    if declaration is None:
        raise AssertionError
    return declaration.bind("bench", Path(__file__).parent)


def measure(name: str, file: Path) -> float:
    """Seconds that the run after the change takes."""
    import polars as pl

    from mesh.catalog.receipts import Receipt
    from mesh.catalog.store import Catalog
    from mesh.lake import Lake
    from mesh.orchestration.execution import Run, execute
    from mesh.orchestration.workspace import Workspace
    from mesh.publishing import publish
    from mesh.settings import load

    contender = CONTENDERS[name]
    first, later = contender.change(pl.read_parquet(file))
    folder = Path(tempfile.mkdtemp(prefix="mesh-benchmark-"))
    try:
        settings = load(folder)
        workspace = Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))
        source = declared("source", "upsert", is_reading=False)
        made = declared("made", contender.write, is_reading=True)
        publish(source, first, lake=workspace.lake, run_id="first")
        execute(made, workspace, Run("first"))
        publish(source, later, lake=workspace.lake, run_id="later")
        begun = time.perf_counter()
        outcome = execute(made, workspace, Run("second"))
        seconds = time.perf_counter() - begun
        if not isinstance(outcome, Receipt) or outcome.notes:
            raise SystemExit(str(outcome))
        return seconds
    finally:
        shutil.rmtree(folder)


def in_a_process(name: str, file: Path) -> float:
    """`measure` in a fresh interpreter."""
    words = [sys.executable, __file__, "--one", name, "--file", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    return float(json.loads(done.stdout))


def report(scale: float, rounds: int, file: Path) -> str:
    """Run everything, and tell it as a table."""
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name, runs in found.items():
            runs.append(in_a_process(name, file))
    medians = {name: statistics.median(runs) for name, runs in found.items()}
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    setting = (
        f"TPC-H lineitem at scale {scale:g}, medians of {rounds} interleaved rounds, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."
    )
    lines = [
        setting,
        "",
        "| what | seconds | lowest | highest | relative | to |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, runs in found.items():
        base = CONTENDERS[name].compared_with
        lines.append(
            f"| {name} | {medians[name]:.3f} | {min(runs):.3f} | {max(runs):.3f} | "
            f"{medians[name] / medians[base]:.2f} | {base} |"
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
    RESULTS.write_text(f"# Incremental\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
