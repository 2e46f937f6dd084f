"""A checked publication beside what people do today, on the same data with the same rules.

Owns one honest best configuration of each peer. Peers run in an environment of their own
(`benchmarks/.venv`, made by `make bench` from benchmarks/peers.lock), Mesh in the project's. All
begin with the data in memory, in the form that each is fastest with, and end with a Delta table.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, Contender, Options, Reach, Table, main
from benchmarks.publish import MESH, publish_checked, rows_in_tables, write_unchecked

PYTHON = ROOT / "benchmarks" / ".venv" / "bin" / "python"
TINY_ROWS = 1_000
ROUNDS = 3
PACKAGES = (
    "dagster", "dagster-deltalake", "datacontract-cli", "deltalake", "dlt", "duckdb",
    "great-expectations", "pandas", "pandera", "pointblank", "polars", "pyarrow",
)  # fmt: skip


def polars_frame(file: Path, rows: int | None = None) -> Any:
    """The data as a Polars frame."""
    import polars as pl

    return pl.read_parquet(file, n_rows=rows)


def arrow_table(file: Path, rows: int | None = None) -> Any:
    """The data as an Arrow table, texts as dlt and pandas know them."""
    return polars_frame(file, rows).to_arrow()


def pandas_frame(file: Path, rows: int | None = None) -> Any:
    """The data as pandas has it by default: decimals and dates as Python objects."""
    return arrow_table(file, rows).to_pandas()


def pandas_arrow_frame(file: Path, rows: int | None = None) -> Any:
    """The data as pandas has it with Arrow dtypes."""
    import pandas as pd

    return arrow_table(file, rows).to_pandas(types_mapper=pd.ArrowDtype)


def pandera_polars_write(data: Any, folder: Path) -> None:
    """Pandera on the frame, lazily, then delta-rs."""
    from benchmarks.workloads.promises import pandera_polars

    write_unchecked(pandera_polars().validate(data, lazy=True), folder)


def dagster_polars(data: Any, folder: Path) -> None:
    """An asset that Pandera checks, and dagster-deltalake-polars' IO manager."""
    from dagster_deltalake_polars import DeltaLakePolarsIOManager

    from benchmarks.workloads.promises import pandera_polars

    _materialize(
        lambda: pandera_polars().validate(data, lazy=True), DeltaLakePolarsIOManager, folder
    )


def dagster_pandas(data: Any, folder: Path) -> None:
    """An asset that Pandera checks, and dagster-deltalake-pandas' IO manager: pandas' own types."""
    from dagster_deltalake_pandas import DeltaLakePandasIOManager

    from benchmarks.workloads.promises import money, pandera_pandas

    types = {"long": "int64", "int": "int32", "decimal": object, "string": object, "date": object}
    schema = pandera_pandas(types, money)
    _materialize(lambda: schema.validate(data, lazy=True), DeltaLakePandasIOManager, folder)


def dagster_pandas_arrow(data: Any, folder: Path) -> None:
    """The same with Arrow dtypes, which few use and which are faster."""
    import pandas as pd
    import pyarrow as pa
    from dagster_deltalake_pandas import DeltaLakePandasIOManager

    from benchmarks.workloads.promises import money, pandera_pandas

    arrow = {
        "long": pa.int64(), "int": pa.int32(), "decimal": pa.decimal128(15, 2),
        "string": pa.large_string(), "date": pa.date32(),
    }  # fmt: skip
    schema = pandera_pandas({name: pd.ArrowDtype(type_) for name, type_ in arrow.items()}, money)
    _materialize(lambda: schema.validate(data, lazy=True), DeltaLakePandasIOManager, folder)


def _materialize(make: Callable[[], Any], manager: Any, folder: Path) -> None:
    import dagster as dg
    from dagster_deltalake import LocalConfig

    @dg.asset(key_prefix="tpch")
    def lineitem() -> Any:
        """The checked rows."""
        return make()

    resource = manager(root_uri=str(folder), storage_options=LocalConfig())
    if not dg.materialize([lineitem], resources={"io_manager": resource}).success:
        raise SystemExit("the asset failed")


