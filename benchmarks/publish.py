"""How fast a checked publication is, beside what people do without Mesh.

    python benchmarks/publish.py [--scale 1] [--rounds 5] [--only WORD]

TPC-H's lineitem is written to a Delta table on local disk: by Mesh, under a contract of 16 columns
with types, no nulls, a composite key, 15 rules on columns and 2 across columns; by `write_deltalake`
without any check; and by Pandera (polars, lazy) followed by `write_deltalake`, under the same
contract without the key, which is the dearest of its checks (see `--with-key`).

Every measurement is a process of its own, warmed up with 1,000 rows; rounds are interleaved, and
the medians are told. Memory is the peak of the whole process, data in memory included. Results go
to `benchmarks/results/publish.md`.
"""

from __future__ import annotations

import argparse
import datetime as dt
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
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import pandera.polars as pandera
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from pandera.polars import PolarsData

import mesh
from mesh.lake import Lake
from mesh.products.declaration import DataProduct, declaration_of
from mesh.publishing import publish

HERE = Path(__file__).parent
DATA = HERE / ".data"
RESULTS = HERE / "results" / "publish.md"
TINY_ROWS = 1_000
TINY_REPEATS = 20
MEBIBYTE = 1024 * 1024
Money = Annotated[pl.Decimal, 15, 2]


class Lineitem(mesh.Contract):
    """One row per line of an order."""

    l_orderkey: int = mesh.Field(key=True, ge=1)
    l_partkey: int = mesh.Field(ge=1)
    l_suppkey: int = mesh.Field(ge=1)
    l_linenumber: pl.Int32 = mesh.Field(key=True, ge=1, le=7)
    l_quantity: Money = mesh.Field(ge=1, le=50)
    l_extendedprice: Money = mesh.Field(gt=0, le=1_000_000)
    l_discount: Money = mesh.Field(ge=0, le=Decimal("0.10"))
    l_tax: Money = mesh.Field(ge=0, le=Decimal("0.08"))
    l_returnflag: str = mesh.Field(isin=["A", "N", "R"])
    l_linestatus: str = mesh.Field(isin=["F", "O"])
    l_shipdate: dt.date = mesh.Field(ge=dt.date(1992, 1, 1), le=dt.date(1998, 12, 31))
    l_commitdate: dt.date = mesh.Field(ge=dt.date(1992, 1, 1), le=dt.date(1998, 12, 31))
    l_receiptdate: dt.date
    l_shipinstruct: str = mesh.Field(
        isin=["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"]
    )
    l_shipmode: str = mesh.Field(str_matches="^(AIR|FOB|MAIL|RAIL|REG AIR|SHIP|TRUCK)$")
    l_comment: str = mesh.Field(str_length={"min_value": 1, "max_value": 44})

    @pandera.dataframe_check
    @classmethod
    def is_received_after_it_was_shipped(cls, data: PolarsData) -> pl.LazyFrame:
        """Nothing arrives before it left."""
        return data.lazyframe.select(pl.col("l_receiptdate") > pl.col("l_shipdate"))

    @pandera.dataframe_check
    @classmethod
    def price_covers_its_quantity(cls, data: PolarsData) -> pl.LazyFrame:
        """No part costs less than 900."""
        return data.lazyframe.select(pl.col("l_extendedprice") >= pl.col("l_quantity") * 900)


@mesh.data_product(contract=Lineitem)
def lineitem() -> None:
    """Every line of every order; this script brings the rows."""


def declared() -> DataProduct:
    """The product that is published."""
    declaration = declaration_of(lineitem)
    assert declaration is not None  # noqa: S101 -- it stands above
    return declaration.bind("benchmark", HERE)


def publish_checked(data: Any, folder: Path) -> str:
    """Mesh, everything checked."""
    run = f"{time.monotonic_ns()}"
    outcome = publish(declared(), data, lake=Lake(str(folder)), run_id=run)
    if not isinstance(outcome, mesh.Receipt):
        raise SystemExit(str(outcome))
    return outcome.table_url


def write_unchecked(data: Any, folder: Path) -> str:
    """delta-rs, nothing checked."""
    write_deltalake(str(folder), data, mode="overwrite")
    return str(folder)


def validate_and_write(data: pl.DataFrame, folder: Path) -> str:
    """Pandera, then delta-rs."""
    return write_unchecked(Lineitem.validate(data, lazy=True), folder)


def validate_with_key_and_write(data: pl.DataFrame, folder: Path) -> str:
    """Pandera with the composite key, then delta-rs."""
    schema = Lineitem.to_schema()
    schema.unique = ["l_orderkey", "l_linenumber"]
    return write_unchecked(schema.validate(data, lazy=True), folder)


def in_memory(file: Path) -> pl.DataFrame:
    """The whole frame."""
    return pl.read_parquet(file)


