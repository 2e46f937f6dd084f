"""Changes to a table that is there: upserts and replaced partitions beside delta-rs.

Owns the tables to change, made once a task as Mesh publishes them, and the changes. Every contender
changes a copy of its own, and must end with the same rows. delta-rs `merge` runs in each of its
modes, since none is the best for all: each is compared with Mesh. It checks no rule; Mesh checks
all of them, and that no key is there twice.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main

if TYPE_CHECKING:
    import polars as pl

    from mesh.products.declaration import DataProduct

KEY = ["l_orderkey", "l_linenumber"]
ON_KEY = " AND ".join(f"target.{name} = source.{name}" for name in KEY)
WARM_ROWS = 1_000
ROUNDS = 5
SMALL_FILES = 8 * 1024 * 1024
Pick = Callable[["pl.DataFrame"], "pl.DataFrame"]


@dataclass(frozen=True, slots=True)
class Task:
    """A change to a table. `pick` takes some of the table's own rows, and alters them."""

    pick: Pick
    partition_by: tuple[str, ...] = ()
    file_bytes: int | None = None

    @property
    def product(self) -> DataProduct:
        """The product whose table is changed."""
        import mesh
        from benchmarks.workloads.lineitem import product

        by = self.partition_by
        write = mesh.ReplacePartitions(by=by) if by else mesh.Upsert(on=KEY)
        return replace(product(), write=write, partition_by=self.partition_by)


@dataclass(frozen=True, slots=True)
class Copy:
    """A table of one's own, gone with this, and the rows to change it by."""

    folder: tempfile.TemporaryDirectory[str]
    rows: pl.DataFrame

    @property
    def table(self) -> Path:
        """Where it is."""
        return Path(self.folder.name) / "lake"

    @property
    def place(self) -> str:
        """The Delta table itself."""
        return str(self.table / "tpch" / "lineitem" / "v1")


def spread(rows: pl.DataFrame, *, share: float) -> pl.DataFrame:
    """That share of the keys, from everywhere."""
    import polars as pl

    chosen = pl.struct(KEY).hash(seed=7) % 1_000 < round(share * 1_000)
    return _altered(rows.filter(chosen))


def recent(rows: pl.DataFrame, *, share: float) -> pl.DataFrame:
    """That share of the keys, the highest ones."""
    import polars as pl

    first = rows.get_column("l_orderkey").quantile(1 - share)
    return _altered(rows.filter(pl.col("l_orderkey") >= first))


def one_partition(rows: pl.DataFrame, *, of: str) -> pl.DataFrame:
    """The partition of the first row."""
    import polars as pl

    return _altered(rows.filter(pl.col(of) == rows.item(0, of)))


