"""`mesh catalog`: upkeep of the shared catalog, and what others report."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
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


@app.command("verify")
def verify(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name every disagreement between definitions, the lake and the catalog, and what mends it.

    Changes nothing. Ends with exit code 1 when there is any. Warns of what search cannot do on the
    catalog's database.
    """
    from mesh.cli.console import count, print_error, print_json, say, warn
    from mesh.errors import MeshError
    from mesh.orchestration.renewing import verify as verified

    session = Session.of(context)
    workspace = session.workspace()
    problems = verified(workspace, session.organization())
    if (lacking := workspace.catalog.search.lacking()) is not None:
        warn(str(lacking))
    if as_json:
        print_json([{"what": p.what, "where": p.where, "hint": p.hint} for p in problems])
    else:
        for problem in problems:
            print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
        if problems:
            say(count(len(problems), "disagreement"))
        else:
            say("definitions, lake and catalog agree", "green")
    if problems:
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild(
    context: typer.Context,
    carry: Annotated[
        str,
        typer.Option(
            help="What to keep that neither definitions nor the lake know: `all`, `none`, or some "
            "of tokens, refusals, usage, events, deliveries, with commas. Decisions, agreements "
            "and their log are always kept."
        ),
    ] = "",
) -> None:
    """Make the catalog anew from definitions and the lake, and put it in place of the present one.

    Lists first what cannot be known from there; without `--carry` nothing more is done if there is
    any. All of it happens at once, or nothing.
    """
    from mesh.catalog.renewing import ALWAYS_KEPT, ELSEWHERE
    from mesh.cli.console import count, print_error, say
    from mesh.errors import MeshError
    from mesh.orchestration.renewing import rebuild as rebuilt

    session = Session.of(context)
    workspace = session.workspace()
    known = workspace.catalog.irreplaceable()
    for name, rows in known.items():
        always = "; kept in any case" if name in ALWAYS_KEPT else ""
        say(f"neither definitions nor the lake know {name}: {count(rows, 'row')}{always}")
    if known.keys() - ALWAYS_KEPT and not carry:
        raise MeshError("nothing was done", hint="--carry all keeps it, --carry none forgets it")
    kept = {"all": [*ELSEWHERE], "none": [], "": []}.get(carry, carry.split(","))
    if unknown := sorted(set(kept) - set(ELSEWHERE)):
        names = ", ".join(ELSEWHERE)
        raise MeshError(f"--carry knows no {', '.join(unknown)}", hint=f"it knows {names}")
    report = rebuilt(workspace, session.organization(), kept)
    say(f"the catalog was made anew, with {count(report.recorded, 'receipt')}", "green")
    for problem in report.unreadable:
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if report.unreadable:
        raise typer.Exit(1)


@app.command("sync")
def sync(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bring the catalog up to what the domains declare and what the lake's commits say.

    Ends with exit code 1 when a domain or a table could not be read, or when the catalog has the
    organization.yaml of another repository; the others are in.
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
    unread = [*report.unreadable, *filter(None, [workspace.unregistered])]
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


@app.command("migrate")
def migrate(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option("--to", help="The revision to go to; this Mesh's own by default."),
    ] = None,
    agreed: Annotated[
        bool, typer.Option("--yes", help="Go, even when rows are lost on the way.")
    ] = False,
) -> None:
    """Take the catalog to another revision, older or newer.

    An older Mesh needs it to read a catalog that a newer one has opened: go down with the newer,
    then use the older. Every command of a newer Mesh brings the catalog up again.
    Without `--yes`, what would be lost is listed, nothing is done, and the exit code is 1.
    """
    from mesh.catalog import moving
    from mesh.catalog.database import Database
    from mesh.catalog.schema import REVISION
    from mesh.cli.console import say, warn

    revision = to or REVISION
    with closing(Database(Session.of(context).settings().catalog_url)) as database:
        foreseen = moving.foresee(database, revision)
        if foreseen.lost and not agreed:
            warn(f"revision {revision} has no room for:")
            _say_rows(foreseen.lost)
            say("nothing was done; `--yes` goes there and loses them")
            raise typer.Exit(1)
        made = moving.move_to(database, revision)
    say(f"the catalog went from revision {made.before or 'none'} to {made.after}")
    if made.lost:
        say("these rows were lost:")
        _say_rows(made.lost)


def _say_rows(rows: Mapping[str, int]) -> None:
    from mesh.cli.console import count, say

    for table, number in rows.items():
        say(f"  {table}: {count(number, 'row')}")


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(help="The URL of the catalog to copy.")],
    target: Annotated[
        str, typer.Argument(help="The URL of an empty database, or of any with --merge.")
    ],
    is_merge: Annotated[
        bool, typer.Option("--merge", help="Add to a target that holds something already.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Copy a catalog into an empty database: SQLite to PostgreSQL, and back.

    All of it arrives, or nothing: it is one transaction, and compared before it is kept. What is
    published while it runs is not in it; `mesh catalog sync` brings that from the lake.

    With `--merge` the target may hold a history of its own. What is there stays, what is new is
    added, and nothing is written when the two contradict each other: everything in which they do
    is listed. What an erasure removed from one of the two is in neither afterwards. Tokens, and
    events that wait for receivers, are left out.
    """
    from mesh.catalog.copying import copy as copy_catalog
    from mesh.catalog.database import Database
    from mesh.catalog.store import Catalog
    from mesh.cli.console import count, print_json, say

    if is_merge:
        _merge(source, target, as_json=as_json)
        return
    with closing(Database(source)) as here, closing(Database(target)) as there:
        copied = copy_catalog(here, there)
    with Catalog.open(target) as catalog:
        catalog.search.rebuild()
    if as_json:
        print_json({"rows": copied})
        return
    for table, rows in copied.items():
        if rows:
            say(f"{table}: {count(rows, 'row')}")
    say(f"copied {count(sum(copied.values()), 'row')}; set MESH_CATALOG__URL to use the copy")


def _merge(source: str, target: str, *, as_json: bool) -> None:
    from mesh.catalog.database import Database
    from mesh.catalog.merging import merge
    from mesh.cli.console import count, print_json, say

    with closing(Database(source)) as here, closing(Database(target)) as there:
        merged = merge(here, there)
    if as_json:
        print_json({"rows": merged.added, "forgotten": merged.forgotten})
        return
    for table, rows in merged.added.items():
        if rows:
            say(f"{table}: {count(rows, 'row')}")
    if merged.forgotten:
        say(f"erased values were taken out of {count(merged.forgotten, 'row')}")
    added = sum(merged.added.values())
    say(f"added {count(added, 'row')}; what else there was stayed as it was")
