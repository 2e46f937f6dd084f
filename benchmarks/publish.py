"""A checked publication beside writing without a check, and beside the raw limit.

Tables: a frame in memory; a stream from Parquet; bad rows into quarantine; the share of the raw
limit; a tiny product, with Dagster's own part. `python benchmarks/publish.py` is quick;
`--full` is what docs/performance.md shows. Every contender reads the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main

if TYPE_CHECKING:
    from mesh.products.declaration import DataProduct

WRITE, MESH = "write_deltalake, unchecked", "mesh, checked"
KEY = ["l_orderkey", "l_linenumber"]
STREAM_ROWS = 131_072
TINY_ROWS = 1_000
TINY_REPEATS = 20
MOST_MIB = 700
BAD_SHARES = (0.01, 0.2)
TOLERANCE = 0.5


def publish_checked(data: Any, folder: Path, *, tolerance: float = 0.0) -> None:
    """Mesh, every rule; with a tolerance, bad rows go into quarantine."""
    from benchmarks.workloads.lineitem import product
    from mesh.products.ports import Quarantine

    wanted = product()
    if tolerance:
        wanted = replace(wanted, on_violation=Quarantine(tolerance))
    publish_product(wanted, data, folder)


def publish_product(
    product: DataProduct, data: Any, folder: Path, *, run_id: str = "benchmark"
) -> None:
    """Publish, and stop when it was refused."""
    from mesh.catalog.receipts import Receipt
    from mesh.lake import Lake
    from mesh.publishing import publish

    outcome = publish(product, data, lake=Lake(str(folder)), run_id=run_id)
    if not isinstance(outcome, Receipt):
        raise SystemExit(str(outcome))


def write_unchecked(data: Any, folder: Path) -> None:
    """delta-rs, no rule."""
    from deltalake import write_deltalake

    write_deltalake(str(folder), data)


def encode_only(data: Any, folder: Path) -> None:
    """Parquet files, no rule, no table."""
    from benchmarks.raw import encode

    encode(data, folder)


def validate_then_write(data: Any, folder: Path) -> None:
    """Pandera (Polars, lazy) on the whole frame with the same rules, then delta-rs."""
    write_unchecked(_pandera_schema().validate(data, lazy=True), folder)


def split_then_write(data: Any, folder: Path) -> None:
    """The same with bad rows: Pandera's failure cases tell which; both parts are written."""
    import polars as pl
    from pandera.errors import SchemaErrors

    try:
        accepted = _pandera_schema().validate(data, lazy=True)
        rejected = accepted.clear()
    except SchemaErrors as errors:
        bad = errors.failure_cases.get_column("index").drop_nulls().unique()
        is_bad = pl.int_range(data.height, eager=True).is_in(bad.implode())
        accepted, rejected = data.filter(~is_bad), data.filter(is_bad)
    write_unchecked(accepted, folder / "accepted")
    write_unchecked(rejected, folder / "quarantine")


def _pandera_schema() -> Any:
    from benchmarks.workloads.lineitem import Lineitem

    schema = Lineitem.to_schema()
    schema.unique = KEY
    return schema


def rows_in_tables(_: object, folder: Path) -> int:
    """How many accepted rows the Delta table below a folder has."""
    import pyarrow as pa
    from deltalake import DeltaTable

    tables = [log.parent for log in folder.rglob("_delta_log")]
    (found,) = (table for table in tables if "quarantine" not in table.name)
    return int(sum(pa.table(DeltaTable(found).get_add_actions())["num_records"].to_pylist()))


def rows_encoded(_: object, folder: Path) -> int:
    """How many rows the plain files have."""
    from benchmarks.raw import rows_of

    return rows_of(folder)


def frame(scale: float) -> Any:
    """The whole data as a Polars frame."""
    import polars as pl

    return pl.read_parquet(_file(scale))