def _altered(rows: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(l_quantity=pl.lit(1, pl.Decimal(15, 2)))


TASKS = {
    "1 %, spread": Task(partial(spread, share=0.01)),
    "10 %, spread": Task(partial(spread, share=0.1)),
    "1 %, recent": Task(partial(recent, share=0.01)),
    "10 %, recent": Task(partial(recent, share=0.1)),
    "1 %, recent, small files": Task(partial(recent, share=0.01), file_bytes=SMALL_FILES),
    "10 %, recent, small files": Task(partial(recent, share=0.1), file_bytes=SMALL_FILES),
}
REPLACING = {
    name: Task(partial(one_partition, of=name), (name,)) for name in ("l_shipmode", "l_linenumber")
}


def by_mesh(copy: Copy, _: Path, *, task: Task) -> str:
    """Mesh: every rule, and unique keys throughout the table."""
    from benchmarks.publish import publish_product

    publish_product(task.product, copy.rows, copy.table, run_id="change")
    return copy.place


def by_merge(copy: Copy, _: Path, *, is_streamed: bool, is_pruned: bool) -> str:
    """delta-rs `merge`; pruned says the range of the keys in the predicate."""
    from deltalake import DeltaTable

    predicate = ON_KEY
    if is_pruned:
        keys = copy.rows.get_column("l_orderkey")
        predicate += f" AND target.l_orderkey BETWEEN {keys.min()} AND {keys.max()}"
    merger = DeltaTable(copy.place).merge(
        copy.rows.to_arrow(),
        predicate=predicate,
        source_alias="source",
        target_alias="target",
        streamed_exec=is_streamed,
    )
    merger.when_matched_update_all().when_not_matched_insert_all().execute()
    return copy.place


def by_predicate(copy: Copy, _: Path, *, of: str) -> str:
    """delta-rs `write_deltalake` with a predicate."""
    from deltalake import write_deltalake

    value = copy.rows.item(0, of)
    predicate = f"{of} = {value!r}"
    write_deltalake(copy.place, copy.rows, mode="overwrite", predicate=predicate)
    return copy.place


def total(place: str, _: Path) -> int:
    """What tells a table that was changed as it should be from any other: rows and quantities."""
    import polars as pl

    rows = pl.scan_delta(place).select(pl.len(), pl.col("l_quantity").sum().cast(pl.Int64))
    count, quantity = rows.collect().row(0)
    return int(count * 1_000_000_007 + quantity)


def made_once(task: Task, scale: float, name: str) -> Path:
    """The folder of a task's table, made when it is not there."""
    import polars as pl

    from benchmarks.workloads.lineitem import parquet

    folder = parquet(scale).parent / "upsert" / name.replace(" ", "").replace("%", "")
    if not folder.is_dir():
        draft = folder.with_name(f"{folder.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _publish(task, pl.scan_parquet(parquet(scale)), draft)
        draft.rename(folder)
    return folder


def a_copy(task: Task, scale: float, name: str) -> Copy:
    """The task's table, to be changed, and the change."""
    import polars as pl

    from benchmarks.workloads.lineitem import parquet

    holder = tempfile.TemporaryDirectory(prefix="mesh-benchmark-")
    shutil.copytree(made_once(task, scale, name), Path(holder.name) / "lake")
    return Copy(holder, task.pick(pl.read_parquet(parquet(scale))))


def a_small_one(task: Task, scale: float) -> Copy:
    """The same with few rows."""
    import polars as pl

    from benchmarks.workloads.lineitem import parquet

    holder = tempfile.TemporaryDirectory(prefix="mesh-benchmark-")
    small = pl.scan_parquet(parquet(scale)).head(WARM_ROWS).collect()
    _publish(task, small, Path(holder.name) / "lake")
    return Copy(holder, task.pick(small))


def _publish(task: Task, rows: Any, folder: Path) -> None:
    from mesh.lake import Lake
    from mesh.publishing import publish
    from mesh.settings import PublishingSettings

    sized = {"file_bytes": task.file_bytes} if task.file_bytes else {}
    settings = PublishingSettings(**sized)
    publish(task.product, rows, lake=Lake(str(folder)), run_id="made", settings=settings)


def upserts(options: Options) -> Table:
    """Upserts of few and many keys, from everywhere and from the end, beside `merge`."""
    scale = options.scale_or(quick=0.2, full=1)
    contenders = []
    for name, task in TASKS.items():
        base = f"{name}: mesh, checked"
        common = {
            "source": partial(a_copy, task, scale, name),
            "warm": partial(a_small_one, task, scale),
            "base": base,
            "proof": total,
        }
        contenders.append(Contender(base, partial(by_mesh, task=task), **common))
        for is_streamed in (True, False):
            for is_pruned in (True, False):
                way = f"merge, {'' if is_streamed else 'not '}streamed"
                way += ", range in the predicate" if is_pruned else ""
                run = partial(by_merge, is_streamed=is_streamed, is_pruned=is_pruned)
                reach = Reach(at_least=1.82)
                contenders.append(Contender(f"{name}: {way}", run, reach=reach, **common))
    return Table(
        name="upsert",
        title="Upserts",
        note=(
            f"Keys of lineitem at scale {scale:g}, from everywhere or the highest, with another "
            f"quantity, into the whole of it. Relative is to Mesh, which is meant to need at most "
            f"0.55 of the time of each mode of delta-rs `merge`. Small files are of "
            f"{SMALL_FILES // 2**20} MiB."
        ),
        contenders=contenders,
        rounds=ROUNDS,
        packages=("deltalake", "polars", "pyarrow"),
    )


def replacements(options: Options) -> Table:
    """One partition replaced, beside an overwrite with a predicate."""
    scale = options.scale_or(quick=0.2, full=1)
    contenders = []
    for name, task in REPLACING.items():
        base = f"by {name}: write_deltalake with a predicate"
        common = {
            "source": partial(a_copy, task, scale, name),
            "warm": partial(a_small_one, task, scale),
            "base": base,
            "proof": total,
        }
        run, reach = partial(by_mesh, task=task), Reach(at_most=0.5)
        contenders += [
            Contender(base, partial(by_predicate, of=name), **common),
            Contender(f"by {name}: mesh, checked", run, reach=reach, **common),
        ]
    return Table(
        name="replace-partition",
        title="One partition replaced",
        note=(
            f"One of seven partitions of lineitem at scale {scale:g}: by ship mode, where Mesh "
            f"also makes sure that no other partition has one of its keys, and by line number, "
            f"which is part of the key."
        ),
        contenders=contenders,
        rounds=ROUNDS,
        packages=("deltalake", "polars", "pyarrow"),
    )


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    return [upserts(options), replacements(options)]


if __name__ == "__main__":
    main(__doc__ or "", tables)
