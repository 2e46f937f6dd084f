"""`mesh retire`: the end of a product that nobody reads any more."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from mesh.cli.session import Session, find_product


def retire(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product, with its major.")],
    *,
    why: Annotated[str, typer.Option(help="The reason, which is recorded.")],
    by: Annotated[str, typer.Option(help="Who retires it; the user by default.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """End a deprecated product: once its last day is over, and nobody reads it any more.

    Nothing is published to it from then on. Its rows can be read for as long as its retention says,
    or the setting `upkeep.keep_retired_for`; then `mesh maintain --apply` removes them. Receipts
    stay. Everything that stands against it is told, and then nothing is done.
    """
    from mesh.catalog.sync import sync_product
    from mesh.cli.console import print_json, say
    from mesh.upkeep.retiring import Retiring

    session = Session.of(context)
    organization = session.organization()
    found = find_product(organization, product)
    workspace = session.workspace()
    workspace.register(organization.domains)
    sync_product(workspace.catalog, workspace.lake, found.id)
    retiring = Retiring(organization, workspace.lake, workspace.catalog, workspace.settings.upkeep)
    ended = retiring.retire(found, by=by or getpass.getuser(), why=why)
    if as_json:
        print_json(ended.as_json())
        return
    say(f"{ended.product} was {ended}", "bold")
    say(f"its rows can be read until {ended.keep_until.date()}")
    say(f"next: delete {found.source}", "cyan")
