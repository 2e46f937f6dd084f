"""`mesh reproduce`: a publication made again from exactly what it read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product

if TYPE_CHECKING:
    from mesh.orchestration.reproducing import Reproduction

DIFFERENT = 2
"""Exit code when the result is another."""


def reproduce(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    version: Annotated[
        int | None,
        typer.Option(min=0, help="The table's version; that of the latest publication by default."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a publication again from exactly the versions that it read, and compare.

    Nothing is written. Ends with exit code 2 when the result is another than what was published.
    """
    from mesh.cli.console import print_json
    from mesh.lake import Lake
    from mesh.orchestration.authorising import require_declared_inputs
    from mesh.orchestration.reproducing import Outcome
    from mesh.orchestration.reproducing import reproduce as reproduced

    session = Session.of(context)
    settings = session.settings()
    organization = session.organization()
    declared = find_product(organization, product)
    require_declared_inputs(declared, organization, settings)
    found = reproduced(declared, Lake.of(settings), settings, version)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    if found.outcome is Outcome.DIFFERENT:
        raise typer.Exit(DIFFERENT)


def _print(found: Reproduction) -> None:
    from mesh.cli.console import count, say
    from mesh.cli.preview_page import comparison_lines
    from mesh.orchestration.reproducing import Outcome

    receipt = found.receipt
    say(f"{receipt.product} version {receipt.table_version}, run {receipt.run_id}, again", "bold")
    for used in receipt.inputs:
        how = f" ({used.words})" if used.words else ""
        say(f"reads {used.product} version {used.version}{how}", "dim")
    is_different = found.outcome is Outcome.DIFFERENT
    say(f"{count(found.rows, 'row')}: {found.outcome}", "bold red" if is_different else "green")
    for line in comparison_lines(found.compared) if is_different else ():
        say(f"  {line}")
    for note in found.notes:
        say(note, "yellow")
