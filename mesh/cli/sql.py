"""`mesh sql`: a statement over products, answered for people and for pipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.read import TABLE_ROWS, Format
from mesh.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    import pyarrow as pa

    from mesh.access.reads import LoggedLooks
    from mesh.catalog.store import Catalog
    from mesh.reading.reader import Reader


def sql(
    context: typer.Context,
    statement: Annotated[
        str,
        typer.Argument(
            help="A SELECT in DuckDB's SQL. Products are `domain.product` or `domain.product_v1`, "
            "if need be `AT (VERSION => 3)` or `AT (TIMESTAMP => '2026-01-31')`."
        ),
    ],
    *,
    name: Annotated[
        str, typer.Option("--as", help="Who asks: see exactly what policy lets them see.")
    ] = "",
    purpose: Annotated[str, typer.Option(help="What it is for, as policies are told.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write, instead of the terminal.")
    ] = None,
) -> None:
    """Ask products in SQL, as whoever holds the lake's keys or as somebody else.

    The statement runs in a process of its own that has the rows of its products and nothing else:
    no files, no network, and so much time and memory as the settings under `sql` say.
    """
    from mesh.cli.reading_as import refusals_logged, warn_of_endings
    from mesh.reading.answering import Question, answered, opened_for
    from mesh.reading.counting import READS
    from mesh.reading.statement import names_of
    from mesh.reading.writing import write

    if output is not None and form is Format.TABLE:
        raise typer.BadParameter("a table is for the terminal: add --format csv, json or arrow")
    session = Session.of(context)
    catalog = session.workspace().catalog
    known = names_of(catalog.product_ids())
    question = Question.of(statement, known, session.settings().sql)
    with refusals_logged(session, way="mesh sql") as log:
        reads = opened_for(question, _reader(session, catalog, name, purpose, log))
    warn_of_endings(reads.values(), session.settings())
    with answered(question, reads) as rows:
        if form is Format.TABLE:
            _show(rows)
        else:
            write(_frame(rows), form.value, output)
    READS.flush()


def _reader(
    session: Session, catalog: Catalog, name: str, purpose: str, log: LoggedLooks
) -> Reader:
    """Who asks: somebody by name, or whoever holds the keys of this lake."""
    from mesh.access.model import Principal
    from mesh.cli.reading_as import decider_of
    from mesh.reading.reader import Operator, Reader

    settings = session.settings()
    if not name:
        return Reader(
            principal=Principal(settings.usage.consumer),
            purpose=purpose,
            decider=Operator(),
            product=catalog.product,
            settings=settings,
        )
    decider = decider_of(session, catalog)
    return Reader(
        principal=decider.directory.principal(name),
        purpose=purpose,
        decider=decider,
        product=catalog.product,
        settings=settings,
        audit=log,
    )


def _frame(rows: pa.RecordBatchReader) -> pl.LazyFrame:
    """An answer as a frame that is read once, as it comes."""
    import polars as pl
    from polars.io.plugins import register_io_source

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = limit
        for batch in rows:
            found = pl.DataFrame(batch) if left is None else pl.DataFrame(batch).head(left)
            left = None if left is None else left - found.height
            found = found if predicate is None else found.filter(predicate)
            yield found if columns is None else found.select(columns)

    return register_io_source(batches, schema=pl.DataFrame(rows.schema.empty_table()).schema)


def _show(rows: pa.RecordBatchReader) -> None:
    import polars as pl

    from mesh.cli.console import count, say
    from mesh.cli.grid import print_rows

    found = pl.DataFrame(rows.schema.empty_table())
    for batch in rows:
        found = pl.concat([found, pl.DataFrame(batch)])
        if found.height > TABLE_ROWS:
            break
    print_rows(found.head(TABLE_ROWS), (), hint="SELECT picks")
    if found.height > TABLE_ROWS:
        say(f"the first {count(TABLE_ROWS, 'row')}; `--format csv` writes all", "dim")
    else:
        say(count(found.height, "row"), "dim")
