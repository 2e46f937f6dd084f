"""`mesh catalog`: upkeep of the shared catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from mesh.cli.session import Session

app = typer.Typer(help="Look after the shared catalog.", no_args_is_help=True)


@app.command("sync")
def sync(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the catalog up to what the domains declare and what the lake's commits say.

    Ends with exit code 1 when a domain or a table could not be read; the others are in.
    """
    from mesh.catalog.sync import sync as sync_receipts
    from mesh.cli.console import count, print_error, print_json, say
    from mesh.errors import MeshError

    session = Session.of(context)
    workspace = session.workspace()
    organization = session.organization()
    workspace.register(organization.domains)
    products = [product.id for product in organization.products.values()]
    report = sync_receipts(workspace.catalog, workspace.lake, products)
    unread = [*report.unreadable]
    for broken in organization.broken:
        unread += broken.problems
    if as_json:
        print_json(
            {
                "domains": len(organization.domains),
                "products": len(products),
                "recorded": report.recorded,
                "known": report.known,
                "unreadable": [str(problem) for problem in unread],
            }
        )
    else:
        domains = count(len(organization.domains), "domain")
        say(f"registered {domains} and {count(len(products), 'product')}")
        say(f"recorded {count(report.recorded, 'receipt')}; {report.known:,} were there already")
        for problem in unread:
            print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if unread:
        raise typer.Exit(1)
