"""`mesh preview`: what a run of a product would publish now, without publishing."""

from __future__ import annotations

from typing import Annotated

import typer

from mesh.cli.session import Session, find_product

REFUSED = 2
"""Exit code when the result would be refused."""


def preview(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Read at most so many rows of the input that has the most: every n-th of them,"
            " from the first on. The other inputs are read whole, so that joins find their"
            " partners. By default all rows are read.",
        ),
    ] = None,
    where: Annotated[
        str,
        typer.Option(
            help='Read only rows of that input for which a SQL condition holds, such as `"day >='
            " '2026-01-31'\"`: what is made of whole groups comes out whole."
        ),
    ] = "",
    of: Annotated[
        str, typer.Option(help="Cut this input instead, by its name in the declaration.")
    ] = "",
    partition: Annotated[
        str, typer.Option(help="The partition to make, of a product that has them; the last one.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="Rows of the result to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make what a run would publish now, and show rows, profile, what would change, and verdict.

    Inputs are read as they are published. Nothing is written: not to the lake, the catalog, Dagster
    or the mesh's folders. Values of guarded columns are never shown. Ends with exit code 2 when the
    result would be refused.
    """
    from mesh.cli.console import print_json
    from mesh.cli.preview_page import print_preview
    from mesh.lake import Lake
    from mesh.orchestration.authorising import require_declared_inputs
    from mesh.orchestration.previewing import Asked
    from mesh.orchestration.previewing import preview as previewed
    from mesh.orchestration.slicing import Cut

    if of and sample is None and not where:
        raise typer.BadParameter("--of names the input to cut: add --sample N or --where CONDITION")
    session = Session.of(context)
    settings = session.settings()
    organization = session.organization()
    declared = find_product(organization, product)
    require_declared_inputs(declared, organization, settings)
    asked = Asked(partition, Cut(sample, where, of), limit)
    found = previewed(declared, Lake.of(settings), settings, asked)
    if as_json:
        print_json(found.as_json())
    else:
        print_preview(found)
    if not found.verdict.is_accepted:
        raise typer.Exit(REFUSED)
