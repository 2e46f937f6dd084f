"""A publication with its profile beside one without, and beside a second look at the same data.

Owns the question what a profile costs inside the pass that checks and writes, where the aim is 15 %
at most, and what it would cost as a pass of its own: Mesh's measures on the frame, Polars'
`describe()`, and DuckDB's `SUMMARIZE`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main

if TYPE_CHECKING:
    from mesh.settings import PublishingSettings

ROUNDS = 7
WITHOUT = "publish, no profile"
MOST = 1.15
"""A publication with its profile takes at most so many times one without."""


def publish(data: Any, folder: Path, *, profiles: bool) -> None:
    """Every rule of the contract, one commit, with or without a profile."""
    from benchmarks.workloads.lineitem import product
    from mesh.catalog.receipts import Receipt
    from mesh.lake import Lake
    from mesh.publishing import publish as publish_product
    from mesh.settings import PublishingSettings

    settings: PublishingSettings = PublishingSettings(profiles=profiles)
    outcome = publish_product(
        product(), data, lake=Lake(str(folder)), run_id="benchmark", settings=settings
    )
    if not isinstance(outcome, Receipt) or (outcome.profile is not None) != profiles:
        raise SystemExit(str(outcome))


def measured(data: Any, _: Path) -> Any:
    """Mesh's measures, as `mesh preview` takes them."""
    from mesh.contracts.profiling.measuring import profile

    return profile(data.schema, [data])


def described(data: Any, _: Path) -> Any:
    """Polars: count, nulls, mean, spread, bounds and quartiles; nothing distinct, no top values."""
    return data.describe()


def summarized(data: Any, _: Path) -> Any:
    """DuckDB: the same, and approximate distinct values."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("data", data.to_arrow())
        return connection.sql("SUMMARIZE SELECT * FROM data").fetchall()


def frame(scale: float) -> Any:
    """The whole data as a Polars frame."""
    import polars as pl

    from benchmarks.workloads.lineitem import parquet

    return pl.read_parquet(parquet(scale))


def little(scale: float) -> Any:
    """Its first rows, to warm up with."""
    return frame(scale).head(1_000)


def prepared(scale: float) -> Path:
    """The file that is read."""
    from benchmarks.workloads.lineitem import parquet

    return parquet(scale)


def tables(options: Options) -> list[Table]:
    """One table: inside the pass, and as a pass of its own."""
    scale = options.scale_or(quick=0.2, full=1)
    common: dict[str, Any] = {
        "source": partial(frame, scale),
        "warm": partial(little, scale),
        "base": WITHOUT,
    }
    return [
        Table(
            name="profiles",
            title="What a profile costs",
            note=f"TPC-H lineitem at scale {scale:g}, a frame in memory. With its profile, a "
            "publication is meant to take at most 15 % longer; the last three look at the data a "
            "second time, and write nothing.",
            contenders=[
                Contender(WITHOUT, partial(publish, profiles=False), **common),
                Contender(
                    "publish, with profile",
                    partial(publish, profiles=True),
                    reach=Reach(at_most=MOST),
                    **common,
                ),
                Contender("a second pass: mesh preview's profile", measured, **common),
                Contender("a second pass: polars describe()", described, **common),
                Contender("a second pass: duckdb SUMMARIZE", summarized, **common),
            ],
            rounds=ROUNDS,
            packages=("polars", "duckdb", "pyarrow"),
            prepare=partial(prepared, scale),
        )
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
