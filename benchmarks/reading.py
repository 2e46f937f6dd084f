"""A governed read beside Polars alone: what resolving, pinning and projecting cost.

Owns one published table of lineitem, laid out by ship mode, and four reads of it. Both sides begin
with a name or a path, and both collect the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main

if TYPE_CHECKING:
    import polars as pl

    from mesh.settings import Settings

Query = Callable[["pl.LazyFrame"], "pl.LazyFrame"]
PRODUCT = "tpch.lineitem_v1"
THREE = ["l_orderkey", "l_quantity", "l_shipdate"]
REPEATS = 5
ROUNDS = 5


def full_scan(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Everything."""
    return rows


def three_columns(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Three of the sixteen columns."""
    return rows.select(THREE)


def selective(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The lines of few orders: files' statistics rule most of the table out."""
    import polars as pl

    return rows.filter(pl.col("l_orderkey").is_between(100_000, 110_000))


def one_partition(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One ship mode of seven."""
    import polars as pl

    return rows.filter(pl.col("l_shipmode") == "AIR")


QUERIES: dict[str, Query] = {
    "full scan": full_scan,
    "3 of 16 columns": three_columns,
    "a selective filter": selective,
    "one partition of seven": one_partition,
}


def governed(settings: Settings, _: Path, *, query: Query) -> Any:
    """By name, through the read path."""
    import mesh

    columns = THREE if query is three_columns else None
    return query(mesh.read(PRODUCT, columns=columns, settings=settings)).collect()


def alone(settings: Settings, _: Path, *, query: Query) -> Any:
    """By path, with Polars."""
    import polars as pl

    return query(pl.scan_delta(str(_table(settings)))).collect()


def through_input(settings: Settings, _: Path, *, query: Query) -> Any:
    """As a transform is given it: an input port, pinned and handed over."""
    import polars as pl

    from mesh.lake import Lake
    from mesh.products.ports import Input
    from mesh.reading import hand_over, pin

    columns = THREE if query is three_columns else None
    pinned = pin("lines", Input(PRODUCT, columns), Lake.of(settings))
    return query(hand_over(pinned, pl.LazyFrame)).collect()


def publish_once(scale: float) -> Settings:
    """The mesh with the table, made when it is not there."""
    from benchmarks.publish import publish_product
    from benchmarks.workloads.lineitem import parquet, product

    settings = _settings(scale)
    if not _table(settings).is_dir():
        import polars as pl

        laid_out = replace(product(), partition_by=("l_shipmode",))
        publish_product(laid_out, pl.scan_parquet(parquet(scale)), Path(settings.storage_url))
    return settings


def _table(settings: Settings) -> Path:
    return Path(settings.storage_url) / "tpch" / "lineitem" / "v1"


@cache
def _settings(scale: float) -> Settings:
    from benchmarks.workloads.lineitem import parquet
    from mesh.settings import Settings

    return Settings(root=parquet(scale).parent, storage="lake")


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    scale = options.scale_or(quick=0.2, full=1)
    source = partial(publish_once, scale)
    contenders = []
    for name, query in QUERIES.items():
        base = f"polars scan_delta: {name}"
        common = {
            "source": source, "warm": source, "base": base, "repeats": REPEATS,
            "proof": lambda rows, _: rows.height,
        }  # fmt: skip
        reach = Reach(at_most=1.05)
        contenders += [
            Contender(base, partial(alone, query=query), **common),
            Contender(f"mesh.read: {name}", partial(governed, query=query), reach=reach, **common),
            Contender(
                f"an input: {name}", partial(through_input, query=query), reach=reach, **common
            ),
        ]
    return [
        Table(
            name="reading",
            title="A governed read",
            note=(
                f"A published table of lineitem at scale {scale:g}, laid out by ship mode. Each "
                f"read begins with the product's name (or the table's path) and ends with a frame; "
                f"each time is the median of {REPEATS} reads in one process."
            ),
            contenders=contenders,
            rounds=ROUNDS,
            packages=("deltalake", "polars"),
            prepare=source,
        )
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