def dlt_delta(data: Any, folder: Path) -> None:
    """Dlt's filesystem destination with Delta tables, and its schema contract frozen.

    The contract holds columns, types and nulls; dlt has no words for the other rules, so they are
    left out, which is to its advantage. Arrow data passes without normalising, its fastest way.
    """
    import dlt

    from benchmarks.workloads.promises import KEY, TYPES

    names = {
        "long": "bigint",
        "int": "bigint",
        "decimal": "decimal",
        "string": "text",
        "date": "date",
    }
    columns: Any = {
        name: {"data_type": names[type_], "nullable": False} for name, type_ in TYPES.items()
    }
    resource = dlt.resource(
        data,
        name="lineitem",
        columns=columns,
        primary_key=KEY,
        write_disposition="append",
        table_format="delta",
        schema_contract={"tables": "evolve", "columns": "freeze", "data_type": "freeze"},
    )
    pipeline = dlt.pipeline(
        "lineitem",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.filesystem(bucket_url=str(folder / "lake")),
        dataset_name="tpch",
    )
    pipeline.run(resource).raise_on_failed_jobs()


def pointblank_write(data: Any, folder: Path) -> None:
    """Pointblank on the frame, without collecting extracts of failing rows, then delta-rs."""
    _require_pointblank(data)
    write_unchecked(data, folder)


def expectations_write(data: Any, folder: Path) -> None:
    """Great Expectations on a pandas frame (it knows no Polars), then delta-rs from the same."""
    import pyarrow as pa

    _require_expectations(data)
    write_unchecked(pa.Table.from_pandas(data, preserve_index=False), folder)


def write_then_datacontract(data: Any, folder: Path) -> None:
    """Write unchecked, then `datacontract test` on the table, in this process."""
    write_unchecked(data, folder)
    datacontract_in_process(folder, folder)


def _require_pointblank(data: Any) -> None:
    from benchmarks.workloads.promises import pointblank_plan

    if not pointblank_plan(data).interrogate(collect_extracts=False).all_passed():
        raise SystemExit("pointblank finds broken rules")


def _require_expectations(data: Any) -> None:
    import great_expectations as gx

    from benchmarks.workloads.promises import expectations

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("lineitem")
    batch = asset.add_batch_definition_whole_dataframe("all")
    suite = gx.ExpectationSuite("lineitem", expectations=expectations())
    found = batch.get_batch({"dataframe": data}).validate(suite, result_format="BOOLEAN_ONLY")
    if not found.success:
        broken = [r.expectation_config.type for r in found.results if not r.success]
        raise SystemExit(f"great expectations finds broken rules: {broken}")


def datacontract_in_process(table: Path, folder: Path) -> None:
    """`datacontract test` as a library, on the table's Parquet files.

    Its Delta reader needs a DuckDB extension that is downloaded; a table of one version is exactly
    its Parquet files, so it loses nothing but the reading of the log. It warns that it does not
    check types in Parquet files, which is to its advantage.
    """
    from datacontract.data_contract import DataContract

    from benchmarks.workloads.promises import write_odcs

    folder.mkdir(exist_ok=True)
    file = write_odcs(f"{table}/*.parquet", folder / "contract.odcs.yaml")
    run = DataContract(data_contract_file=str(file)).test()
    broken = [f"{c.name}: {c.reason}" for c in run.checks if c.result in {"failed", "error"}]
    if broken:
        raise SystemExit(f"datacontract: {run.result}: {broken}")


def datacontract_command(table: Path, folder: Path) -> None:
    """`datacontract test` as its users type it."""
    import subprocess

    from benchmarks.workloads.promises import write_odcs

    folder.mkdir(exist_ok=True)
    file = write_odcs(f"{table}/*.parquet", folder / "contract.odcs.yaml")
    command = Path(sys.executable).with_name("datacontract")
    subprocess.run([command, "test", file], check=True, capture_output=True)


def verify_pandera(table: Path, _: Path) -> None:
    """Pandera (Polars, lazy) on what `scan_delta` gives."""
    import polars as pl

    from benchmarks.workloads.promises import pandera_polars

    pandera_polars().validate(pl.scan_delta(str(table)).collect(), lazy=True)


def verify_pointblank(table: Path, _: Path) -> None:
    """Pointblank on what `scan_delta` gives."""
    import polars as pl

    _require_pointblank(pl.scan_delta(str(table)).collect())


def republish(table: Path, folder: Path) -> None:
    """Mesh knows no checking without publishing: the table is read, checked and written again."""
    import polars as pl

    publish_checked(pl.scan_delta(str(table)), folder)


def written_table(file: Path) -> Path:
    """A table of one version, written once by delta-rs and kept beside the data."""
    import polars as pl
    from deltalake import write_deltalake

    table = file.with_name("table")
    if not (table / "_delta_log").is_dir():
        write_deltalake(str(table), pl.read_parquet(file))
    return table


