"""`mesh read`: the rows of a product, for people and for pipes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import NotPublishedError, UnknownProductError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from mesh.naming import ProductId
    from mesh.reading import PinnedInput

TABLE_ROWS = 20
"""Rows that a table shows unless more are asked for."""


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    ARROW = "arrow"


def read(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Rows at most: 20 in a table, all in other formats by default."),
    ] = None,
    columns: Annotated[str, typer.Option(help="Columns to show, such as `a,b`.")] = "",
    where: Annotated[str, typer.Option(help='A SQL condition, such as `"a > 40"`.')] = "",
    version: Annotated[
        int | None, typer.Option(min=0, help="Version of the table; the latest by default.")
    ] = None,
    since: Annotated[
        int | None, typer.Option(min=0, help="Only what changed after this version.")
    ] = None,
    who: Annotated[
        str, typer.Option("--as", help="Show what somebody sees: an address, a service, a product.")
    ] = "",
    purpose: Annotated[str, typer.Option(help="What they would read it for; with `--as`.")] = "",
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File to write, instead of the terminal.")
    ] = None,
) -> None:
    """Show the published rows of a product, or write them for another program.

    CSV, JSON and Arrow are streamed: a product larger than memory passes. Of a retired product rows
    are shown as long as they are kept, with a warning on standard error that names its successor.

    With `--as`, rows, columns and values as policies and agreements let somebody see them.
    """
    from mesh.lake import Lake
    from mesh.lake.unreadable import naming_damage
    from mesh.reading import filtering
    from mesh.reading.counting import READS
    from mesh.reading.incremental import changed_rows
    from mesh.reading.writing import write

    if output is not None and form is Format.TABLE:
        raise typer.BadParameter("a table is for the terminal: add --format csv, json or arrow")
    if who and since is not None:
        raise typer.BadParameter("what changed is not shown as somebody sees it: leave --since out")
    session = Session.of(context)
    name = session.product_id(product)
    pinned = _published(session, name, version)
    _warn_of_an_end(pinned, is_latest=version is None)
    if who:
        from mesh.cli.reading_as import seen_by, warn_of_endings

        seen = seen_by(session, name, pinned, who=who, purpose=purpose)
        warn_of_endings([seen], session.settings())
        frame = seen.scan()
    else:
        frame = pinned.scan() if since is None else changed_rows(pinned, since)
    chosen = filtering.columns_of(columns, frame, str(name)) if columns else None
    if where:
        frame = filtering.filtered(frame, where, str(name))
    if chosen is not None:
        frame = frame.select(chosen)
    wanted = filtering.columns_in(where, str(name)) if where else ()
    READS.note(session.settings(), str(name), _read_columns(pinned, chosen, wanted))
    with naming_damage(Lake.of(session.settings()).table(name), version):
        if form is Format.TABLE:
            _show(frame, TABLE_ROWS if limit is None else limit, chosen or wanted)
        else:
            write(frame if limit is None else frame.head(limit), form.value, output)
    READS.flush()


def _read_columns(
    pinned: PinnedInput, chosen: Sequence[str] | None, wanted: Sequence[str]
) -> Sequence[str]:
    """The product's columns that are shown or filtered on: all of them unless some are chosen."""
    if chosen is None:
        return pinned.columns
    named = {*chosen, *wanted}
    return [name for name in pinned.columns if name in named]


def _published(session: Session, product: ProductId, version: int | None) -> PinnedInput:
    from mesh.reading.read import opened

    try:
        return opened(str(product), session.settings(), version=version)
    except (NotPublishedError, UnknownProductError) as error:
        # The catalog and the lake know only what ran; the definitions know what could run.
        find_product(session.organization(), str(product))
        if isinstance(error, NotPublishedError):
            raise
        raise NotPublishedError(
            f"{product} is not published yet", hint=f"`mesh run {product}` first"
        ) from None


def _warn_of_an_end(pinned: PinnedInput, *, is_latest: bool) -> None:
    from datetime import UTC, datetime

    from mesh.cli.console import warn
    from mesh.reading.ended import end_of

    if (ended := end_of(pinned, is_latest=is_latest)) is not None:
        warn(ended.told(datetime.now(UTC)))


def _show(frame: pl.LazyFrame, limit: int, wanted: Sequence[str]) -> None:
    from mesh.cli.console import count, say
    from mesh.cli.grid import print_rows

    rows = frame.head(limit + 1).collect(engine="streaming")
    print_rows(rows.head(limit), wanted, hint="`--columns` picks")
    if rows.height > limit:
        say(f"the first {count(limit, 'row')}; `--limit` shows more, `--format csv` all", "dim")
    else:
        say(count(rows.height, "row"), "dim")
