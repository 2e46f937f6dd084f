"""`mesh new`: the first files of a domain, of a product, or of its next major."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import InvalidNameError, MeshError, Problem

if TYPE_CHECKING:
    from mesh.cli.scaffold import Plan
    from mesh.settings import Settings

app = typer.Typer(
    help="Write the first files of a domain, a product or its next major.", no_args_is_help=True
)


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


@app.command("version")
def new_version(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product whose next major it is.")],
    deprecate: Annotated[
        str,
        typer.Option(
            help="The last day of the old major, such as 2027-06-30, which is told there."
        ),
    ] = "",
) -> None:
    """Write the next major of a product, seeded from it, to be published beside it."""
    from mesh.cli.console import say
    from mesh.cli.next_major import plan_version

    session = Session.of(context)
    settings, organization = session.settings(), session.organization()
    found = find_product(organization, product)
    plan = plan_version(found, organization, settings, _day(deprecate))
    _write(plan, settings)
    following = replace(found.id, major=found.id.major + 1)
    say(f"next: change its contract, then `mesh plan` and `mesh run {following}`")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise MeshError(f"{text!r} is no day such as 2027-06-30", where="--deprecate") from error


def _write(plan: Plan, settings: Settings) -> None:
    from mesh.cli.console import say

    for path in plan.write():
        shown = path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
        say(f"{'changed' if path in plan.changed else 'wrote  '} {shown}")