def _data(options: Options) -> tuple[float, Path]:
    scale = options.scale_or(quick=0.1, full=1)
    return scale, ROOT / "benchmarks" / ".data" / f"scale-{scale:g}" / "lineitem.parquet"


def _make(scale: float) -> Path:
    from benchmarks.workloads.lineitem import parquet

    return parquet(scale)


WAYS: tuple[tuple[str, Callable[..., Any], Callable[..., Any], float | None], ...] = (
    ("write_deltalake, no rules", write_unchecked, polars_frame, None),
    ("pandera (polars, lazy), then write_deltalake", pandera_polars_write, polars_frame, 3.5),
    ("pandera (polars), dagster-deltalake-polars", dagster_polars, polars_frame, 3),
    ("pandera (pandas), dagster-deltalake-pandas", dagster_pandas, pandas_frame, 18),
    (
        "pandera (pandas, arrow dtypes), dagster-deltalake-pandas",
        dagster_pandas_arrow, pandas_arrow_frame, None,
    ),
    ("dlt to delta, schema contract only", dlt_delta, arrow_table, 5),
    ("write_deltalake, then datacontract test", write_then_datacontract, polars_frame, 3),
    ("pointblank, then write_deltalake", pointblank_write, polars_frame, 5),
    ("great expectations (pandas), then write_deltalake", expectations_write, pandas_frame, 5),
    (
        "great expectations (pandas, arrow dtypes), then write_deltalake",
        expectations_write, pandas_arrow_frame, None,
    ),
)  # fmt: skip


def publications(options: Options) -> Table:
    """From data in memory to a Delta table."""
    scale, file = _data(options)
    contenders = [
        Contender(
            MESH,
            publish_checked,
            source=partial(polars_frame, file),
            warm=partial(polars_frame, file, TINY_ROWS),
            proof=rows_in_tables,
        )
    ]
    contenders += [
        Contender(
            name,
            run,
            source=partial(source, file),
            warm=partial(source, file, TINY_ROWS),
            base=MESH,
            reach=None if least is None else Reach(at_least=least),
            proof=rows_in_tables if "dlt" not in name else _rows_of_dlt,
            python=PYTHON,
            most_rounds=1 if source is pandas_frame else None,  # a minute each at scale 1
        )
        for name, run, source, least in WAYS
    ]
    return Table(
        name="peers",
        title="Beside what people do today",
        note=(
            f"TPC-H lineitem at scale {scale:g} in memory, checked by the same rules and written "
            "to a Delta table. Each begins with its own form of the data, and is set up as its "
            "documentation advises; those on pandas are shown with pandas' own types (one round) "
            "and with Arrow's. *Relative* is how many times as long as Mesh it takes."
        ),
        contenders=contenders,
        rounds=ROUNDS,
        packages=PACKAGES,
        prepare=partial(_make, scale),
    )


def _rows_of_dlt(result: object, folder: Path) -> int:
    """The rows in dlt's own table: it keeps others beside it for its state."""
    return rows_in_tables(result, folder / "lake" / "tpch" / "lineitem")


def verifications(options: Options) -> Table:
    """From a written table to a verdict."""
    scale, file = _data(options)
    source = partial(written_table, file)
    ways = (
        ("pandera (polars, lazy) on scan_delta", verify_pandera, False),
        ("pointblank on scan_delta", verify_pointblank, False),
        ("datacontract test, in process", datacontract_in_process, False),
        ("datacontract test, the command", datacontract_command, True),
    )
    base = "mesh, the table published anew"
    contenders = [Contender(base, republish, source=source, warm=source)]
    contenders += [
        Contender(
            name, run, source=source, warm=None if is_command else source, base=base,
            python=PYTHON, starts_command=is_command,
        )
        for name, run, is_command in ways
    ]  # fmt: skip
    return Table(
        name="peers-verify",
        title="Verifying a written table",
        note=(
            f"A Delta table of lineitem at scale {scale:g} is read and checked by the same rules. "
            "Mesh checks on the way in and knows no checking alone: its time is that of reading "
            "the table, checking it, and writing it again."
        ),
        contenders=contenders,
        rounds=ROUNDS,
        packages=PACKAGES,
        prepare=lambda: written_table(_make(scale)),
    )


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    if not PYTHON.exists():
        raise SystemExit(f"{PYTHON} is not there: run `make bench`, which makes it")
    return [publications(options), verifications(options)]


if __name__ == "__main__":
    main(__doc__ or "", tables)
