"""Governed reads beside Polars and deltalake alone: what is seen, and what it costs.

Owns one published table of lineitem and what is shown of it: whole, behind masks, and filtered.
Every side begins with a name or a path, and ends with all rows in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main

if TYPE_CHECKING:
    import polars as pl

    from mesh.access.model import Ask, View
    from mesh.reading.governed import GovernedRead
    from mesh.settings import Settings

PRODUCT = "tpch.lineitem_v1"
MASKS = {
    "l_shipdate": "truncate:month",
    "l_shipinstruct": "hash",
    "l_comment": "partial:4",
    "l_linenumber": "drop",
}
HIDDEN = "AIR"
"""The ship mode whose lines are not seen."""
ALL = "SELECT * FROM lines"
FILTERED = "SELECT * FROM lines WHERE l_shipmode <> 'AIR'"
REPEATS = 3
ROUNDS = 5


@dataclass(frozen=True)
class Rows:
    """Which rows are seen."""

    text: str
    expression: pl.Expr


def view(kind: str) -> View:
    """What is seen of the table: `whole`, `masked`, or `masked and filtered`."""
    import polars as pl

    from benchmarks.workloads.lineitem import product
    from mesh.access.hiding import parse_mask
    from mesh.access.model import ColumnView, Mask, Port, Principal
    from mesh.access.model import View as Seen

    declared = product()
    port = Port(declared.id, "tpch", declared.access, declared.contract)

    def mask(name: str) -> Mask | None:
        return parse_mask(MASKS[name]) if "masked" in kind and name in MASKS else None

    names = declared.contract.column_names
    shown = [n for n in names if not ("masked" in kind and MASKS.get(n) == "drop")]
    rows = None
    if "filtered" in kind:
        rows = Rows(f'l_shipmode != "{HIDDEN}"', pl.col("l_shipmode") != HIDDEN)
    return Seen(
        port,
        Principal("bench@example.com"),
        tuple(ColumnView(name, mask(name)) for name in shown),
        rows=rows,
    )


@dataclass(frozen=True)
class Decided:
    """Has decided already."""

    seen: View

    def view(self, _: Ask) -> View:
        """The same for everybody."""
        return self.seen


def opened(settings: Settings, kind: str) -> GovernedRead:
    """A governed read of the table."""
    from mesh.access.model import Action, Ask
    from mesh.reading.governed import open_governed

    seen = view(kind)
    ask = Ask(seen.principal, Action.READ, seen.port)
    return open_governed(Decided(seen), ask, settings=settings)


def as_frame(settings: Settings, _: Path, *, kind: str) -> Any:
    """Governed, as a frame of Polars."""
    return opened(settings, kind).scan().collect(engine="streaming")


def as_arrow(settings: Settings, _: Path, *, kind: str) -> Any:
    """Governed, as batches of Arrow."""
    return opened(settings, kind).reader().read_all()


def polars_alone(settings: Settings, _: Path, *, kind: str) -> Any:
    """By path, with Polars; filtered alike, and with no mask."""
    return _plain(settings, kind).collect(engine="streaming")


def polars_to_arrow(settings: Settings, _: Path, *, kind: str) -> Any:
    """The same, and in Arrow's types after that."""
    return _plain(settings, kind).collect(engine="streaming").to_arrow()


def deltalake_alone(settings: Settings, _: Path, *, kind: str) -> Any:
    """By path, with deltalake's own engine."""
    import pyarrow as pa
    from deltalake import DeltaTable, QueryBuilder

    table = DeltaTable(str(_table(settings)))
    builder = QueryBuilder().register("lines", table)
    return pa.table(builder.execute(FILTERED if "filtered" in kind else ALL).read_all())


def _plain(settings: Settings, kind: str) -> pl.LazyFrame:
    import polars as pl

    rows = pl.scan_delta(str(_table(settings)))
    return rows.filter(pl.col("l_shipmode") != HIDDEN) if "filtered" in kind else rows


def publish_once(scale: float) -> Settings:
    """The mesh with the table, made when it is not there."""
    from benchmarks.publish import publish_product
    from benchmarks.workloads.lineitem import parquet, product

    settings = _settings(scale)
    if not _table(settings).is_dir():
        import polars as pl

        rows = pl.scan_parquet(parquet(scale))
        publish_product(product(), rows, Path(settings.storage_url))
    return settings


def _table(settings: Settings) -> Path:
    return Path(settings.storage_url) / "tpch" / "lineitem" / "v1"


@cache
def _settings(scale: float) -> Settings:
    from benchmarks.workloads.lineitem import parquet
    from mesh.settings import Settings

    return Settings(root=parquet(scale).parent, storage="lake", environment="served")


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    scale = options.scale_or(quick=0.2, full=1)
    source = partial(publish_once, scale)
    contenders = []
    for kind, most in (("whole", 1.1), ("masked", 2), ("masked and filtered", 2)):
        sides: list[tuple[str, str, Callable[..., Any], Reach | None]] = [
            ("polars", "polars", polars_alone, None),
            ("mesh, as a frame", "polars", as_frame, Reach(at_most=most)),
            ("polars, to Arrow", "polars, to Arrow", polars_to_arrow, None),
            ("mesh, as Arrow", "polars, to Arrow", as_arrow, Reach(at_most=most)),
            ("deltalake", "polars, to Arrow", deltalake_alone, None),
        ]
        contenders += [
            Contender(
                f"{name}: {kind}",
                partial(run, kind=kind),
                source=source,
                warm=source,
                base=f"{base}: {kind}",
                reach=reach,
                repeats=REPEATS,
                proof=lambda rows, _: len(rows),
            )
            for name, base, run, reach in sides
        ]
    return [
        Table(
            name="serving",
            title="What policy lets somebody see",
            note=(
                f"A published table of lineitem at scale {scale:g}, read whole; behind masks (a "
                "date cut to its month, a text hashed, one shown in part, a column left out); and "
                "so, without the lines of one ship mode. Those beside it filter alike, and mask "
                "nothing."
            ),
            contenders=contenders,
            rounds=ROUNDS,
            packages=("deltalake", "polars", "pyarrow"),
        )
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