def stream(scale: float) -> Any:
    """Batches of the Parquet file, read when they are asked for and not kept."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    opened = pq.ParquetFile(_file(scale), pre_buffer=False)
    batches = opened.iter_batches(batch_size=STREAM_ROWS)
    return pa.RecordBatchReader.from_batches(opened.schema_arrow, batches)


def lazy(scale: float) -> Any:
    """The Parquet file as a Polars lazy frame."""
    import polars as pl

    return pl.scan_parquet(_file(scale))


def relation(scale: float) -> Any:
    """The Parquet file as a DuckDB relation."""
    import duckdb

    duckdb.execute("SET preserve_insertion_order = true")
    return duckdb.read_parquet(str(_file(scale)))


def bad_frame(scale: float, share: float) -> Any:
    """The whole data, a share of it spoiled."""
    from benchmarks.workloads.spoiled import spoiled

    return spoiled(frame(scale), share)


def tiny_bad(scale: float) -> Any:
    """The first rows, some of them spoiled: what is warmed up must know both ways."""
    from benchmarks.workloads.spoiled import spoiled

    return spoiled(tiny(scale), max(BAD_SHARES))


def tiny(scale: float) -> Any:
    """The first rows as a Polars frame."""
    return lazy(scale).head(TINY_ROWS).collect()


def _file(scale: float) -> Path:
    from benchmarks.workloads.lineitem import parquet

    return parquet(scale)


def in_memory(options: Options) -> Table:
    """A frame that is there already."""
    scale = options.scale_or(quick=0.2, full=1)
    common = {
        "source": partial(frame, scale),
        "warm": partial(tiny, scale),
        "base": WRITE,
        "proof": rows_in_tables,
    }
    return Table(
        name="publish-memory",
        title="A frame in memory",
        note=f"TPC-H lineitem at scale {scale:g} as a Polars frame, published or written to disk.",
        contenders=[
            Contender(WRITE, write_unchecked, **common),
            Contender(MESH, publish_checked, reach=Reach(at_most=0.45), **common),
            Contender(
                "pandera (polars, lazy), then write_deltalake", validate_then_write, **common
            ),
        ],
        rounds=5,
        prepare=partial(_file, scale),
    )


def raw_limit(options: Options) -> Table:
    """The share of the raw limit."""
    scale = options.scale_or(quick=0.2, full=1)
    base = "parquet alone: two threads, no check, no table"
    common = {"source": partial(frame, scale), "warm": partial(tiny, scale), "base": base}
    return Table(
        name="publish-limit",
        title="The raw limit",
        note=(
            f"TPC-H lineitem at scale {scale:g} in memory. The base encodes the same data into "
            "Parquet files with two threads, at the best settings found by hand (batches of "
            "65,536 rows, dictionaries for the eleven columns with few values, delta encoding "
            "for the integers, decimals as integers, snappy, statistics). A publication that takes "
            "1.33 times as long reaches 75 % of that limit."
        ),
        contenders=[
            Contender(base, encode_only, proof=rows_encoded, **common),
            Contender(
                MESH, publish_checked, reach=Reach(at_most=1.33), proof=rows_in_tables, **common
            ),
        ],
        rounds=5,
        prepare=partial(_file, scale),
    )


def streamed(options: Options, scale: float, rounds: int) -> Table:
    """A stream from Parquet, at one scale."""
    common = {
        "source": partial(stream, scale),
        "warm": partial(tiny, scale),
        "base": WRITE,
        "proof": rows_in_tables,
    }
    return Table(
        name=f"publish-streamed-{scale:g}" if options.is_full else "publish-streamed",
        title=f"A stream at scale {scale:g}",
        note=(
            f"TPC-H lineitem at scale {scale:g}, read from Parquet while it is published or "
            "written; the reading is part of the time."
        ),
        contenders=[
            Contender(WRITE, write_unchecked, **common),
            Contender(MESH, publish_checked, reach=Reach(at_most=0.5), most_mib=MOST_MIB, **common),
        ],
        rounds=rounds,
        prepare=partial(_file, scale),
    )


def flat_memory(options: Options) -> Table:
    """The same memory, however long the stream."""
    scales = (5.0, 10.0, 20.0) if options.is_full else (0.2, 0.4, 0.8)
    base = f"scale {scales[0]:g}"
    return Table(
        name="publish-flat",
        title="Memory of a long stream",
        note=(
            "Mesh alone, the same stream at growing scales. Memory is meant to be the same within "
            "10 %, and time to grow no faster than rows do."
        ),
        contenders=[
            Contender(
                f"scale {scale:g}",
                publish_checked,
                source=partial(stream, scale),
                warm=partial(tiny, scale),
                base=base,
                reach=Reach(at_most=1.1 * scale / scales[0]),
                most_mib=MOST_MIB,
                size=scale * 6,
            )
            for scale in scales
        ],
        rounds=1,
        unit="million rows",
        prepare=lambda: [_file(scale) for scale in scales],
    )


def sources(options: Options) -> Table:
    """The same stream from three producers."""
    scale = options.scale_or(quick=0.2, full=5)
    common = {"warm": partial(tiny, scale), "base": "arrow reader"}
    makers: dict[str, Callable[[float], Any]] = {
        "arrow reader": stream,
        "polars lazy frame": lazy,
        "duckdb relation": relation,
    }
    return Table(
        name="publish-sources",
        title="Streams of three producers",
        note=f"Mesh alone, the Parquet file at scale {scale:g} as what a transform may return.",
        contenders=[
            Contender(name, publish_checked, source=partial(make, scale), **common)
            for name, make in makers.items()
        ],
        rounds=3,
        packages=("duckdb", "polars", "pyarrow"),
        prepare=partial(_file, scale),
    )


def bad_rows(options: Options) -> Table:
    """Rows that break the contract, kept in quarantine."""
    scale = options.scale_or(quick=0.1, full=1)
    keep = partial(publish_checked, tolerance=TOLERANCE)
    common = {"warm": partial(tiny_bad, scale), "proof": rows_in_tables}
    clean = "mesh, clean"
    theirs = "pandera (polars, lazy), clean"
    contenders = [
        Contender(clean, keep, source=partial(frame, scale), agrees="clean", **common),
        Contender(theirs, split_then_write, source=partial(frame, scale), agrees="clean", **common),
    ]
    for share, most in zip(BAD_SHARES, (1.5, 3.0), strict=True):
        source = partial(bad_frame, scale, share)
        common["agrees"] = f"{share:.0%} bad"
        contenders += [
            Contender(
                f"mesh, {share:.0%} bad", keep, source=source, base=clean,
                reach=Reach(at_most=most), **common,
            ),
            Contender(
                f"pandera (polars, lazy), {share:.0%} bad", split_then_write, source=source,
                base=theirs, **common,
            ),
        ]  # fmt: skip
    return Table(
        name="publish-bad-rows",
        title="Bad rows into quarantine",
        note=(
            f"TPC-H lineitem at scale {scale:g} in memory; a share of the rows, spread evenly, "
            "breaks one of four rules. Beside it Pandera on the whole frame with "
            "`lazy=True`: its failure cases tell which rows, and both parts are written."
        ),
        contenders=contenders,
        rounds=3,
        prepare=partial(_file, scale),
    )


def tiny_product(options: Options) -> Table:
    """A thousand rows, in the library and in Dagster."""
    from benchmarks import steps

    scale = options.scale_or(quick=0.1, full=0.1)
    common = {
        "source": partial(tiny, scale), "warm": partial(tiny, scale), "base": MESH,
        "repeats": TINY_REPEATS,
    }  # fmt: skip
    return Table(
        name="publish-tiny",
        title="A tiny product",
        note=(
            f"{TINY_ROWS:,} rows of lineitem in memory, each the median of {TINY_REPEATS} in one "
            "process. A publication is meant to take at most 0.030 s. What Dagster adds is shown "
            "beside: a step in process (`dagster.materialize`) that does nothing, one that reports "
            "as many checks as Mesh's, and Mesh's own, which publishes and keeps the catalog."
        ),
        contenders=[
            Contender(MESH, publish_checked, **common),
            Contender(WRITE, write_unchecked, **common),
            Contender("dagster, an asset that does nothing", steps.empty_step, **common),
            Contender("dagster, nothing but as many checks", steps.checked_step, **common),
            Contender("dagster, mesh's asset", steps.own_step, **common),
        ],
        rounds=5,
        packages=("dagster", "deltalake", "polars", "pyarrow"),
        prepare=partial(_file, scale),
    )


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    if options.is_full and options.scale is None:
        streams = [streamed(options, 5, 5), streamed(options, 10, 3)]
    else:
        streams = [streamed(options, options.scale_or(quick=0.5, full=5), 3)]
    return [
        in_memory(options),
        raw_limit(options),
        *streams,
        flat_memory(options),
        sources(options),
        bad_rows(options),
        tiny_product(options),
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
