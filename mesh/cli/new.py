"""`mesh new`: the first files of a domain or of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import InvalidNameError, Problem

if TYPE_CHECKING:
    from mesh.cli.scaffold import Plan
    from mesh.settings import Settings

app = typer.Typer(help="Write the first files of a domain or a product.", no_args_is_help=True)


@app.command("domain")
def new_domain(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The domain's name, such as `sales`.")],
) -> None:
    """Write a domain's folder, and list it in `organization.yaml` and `workspace.yaml`."""
    from mesh.cli.console import say
    from mesh.cli.scaffold import plan_domain

    settings = Session.of(context).settings()
    _write(plan_domain(name, settings), settings)
    say(f"next: put the team's people into domain.yaml, then `mesh new product {name}.…`")


@app.command("product")
def new_product(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Domain and product, such as `sales.orders`.")],
) -> None:
    """Write a product that runs, and a test of it."""
    from mesh.cli.console import say
    from mesh.cli.scaffold import plan_product

    domain, dot, product = name.partition(".")
    if not dot:
        raise InvalidNameError(
            [
                Problem(
                    f"{name!r} names no domain",
                    hint="write domain.product, such as sales.orders",
                )
            ]
        )
    settings = Session.of(context).settings()
    _write(plan_product(domain, product, settings), settings)
    say(f"next: `mesh run {name}_v1`")


def _write(plan: Plan, settings: Settings) -> None:
    from mesh.cli.console import say

    for path in plan.write():
        shown = path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
        say(f"{'changed' if path in plan.changed else 'wrote  '} {shown}")
