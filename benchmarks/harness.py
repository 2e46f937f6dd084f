"""Measuring: contenders in processes of their own, interleaved, as medians beside a base.

Owns how a run is timed, how its memory is read, and the table that tells about it. Knows nothing of
Mesh and of those it is compared with: a script hands its tables to `main`. Imports the standard
library only, since contenders run in environments that have nothing else in common.
"""

from __future__ import annotations

import argparse
import gc
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
"""Tables of full runs: what docs/performance.md shows."""
QUICK_RESULTS = ROOT / "benchmarks" / ".data" / "results"
"""Tables of quick runs: to look at, not to keep."""
SILENT = {
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
}
"""Nothing that is measured calls home."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a script was asked for. `scale` is None unless it was given."""

    scale: float | None = None
    is_full: bool = False

    @property
    def words(self) -> list[str]:
        """The same as a command line."""
        scale = [] if self.scale is None else ["--scale", str(self.scale)]
        return [*(["--full"] if self.is_full else []), *scale]

    def scale_or(self, *, quick: float, full: float) -> float:
        """The scale that was given, or the one of this kind of run."""
        return self.scale if self.scale is not None else (full if self.is_full else quick)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the time, relative to the base's, is meant to be; either end may be open."""

    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        """As the table says it."""
        ends = (("≤", self.at_most), ("≥", self.at_least))
        return " ".join(f"{sign} {end:g}" for sign, end in ends if end is not None)

    def holds(self, value: float) -> bool:
        """Whether a value lies there."""
        low, high = self.at_least, self.at_most
        return (low is None or value >= low) and (high is None or value <= high)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do what a table compares.

    `source` makes what `run` is given and is not timed; `run` is, and has a folder of its own that
    does not exist yet. `warm` makes small data for a run before, so that imports are not timed.
    `proof` says in a number what was done, not timed: all with the same `base`, or the same
    `agrees` where that is given, must have the same. A `starts_command` is measured by the memory
    of the process that it starts, too. A slow one is measured in `most_rounds` at most.
    """

    name: str
    run: Callable[[Any, Path], Any]
    source: Callable[[], Any] = lambda: None
    warm: Callable[[], Any] | None = None
    base: str = ""
    reach: Reach | None = None
    most_mib: float | None = None
    proof: Callable[[Any, Path], int] | None = None
    agrees: str = ""
    python: Path = Path(sys.executable)
    repeats: int = 1
    size: float = 0
    starts_command: bool = False
    most_rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """What is compared under one name: that of its results file, and of `--only`.

    `unit` is what the contenders' `size` counts: with it, the table also tells the time for one.
    `prepare` is called once, before all.
    """

    name: str
    title: str
    note: str
    contenders: Sequence[Contender]
    rounds: int
    packages: Sequence[str] = ("deltalake", "pandera", "polars", "pyarrow")
    unit: str = ""
    prepare: Callable[[], object] = lambda: None


@dataclass(slots=True)
class Measured:
    """What the runs of one contender gave."""

    seconds: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    proofs: set[int] = field(default_factory=set)

    @property
    def median(self) -> float:
        """The middle of the times."""
        return statistics.median(self.seconds)


def main(description: str, tables: Callable[[Options], Sequence[Table]]) -> None:
    """Measure a script's tables, or one contender for the process that compares."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the whole table; results are kept")
    parser.add_argument("--scale", type=float, help="of the data, in place of the usual one")
    parser.add_argument("--rounds", type=int, help="in place of each table's own number")
    parser.add_argument("--only", action="append", help="a table's name, or how it begins")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    options = Options(chosen.scale, chosen.full)
    known = tables(options)
    if chosen.one:
        name, number = chosen.one
        table = next(table for table in known if table.name == name)
        print(json.dumps(measure(table.contenders[int(number)], table.packages)))
        return
    wanted = tuple(chosen.only or ("",))
    selected = [table for table in known if table.name.startswith(wanted)]
    folder = RESULTS if chosen.full and chosen.scale is None else QUICK_RESULTS
    for table in selected:
        text = compare(table, chosen.rounds or table.rounds, options)
        print(text, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{table.name}.md").write_text(text, encoding="utf-8")


def measure(contender: Contender, packages: Sequence[str] = ()) -> dict[str, Any]:
    """One contender's run, or the median of its repeats, in this process."""
    folder = Path(tempfile.mkdtemp(prefix="mesh-benchmark-"))
    try:
        if contender.warm is not None:
            contender.run(contender.warm(), folder / "warm")
        runs = [_timed(contender, folder / f"run{n}") for n in range(contender.repeats)]
    finally:
        shutil.rmtree(folder)
    return {
        "seconds": statistics.median(seconds for seconds, _, _ in runs),
        "mib": max(mib for _, mib, _ in runs),
        "proof": runs[-1][2],
        "versions": {name: found for name in packages if (found := _version(name))},
    }


def _timed(contender: Contender, folder: Path) -> tuple[float, float, int | None]:
    data = contender.source()
    gc.collect()
    os.sync()  # what was written before is not paid for by this run
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before = _memory("VmRSS")
    begun = time.perf_counter()
    result = contender.run(data, folder)
    seconds = time.perf_counter() - begun
    mib = max(_memory("VmHWM") - before, 0.0)
    if contender.starts_command:
        mib = max(mib, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    proof = contender.proof(result, folder) if contender.proof is not None else None
    return seconds, mib, proof


def _memory(what: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def compare(table: Table, rounds: int, options: Options) -> str:
    """Run all contenders of a table in turn, as often as told, and tell it in Markdown."""
    begun = time.perf_counter()
    table.prepare()
    found = [Measured() for _ in table.contenders]
    versions: dict[str, str] = {}
    for number in range(rounds):
        order = list(enumerate(found))
        for index, measured in order if number % 2 == 0 else reversed(order):
            most = table.contenders[index].most_rounds
            if most is not None and number >= most:
                continue
            one = _in_a_process(table, index, options)
            measured.seconds.append(one["seconds"])
            measured.mib.append(one["mib"])
            measured.proofs |= {one["proof"]} - {None}
            versions |= one["versions"]
            name = table.contenders[index].name
            print(f"  {table.name}: {name}: {one['seconds']:.3f} s", file=sys.stderr, flush=True)
    _require_agreement(table, found)
    return _told(table, found, versions, rounds, time.perf_counter() - begun)


def _in_a_process(table: Table, index: int, options: Options) -> dict[str, Any]:
    """`measure` in a fresh interpreter: the contender's own."""
    words = [table.contenders[index].python, sys.argv[0], "--one", table.name, str(index)]
    done = subprocess.run(
        [*words, *options.words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **SILENT, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode:
        name = table.contenders[index].name
        raise SystemExit(f"{table.name}: {name} failed:\n{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _require_agreement(table: Table, found: Sequence[Measured]) -> None:
    """Times of contenders that did different things do not compare."""
    proofs: dict[str, set[int]] = {}
    for contender, measured in zip(table.contenders, found, strict=True):
        group = contender.agrees or contender.base or contender.name
        proofs.setdefault(group, set()).update(measured.proofs)
    for group, different in proofs.items():
        if len(different) > 1:
            raise SystemExit(f"{table.name}: {group}: results differ: {sorted(different)}")


def _told(
    table: Table,
    found: Sequence[Measured],
    versions: dict[str, str],
    rounds: int,
    elapsed: float,
) -> str:
    names = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    times = "one round" if rounds == 1 else f"medians of {rounds} interleaved rounds"
    setting = (
        f"{times.capitalize()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{names}. The table took {elapsed:,.0f} s."
    )
    per_unit = f" ms a {table.unit} |" if table.unit else ""
    lines = [
        f"# {table.title}",
        "",
        table.note,
        "",
        setting,
        "",
        f"| what | seconds | lowest | highest |{per_unit} relative | to | meant to be | MiB |",
        f"| --- | ---: | ---: | ---: |{' ---: |' if table.unit else ''} ---: | --- | --- | ---: |",
    ]
    medians = {c.name: m.median for c, m in zip(table.contenders, found, strict=True)}
    for contender, measured in zip(table.contenders, found, strict=True):
        lines.append(_line(table, contender, measured, medians))
    return "\n".join(lines) + "\n"


def _line(table: Table, contender: Contender, measured: Measured, medians: dict[str, float]) -> str:
    base = contender.base or contender.name
    relative = measured.median / medians[base]
    cells = [
        contender.name,
        *(f"{s:.3f}" for s in (measured.median, min(measured.seconds), max(measured.seconds))),
    ]
    if table.unit:
        cells.append(f"{measured.median * 1000 / contender.size:,.4f}" if contender.size else "")
    mib = statistics.median(measured.mib)
    of_memory = ""
    if contender.most_mib is not None:
        of_memory = f" of {contender.most_mib:,.0f}"
        of_memory += "" if mib <= contender.most_mib else ", **missed**"
    cells += [f"{relative:.2f}", base, _meant(contender.reach, relative), f"{mib:,.0f}{of_memory}"]
    return f"| {' | '.join(cells)} |"


def _meant(reach: Reach | None, relative: float) -> str:
    if reach is None:
        return ""
    return str(reach) if reach.holds(relative) else f"{reach}: **missed**"
