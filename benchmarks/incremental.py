"""A product that is handed 1 % of changed rows, beside one that is made of everything again.

Owns the chain: lineitem is published, a product is made of it, 1 % of the rows come or change, and
the product's next run is timed: pinning, reading, every check, commit and record.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Table, main

if TYPE_CHECKING:
    import polars as pl

    from mesh.orchestration.workspace import Workspace
    from mesh.products.declaration import DataProduct

KEY = ["l_orderkey", "l_linenumber"]
ONE_IN = 100
ROUNDS = 3
Change = Callable[["pl.DataFrame"], "tuple[pl.DataFrame, pl.DataFrame]"]


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

    from mesh.naming import CHANGE_COLUMNS

    if "_change_type" not in rows.collect_schema():
        return rows
    is_now = pl.col("_change_type").is_in(["insert", "update_postimage"])
    return rows.filter(is_now).drop(CHANGE_COLUMNS)


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


@dataclass(frozen=True, slots=True)
class Chain:
    """A product whose input has changed since it was made. Its folder is gone with this."""

    folder: tempfile.TemporaryDirectory[str]
    workspace: Workspace
    made: DataProduct


def changed_chain(scale: float, change: Change, write: str) -> Chain:
    """Publish, make, change."""
    import polars as pl

    from benchmarks.workloads.lineitem import parquet
    from mesh.catalog.store import Catalog
    from mesh.lake import Lake
    from mesh.orchestration.execution import Run, execute
    from mesh.orchestration.workspace import Workspace
    from mesh.publishing import publish
    from mesh.settings import load

    first, later = change(pl.read_parquet(parquet(scale)))
    folder = tempfile.TemporaryDirectory(prefix="mesh-benchmark-")
    settings = load(Path(folder.name))
    workspace = Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))
    source = declared("source", "upsert", is_reading=False)
    made = declared("made", write, is_reading=True)
    publish(source, first, lake=workspace.lake, run_id="first")
    execute(made, workspace, Run("first"))
    publish(source, later, lake=workspace.lake, run_id="later")
    return Chain(folder, workspace, made)


def run_again(chain: Chain, _: Path) -> Chain:
    """The run after the change."""
    from mesh.catalog.receipts import Receipt
    from mesh.orchestration.execution import Run, execute

    outcome = execute(chain.made, chain.workspace, Run("second"))
    if not isinstance(outcome, Receipt) or outcome.notes:
        raise SystemExit(str(outcome))
    return chain


def rows_made(chain: Chain, _: Path) -> int:
    """Rows that the product has in the end."""
    return chain.workspace.lake.table(chain.made.id).snapshot().rows


def tables(options: Options) -> list[Table]:
    """One table; every kind of change with a base of its own."""
    scale = options.scale_or(quick=0.1, full=1)
    changes: dict[str, tuple[Change, str]] = {
        "1 % came": (new_rows, "append"),
        "1 % recent rows changed": (recent_corrections, "upsert"),
        "1 % spread rows changed": (spread_corrections, "upsert"),
    }
    contenders = []
    for what, (change, write) in changes.items():
        everything = f"made of everything, after {what}"
        for name, mode in (
            (everything, "overwrite"),
            (f"incremental {write}, after {what}", write),
        ):
            contenders.append(
                Contender(
                    name=name,
                    run=run_again,
                    source=partial(changed_chain, scale, change, mode),
                    base=everything,
                    proof=rows_made,
                )
            )
    return [
        Table(
            name="incremental",
            title="A run after a change",
            note=f"TPC-H lineitem at scale {scale:g}: the product's next run, with every check.",
            contenders=contenders,
            rounds=ROUNDS,
        )
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
