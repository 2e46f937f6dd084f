"""How cost grows: with rows, columns, rules, commits in the log, and partitions.

Owns data and contracts of any size, made in memory. One table a dimension; all else stays the same,
so that the time for one of it tells: it falls or stays where growth is linear or better, and jumps
where there is a cliff. benchmarks/report.py draws the tables.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Contender, Options, Reach, Table, main
from benchmarks.publish import publish_product, rows_in_tables

if TYPE_CHECKING:
    import polars as pl

    from mesh.contracts.model import Rule
    from mesh.products.declaration import DataProduct
    from mesh.products.modes import WriteMode

BATCH_ROWS = 131_072
WIDE_CELLS = 20_000_000
RULED_ROWS = 500_000
PARTITIONED_ROWS = 2_000_000
LOGGED_ROWS = 1_000
EVENLY = 1.25
"""How much more than in proportion a time may grow, for what a quiet machine still varies."""


def measures(
    columns: int,
    *,
    rules: int | None = None,
    key: bool = False,
    write: WriteMode | None = None,
    partition_by: Sequence[str] = (),
) -> DataProduct:
    """A product of an integer `n`, an integer `part` and so many measures, with so many rules."""
    from mesh.contracts.model import Column, Contract, Version
    from mesh.contracts.rules import not_null, unique
    from mesh.naming import ProductId
    from mesh.products.declaration import DataProduct
    from mesh.products.modes import Overwrite

    names = ["n", "part", *(f"measure_{number}" for number in range(columns - 2))]
    promised = [
        Column(
            name,
            "int64" if name in {"n", "part"} else "float64",
            key_position=0 if key and name == "n" else None,
        )
        for name in names
    ]
    ranges = [
        _range(names[2 + index % (columns - 2)], index) for index in range(rules or columns - 2)
    ]
    own: list[Rule] = [not_null(name) for name in names] if rules is None else []
    contract = Contract(
        name="Measures",
        version=Version(1, 0, 0),
        description="What is measured.",
        columns=tuple(promised),
        rules=(*own, *ranges, *((unique(("n",)),) if key else ())),
    )
    return DataProduct(
        id=ProductId("growth", "measures", 1),
        contract=contract,
        transform=measures,
        write=write or Overwrite(),
        partition_by=tuple(partition_by),
    )


def _range(column: str, index: int) -> Rule:
    from mesh.contracts.model import Rule

    high = 1.0 + index
    return Rule(
        id=f"{column}_in_range_{index}",
        text=f"{column} in [0.0, {high}]",
        check="in_range",
        columns=(column,),
        arguments={"min_value": 0.0, "max_value": high, "include_min": True, "include_max": True},
    )


def made(rows: int, columns: int, parts: int = 1, first: int = 0) -> pl.DataFrame:
    """So many rows: `n` counts on from `first`, `part` goes through the parts."""
    import numpy as np
    import polars as pl

    noise = np.random.default_rng(7)
    numbers = np.arange(first, first + rows, dtype=np.int64)
    found: dict[str, Any] = {"n": numbers, "part": (numbers * 2_654_435_761) % parts}
    for number in range(columns - 2):
        found[f"measure_{number}"] = noise.random(rows)
    return pl.DataFrame(found)


def tiled(rows: int, columns: int) -> Any:
    """A stream of so many rows in batches: the same measures, `n` counting on."""
    import pyarrow as pa

    first = made(BATCH_ROWS, columns).to_arrow().combine_chunks().to_batches()[0]

    def batches() -> Iterator[pa.RecordBatch]:
        import pyarrow.compute as pc

        for start in range(0, rows, BATCH_ROWS):
            numbers = pc.add(first.column("n"), start)
            batch = pa.RecordBatch.from_arrays([numbers, *first.columns[1:]], schema=first.schema)
            yield batch.slice(0, min(BATCH_ROWS, rows - start))

    return pa.RecordBatchReader.from_batches(first.schema, batches())


def table_of_commits(folder: Path, commits: int) -> Path:
    """A lake whose table has so many commits after the first, with log entries made like that.

    Each entry adds a file of its own. The last checkpoint is a hundred commits old, the most that
    delta-rs lets it be, and the next commit is none of those that make one.
    """
    from deltalake import DeltaTable

    from mesh.products.modes import Append

    lake = folder / f"log-{commits}"
    table = lake / "growth" / "measures" / "v1"
    if (table / "_delta_log" / f"{commits:020}.json").exists():
        return lake
    publish_product(measures(4, write=Append()), made(LOGGED_ROWS, 4), lake)
    log = table / "_delta_log"
    lines = (log / f"{0:020}.json").read_text(encoding="utf-8").splitlines()
    actions = [json.loads(line) for line in lines]
    kept = [action for action in actions if {"add", "commitInfo", "txn"} & set(action)]
    (data,) = (action["add"]["path"] for action in kept if "add" in action)
    for number in range(1, commits + 1):
        path = f"part-{number:05}.parquet"
        (table / path).hardlink_to(table / data)
        for action in kept:
            if "add" in action:
                action["add"]["path"] = path
            if "txn" in action:
                action["txn"]["appId"] = f"made-{number}"
        text = "\n".join(json.dumps(action) for action in kept)
        (log / f"{number:020}.json").write_text(f"{text}\n", encoding="utf-8")
        if number % 100 == 0 and number + 100 == commits:
            DeltaTable(str(table), version=number).create_checkpoint()
    return lake


def publish_made(data: Any, folder: Path, *, product: Callable[[], DataProduct]) -> None:
    """Publish into a table of its own."""
    publish_product(product(), data, folder)


def publish_onto(made_data: tuple[Any, Any], _: Path) -> None:
    """Append a thousand rows to a table that has many commits."""
    from mesh.products.modes import Append

    data, lake = made_data
    run_id = dt.datetime.now(dt.UTC).isoformat()
    publish_product(measures(4, write=Append()), data, Path(lake.name), run_id=run_id)


def read_from(made_data: tuple[Any, Any], _: Path) -> None:
    """Pin such a table and read the lines of few numbers."""
    import polars as pl

    from mesh.lake import Lake
    from mesh.products.ports import Input
    from mesh.reading import pin

    pinned = pin("growth", Input("growth.measures_v1"), Lake(made_data[1].name))
    pinned.scan().head(1).select(pl.col("n")).collect()


def rows(options: Options) -> Table:
    """More rows of ten columns, streamed."""
    millions = (1, 3, 10, 30, 100) if options.is_full else (1, 2, 4)
    product = partial(measures, 10, key=True)
    return _table(
        "rows", "Rows", "Ten columns, a key and eight ranges, streamed in batches.", "million rows",
        {count: partial(tiled, count * 1_000_000, 10) for count in millions},
        lambda _: partial(publish_made, product=product), telling=("{:,} million", EVENLY),
        warm_of=lambda _: partial(tiled, LOGGED_ROWS, 10),
    )  # fmt: skip


def columns(options: Options) -> Table:
    """More columns, with a range and a not-null each; the number of cells stays the same."""
    counts = (10, 30, 100, 300, 1_000) if options.is_full else (10, 100, 300)
    cells = WIDE_CELLS if options.is_full else WIDE_CELLS // 10
    return _table(
        "columns", "Columns",
        f"{cells:,} values in ever more columns, each not null and with a range. Time is meant "
        "to stay the same.", "column",
        {count: partial(made, cells // count, count) for count in counts},
        lambda count: partial(publish_made, product=partial(measures, count)),
        telling=("{:,} columns", EVENLY), is_same=True,
        warm_of=lambda count: partial(made, LOGGED_ROWS, count),
    )  # fmt: skip


def rules(options: Options) -> Table:
    """More rules on the same rows."""
    counts = (1, 10, 50, 100, 200, 500) if options.is_full else (1, 10, 100)
    size = RULED_ROWS if options.is_full else RULED_ROWS // 5
    return _table(
        "rules", "Rules", f"{size:,} rows of twelve columns, and ever more ranges on them.", "rule",
        {count: partial(made, size, 12) for count in counts},
        lambda count: partial(publish_made, product=partial(measures, 12, rules=count)),
        telling=("{:,} rules", EVENLY), warm_of=lambda _: partial(made, LOGGED_ROWS, 12),
    )  # fmt: skip


def partitions(options: Options) -> Table:
    """More partitions of the same rows, met in every batch."""
    counts = (1, 10, 100, 500, 2_000) if options.is_full else (1, 10, 100)
    size = PARTITIONED_ROWS if options.is_full else PARTITIONED_ROWS // 10
    product = partial(measures, 6, partition_by=("part",))
    return _table(
        "partitions", "Partitions",
        f"{size:,} rows of six columns, spread over ever more partitions, all of them in every "
        "batch. Each partition is a file at least.", "partition",
        {count: partial(made, size, 6, count) for count in counts},
        lambda _: partial(publish_made, product=product), telling=("{:,} partitions", EVENLY),
        warm_of=lambda count: partial(made, LOGGED_ROWS, 6, count),
    )  # fmt: skip


def commits(options: Options) -> list[Table]:
    """More commits in the log: publishing onto it, and reading from it."""
    counts = (1, 10, 100, 1_000, 10_000) if options.is_full else (1, 100, 1_000)
    folder = Path(__file__).parent / ".data"

    def source(count: int) -> Any:
        """A copy of the prepared table, since publishing changes it."""
        import shutil
        import tempfile

        prepared = table_of_commits(folder, count)
        copy = tempfile.TemporaryDirectory(prefix="log-", dir=folder)
        shutil.copytree(prepared, copy.name, dirs_exist_ok=True, copy_function=_link)
        return made(LOGGED_ROWS, 4), copy

    sources = {count: partial(source, count) for count in counts}
    note = "A log whose every commit added a file of 1,000 rows; a checkpoint is a hundred old. "
    return [
        _table(
            "commits", "Commits, publishing", f"{note}1,000 rows are appended.", "commit", sources,
            lambda _: publish_onto, telling=("{:,} commits", EVENLY), has_proof=False,
        ),
        _table(
            "commits-read", "Commits, reading", f"{note}The table is pinned and one row is read.",
            "commit", sources, lambda _: read_from, telling=("{:,} commits", EVENLY),
            has_proof=False,
        ),
    ]  # fmt: skip


def _link(source: str, target: str) -> str:
    """Copy by linking: files of a table are never changed."""
    Path(target).hardlink_to(source)
    return target


def _table(  # noqa: PLR0913 -- one table, in the words that differ
    name: str,
    title: str,
    note: str,
    unit: str,
    sources: dict[int, Callable[[], Any]],
    run_of: Callable[[int], Callable[[Any, Path], Any]],
    *,
    telling: tuple[str, float],
    is_same: bool = False,
    has_proof: bool = True,
    warm_of: Callable[[int], Callable[[], Any]] | None = None,
) -> Table:
    words, most = telling
    least = min(sources)
    base = words.format(least)
    contenders = [
        Contender(
            words.format(count),
            run_of(count),
            source=source,
            warm=warm_of(count) if warm_of is not None else sources[least],
            base=base,
            reach=Reach(at_most=most * (1 if is_same else count / least)),
            size=count,
            proof=rows_in_tables if has_proof else None,
            agrees=words.format(count),
        )
        for count, source in sources.items()
    ]
    return Table(
        name=f"growth-{name}",
        title=f"Growth: {title.lower()}",
        note=note,
        contenders=contenders,
        rounds=1 if name == "rows" else 3,
        packages=("deltalake", "polars", "pyarrow"),
        unit=unit,
    )


def tables(options: Options) -> list[Table]:
    """Every table of this script."""
    return [
        rows(options),
        columns(options),
        rules(options),
        partitions(options),
        *commits(options),
    ]


if __name__ == "__main__":
    main(__doc__ or "", tables)