def streamed(file: Path) -> Any:
    """Record batches, read as they are asked for; threads as PyArrow likes them."""
    return ds.dataset(file).scanner(batch_size=131_072).to_reader()


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure. `against` is what it is compared with."""

    name: str
    source: Callable[[Path], Any]
    write: Callable[[Any, Path], str]
    against: str = ""
    is_tiny: bool = False


CASES = {
    case.name: case
    for case in (
        Case("in memory: write_deltalake, unchecked", in_memory, write_unchecked),
        Case(
            "in memory: mesh, checked",
            in_memory,
            publish_checked,
            "in memory: write_deltalake, unchecked",
        ),
        Case(
            "in memory: pandera, then write_deltalake",
            in_memory,
            validate_and_write,
            "in memory: write_deltalake, unchecked",
        ),
        Case(
            "in memory: pandera with the key, then write_deltalake",
            in_memory,
            validate_with_key_and_write,
            "in memory: write_deltalake, unchecked",
        ),
        Case("streamed: write_deltalake, unchecked", streamed, write_unchecked),
        Case(
            "streamed: mesh, checked",
            streamed,
            publish_checked,
            "streamed: write_deltalake, unchecked",
        ),
        Case("1,000 rows: write_deltalake, unchecked", in_memory, write_unchecked, is_tiny=True),
        Case(
            "1,000 rows: mesh, checked",
            in_memory,
            publish_checked,
            "1,000 rows: write_deltalake, unchecked",
            is_tiny=True,
        ),
    )
}


def measure(case: Case, file: Path) -> dict[str, float]:
    """Seconds of the write alone, and the process's peak memory in MiB."""
    tiny = pl.scan_parquet(file).head(TINY_ROWS).collect()
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        folder = Path(name)
        case.write(tiny, folder / "warm")
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if case.is_tiny:
            times = [
                _timed(case, tiny, folder / f"tiny-{number}") for number in range(TINY_REPEATS)
            ]
            seconds = statistics.median(times)
        else:
            seconds = _timed(case, case.source(file), folder / "table")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak": peak / 1024, "base": base / 1024}


def _timed(case: Case, data: Any, folder: Path) -> float:
    rows = data.height if isinstance(data, pl.DataFrame) else None
    begun = time.perf_counter()
    table = case.write(data, folder)
    seconds = time.perf_counter() - begun
    if rows is not None and DeltaTable(table).count() != rows:
        raise SystemExit(f"{case.name}: rows are missing")
    return seconds


def generated(scale: float) -> Path:
    """The Parquet file of a scale, made if need be."""
    folder = DATA / f"scale-{scale:g}"
    file = folder / "lineitem.parquet"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        generator = Path(sys.executable).with_name("tpchgen-cli")
        options = ["--scale-factor", f"{scale:g}", "--tables", "lineitem", "--output-dir", folder]
        subprocess.run([generator, "parquet", *options], check=True, stdout=subprocess.DEVNULL)
    return file


def measured_apart(name: str, file: Path) -> dict[str, float]:
    """One measurement, in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--file", str(file)]
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(scale: float, rounds: int, file: Path, found: dict[str, list[dict[str, float]]]) -> str:
    """The results as Markdown."""
    medians = {
        name: {key: statistics.median(one[key] for one in each) for key in each[0]}
        for name, each in found.items()
    }
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("deltalake", "polars", "pyarrow", "pandera")
    )
    size = file.stat().st_size / MEBIBYTE
    lines = [
        "# A checked publication, beside others",
        "",
        f"TPC-H lineitem at scale {scale:g}: {pq.read_metadata(file).num_rows:,} rows, "
        f"{size:,.0f} MiB of Parquet. Medians of {rounds} interleaved rounds, each measurement in "
        f"a process of its own; {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{versions}. Made by `python benchmarks/publish.py --scale {scale:g} --rounds {rounds}`.",
        "",
        "| what | seconds | lowest to highest | relative | peak MiB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, median in medians.items():
        times = [one["seconds"] for one in found[name]]
        base = medians.get(CASES[name].against, median)
        lines.append(
            f"| {name} | {median['seconds']:.3f} | {min(times):.3f} – {max(times):.3f} | "
            f"{median['seconds'] / base['seconds']:.2f} | {median['peak']:,.0f} |"
        )
    lines += [
        "",
        "Relative is to `write_deltalake` of the same data, unchecked. Peak is of the whole process, "
        "with what it was given in memory; libraries alone take about "
        f"{statistics.median(one['base'] for each in found.values() for one in each):,.0f} MiB.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure everything, print it and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=0.2, help="TPC-H's; 1 is 6 million rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases whose name has this word")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.measure:
        print(json.dumps(measure(CASES[told.measure], told.file)))
        return
    file = generated(told.scale)
    names = [name for name in CASES if told.only in name]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for number in range(told.rounds):
        for name in names:
            found[name].append(measured_apart(name, file))
            print(f"round {number + 1}: {name}: {found[name][-1]['seconds']:.3f} s", flush=True)
    text = report(told.scale, told.rounds, file, found)
    print(f"\n{text}")
    if not told.only:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    try:
        main()
    finally:
        for leftover in DATA.glob("tmp*"):
            shutil.rmtree(leftover, ignore_errors=True)
