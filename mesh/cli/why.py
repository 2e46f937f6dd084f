"""`mesh why`: where a row comes from, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product

if TYPE_CHECKING:
    from mesh.orchestration.explaining import Explanation


def why(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    where: Annotated[
        str, typer.Option(help='A SQL condition that one row meets, such as `"order_id = 7"`.')
    ],
    version: Annotated[
        int | None, typer.Option(min=0, help="Version of the table; the latest by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show why a row is what it is: its publication, the rules, and the versions it was made from.

    Ends with everything that is known to speak against the row, so that "may I trust this number"
    has one answer.
    """
    from mesh.cli.console import print_json
    from mesh.orchestration.explaining import explain

    session = Session.of(context)
    organization = session.organization()
    declared = find_product(organization, product)
    workspace = session.workspace()
    workspace.register(organization.domains)
    found = explain(declared, workspace, where, version)
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)


def _print(found: Explanation) -> None:
    from mesh.cli.console import count, say
    from mesh.cli.version_lineage import print_versions

    _print_row(found)
    receipt = found.origin.receipt
    if receipt is not None:
        kept = sum(1 for tally in receipt.tallies if not tally.failed)
        say()
        say(
            f"published by run {receipt.run_id} as version {receipt.table_version}, under contract "
            f"{receipt.contract_version}, code {receipt.code_version or 'unknown'}; "
            f"{kept} of {count(len(receipt.tallies), 'rule')} fully kept by all its rows",
            "bold",
        )
    if found.made_from:
        print_versions(found.made_from)
    say()
    if not found.doubts:
        say("nothing is known that speaks against it", "green")
        return
    say("what speaks against it, or should be known:", "yellow")
    for doubt in found.doubts:
        say(f"  {doubt}")


def _print_row(found: Explanation) -> None:
    from mesh.cli.console import add_row, print_table, say, shown, table

    say(f"{found.product}, version {found.version}", "bold")
    made = table("column", "value", wrapping=["value"])
    for name, value in found.row.items():
        mark = " (key)" if name in found.key else ""
        add_row(made, f"{name}{mark}", shown(value))
    print_table(made)
