"""`mesh catalog`: upkeep of the shared catalog, and what others report."""

from __future__ import annotations

from typing import Annotated

import typer

from mesh.cli.session import Session

app = typer.Typer(help="Look after the shared catalog.", no_args_is_help=True)


@app.command("import-events")
def import_events(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(help="Files of OpenLineage events: JSON, or a line each; - is input."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take in OpenLineage events of other producers, so that their data is found beside products.

    Events that were taken before change nothing. Ends with exit code 1 when some were refused; the
    others are in.
    """
    from mesh.cli.console import count, print_error, print_json, say
    from mesh.cli.event_files import read_events
    from mesh.errors import MeshError

    events = [event for file in files for event in read_events(file)]
    taken = Session.of(context).workspace().catalog.events.take([event.content for event in events])
    if as_json:
        print_json(taken.as_json())
    else:
        say(f"took {count(taken.taken, 'event')}; {taken.repeated:,} were there already")
    for refused in taken.refused:
        place = events[refused.index].place
        for problem in refused.problems:
            where = f"{place}: {problem.where}" if problem.where else place
            print_error(MeshError(problem.what, where=where, hint=problem.hint))
    if taken.refused:
        raise typer.Exit(1)


@app.command("join")
def join(
    context: typer.Context,
    dataset: Annotated[
        str,
        typer.Argument(help="A reported dataset: `namespace#name`, or a name that only it has."),
    ],
    product: Annotated[str, typer.Argument(help="The product that it is.")],
) -> None:
    """Say that a dataset which others report is a product, where neither place nor name tells.

    A table in a database that holds a product under another name, say. What was reported of it is
    joined to the product, before and from now on.
    """
    from mesh.cli.console import say

    session = Session.of(context)
    catalog = session.workspace().catalog
    found = catalog.product(product)
    catalog.events.join(dataset, found.name)
    say(f"{catalog.events.dataset(dataset).key} is {found.name}")


@app.command("deliver")
def deliver(
    context: typer.Context,
    again: Annotated[
        bool, typer.Option("--again", help="Try events that were set aside, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Deliver OpenLineage events that wait for their receivers, and end runs that died.

    Ends with exit code 1 when something still waits.
    """
    from mesh.cli.console import count, print_json, say, warn
    from mesh.orchestration.openlineage.catching_up import catch_up

    done = catch_up(Session.of(context).workspace(), again=again)
    if as_json:
        print_json(done.as_json())
    else:
        for item in done.delivered:
            say(f"{item.receiver}: sent {count(item.sent, 'event')}")
        if done.ended:
            say(f"ended {count(done.ended, 'run')} that had died")
        for queue in done.waiting:
            aside = f", {queue.set_aside:,} set aside" if queue.set_aside else ""
            waiting = f"{queue.receiver}: {count(queue.waiting, 'event')} waiting{aside}"
            warn(f"{waiting}: {queue.error or queue.refused}")
        if not done.delivered:
            say("nobody is told of runs: openlineage.receivers and openlineage.files say who")
    if done.waiting:
        raise typer.Exit(1)


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
                "found": [str(product) for product in report.found],
                "unreadable": [str(problem) for problem in unread],
            }
        )
    else:
        domains = count(len(organization.domains), "domain")
        say(f"registered {domains} and {count(len(products), 'product')}")
        say(f"recorded {count(report.recorded, 'receipt')}; {report.known:,} were there already")
        for product in report.found:
            say(f"found {product} in the lake, which no domain here declares")
        for problem in unread:
            print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if unread:
        raise typer.Exit(1)
