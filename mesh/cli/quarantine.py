"""`mesh quarantine`: rejected rows, the rules that they broke, and what becomes of them."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import UnknownProductError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mesh.contracts.model import Contract
    from mesh.naming import ProductId
    from mesh.orchestration.workspace import Workspace
    from mesh.products.collection import Organization
    from mesh.upkeep.waiting import Choice, ReplayOutcome
    from mesh.upkeep.waiting.history import Change

app = typer.Typer(help="Look at rejected rows, replay or discard them.", no_args_is_help=True)

Product = Annotated[str, typer.Argument(help="The product; the major may be left out.")]
Rule = Annotated[str, typer.Option(help="Only rows that broke this rule: its name or its text.")]
RunId = Annotated[str, typer.Option(help="Only rows that this run rejected.")]
Where = Annotated[str, typer.Option(help='A SQL condition on rows, such as `"quantity < 0"`.')]
All = Annotated[bool, typer.Option("--all", help="Also rows that a later run took the place of.")]
By = Annotated[str, typer.Option(help="Who does it; the user by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_waiting(context: typer.Context, as_json: Json = False) -> None:
    """List the products that have rows in quarantine."""
    from mesh.cli.console import add_row, age, print_json, print_table, say, table
    from mesh.cli.rejects import tally_of

    session = Session.of(context)
    workspace = session.workspace()
    declared = {product.id for product in session.organization().products.values()}
    known = sorted(declared | set(workspace.catalog.product_ids()))
    found = [tally for product in known if (tally := tally_of(product, workspace)) is not None]
    if as_json:
        print_json(found)
        return
    if not found:
        say("no rows are in quarantine")
        return
    made = table("product", "waiting", "all", "last rejected", right=("waiting", "all"))
    for tally in found:
        waiting, every = f"{tally['waiting']:,}", f"{tally['rows']:,}"
        add_row(made, tally["product"], waiting, every, age(tally["last_rejected_at"]))
    print_table(made)


@app.command("show")
def show(
    context: typer.Context,
    product: Product,
    *,
    rule: Rule = "",
    run: RunId = "",
    where: Where = "",
    is_all: All = False,
    limit: Annotated[int, typer.Option(min=1, help="Sample rows of each rule.")] = 10,
    reveal: Annotated[
        bool,
        typer.Option("--reveal", help="Show values of confidential and personal columns, too."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the rows that wait in quarantine, by the rule that they broke.

    A run that reads everything anew takes the place of the one before it, and so do its rejects.
    """
    from mesh.cli.console import print_json
    from mesh.cli.rejects import groups_of, print_groups
    from mesh.reading.waiting import waiting_rows
    from mesh.upkeep.waiting import Choice

    session = Session.of(context)
    workspace = session.workspace()
    name, contract = _known(session.organization(), workspace, product)
    found = waiting_rows(name, workspace.lake)
    choice = Choice(rule, run, where, is_all)
    rows = None if found is None else choice.of(found, contract.rules, str(name))
    hidden = frozenset() if reveal else contract.guarded_columns
    groups = [] if rows is None else groups_of(rows, contract, limit, hidden)
    left = _left(name, workspace)
    if as_json:
        told = [group.as_json() for group in groups]
        print_json({"product": str(name), **_counts(name, workspace), **left, "rules": told})
        return
    if groups:
        print_groups(name, contract, groups)
    _print_rest(name, workspace, choice, left, has_shown=bool(groups))


@app.command("replay")
def replay(
    context: typer.Context,
    product: Product,
    *,
    rule: Rule = "",
    run: RunId = "",
    where: Where = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Publish the rows that wait and keep the contract as it is now.

    Each is published once. What is in the table stays: a row whose key was published meanwhile
    waits on. Rows that still break a rule wait, with the rules that they break now. Ends with exit
    code 1 when rows would pass by themselves and break a rule on the whole together.
    """
    from mesh.cli.console import print_json
    from mesh.upkeep.waiting import Choice, Replay

    session = Session.of(context)
    organization = session.organization()
    found = find_product(organization, product)
    workspace = session.workspace()
    workspace.register(organization.domains)
    settings = workspace.settings.publishing
    replaying = Replay(found, workspace.lake, workspace.catalog, settings, by or getpass.getuser())
    outcome = replaying.apply(Choice(rule, run, where))
    if as_json:
        print_json(outcome.as_json())
    else:
        _print_outcome(found.id, outcome, {r.id: r.text for r in found.rules})
    if outcome.refusal is not None:
        raise typer.Exit(1)


@app.command("discard")
def discard(
    context: typer.Context,
    product: Product,
    *,
    why: Annotated[str, typer.Option(help="The reason, which is recorded.")],
    rule: Rule = "",
    run: RunId = "",
    where: Where = "",
    is_all: All = False,
    by: By = "",
    as_json: Json = False,
) -> None:
    """Let go of rows that wait, and record who did so, when, why and how many."""
    from mesh.cli.console import count, print_json, say
    from mesh.upkeep.waiting import Choice, Discard

    session = Session.of(context)
    workspace = session.workspace()
    name, contract = _known(session.organization(), workspace, product)
    settings = workspace.settings.publishing
    discarding = Discard(name, contract, workspace.lake, workspace.catalog, settings)
    choice = Choice(rule, run, where, is_all)
    event = discarding.apply(choice, by=by or getpass.getuser(), why=why)
    if as_json:
        print_json(event.as_json() if event is not None else None)
    elif event is None:
        say(f"no such rows of {name} wait: nothing was discarded")
    else:
        say(f"{name}: {count(event.rows, 'row')} discarded by {event.by}: {why}", "bold")
        say(f"  recorded as {event.id}: `mesh quarantine history {name}`")


@app.command("history")
def history(context: typer.Context, product: Product, as_json: Json = False) -> None:
    """Show what came into a product's quarantine and what left it, newest first."""
    from mesh.cli.console import print_json, say
    from mesh.upkeep.waiting import history as changes_of

    session = Session.of(context)
    workspace = session.workspace()
    name, contract = _known(session.organization(), workspace, product)
    changes = changes_of(name, workspace.lake)
    if as_json:
        print_json([change.as_json() for change in changes])
    elif changes:
        _print_history(changes, contract)
    else:
        say(f"no rows of {name} were ever in quarantine")


def _known(
    organization: Organization, workspace: Workspace, name: str
) -> tuple[ProductId, Contract]:
    """A product's name and contract, as it is declared or as the catalog remembers it.

    Raises UnknownProductError with near names.
    """
    try:
        declared = find_product(organization, name)
    except UnknownProductError:
        if name not in {str(product) for product in workspace.catalog.product_ids()}:
            raise
        remembered = workspace.catalog.product(name)
        return remembered.id, remembered.contract
    return declared.id, declared.contract


def _counts(product: ProductId, workspace: Workspace) -> dict[str, int]:
    from mesh.cli.rejects import tally_of

    tally = tally_of(product, workspace)
    if tally is None:
        return {"waiting": 0, "superseded": 0}
    return {"waiting": tally["waiting"], "superseded": tally["rows"] - tally["waiting"]}


def _left(product: ProductId, workspace: Workspace) -> dict[str, int]:
    from mesh.catalog.model import Leaving

    events = workspace.catalog.quarantine_events(str(product))
    return {str(way): sum(e.rows for e in events if e.action is way) for way in Leaving}


def _print_rest(
    product: ProductId,
    workspace: Workspace,
    choice: Choice,
    left: Mapping[str, int],
    *,
    has_shown: bool,
) -> None:
    """What is not shown, and what can be done."""
    from mesh.cli.console import count, say

    counts = _counts(product, workspace)
    if not has_shown:
        which = "such rows" if choice.as_json() else "rows"
        say(f"no {which} of {product} wait in quarantine")
    if counts["superseded"] and not (choice.is_all or choice.run):
        rows = count(counts["superseded"], "row")
        say(f"{rows} of earlier runs, which later ones took the place of: `--all`", "dim")
    if any(left.values()):
        words = ", ".join(f"{rows:,} {way}" for way, rows in left.items() if rows)
        say(f"{words} until now: `mesh quarantine history {product}`", "dim")
    if has_shown:
        say(f"`mesh quarantine replay {product}` publishes those that pass by now", "dim")


def _print_outcome(product: ProductId, outcome: ReplayOutcome, texts: Mapping[str, str]) -> None:
    from mesh.cli.console import block, count, say, stderr

    for event in outcome.ended:
        rows = count(event.rows, "row")
        say(f"{product}: {rows} of a replay that had died left quarantine ({event.id})")
    if outcome.refusal is not None:
        stderr().print(block(str(outcome.refusal)))
        return
    if not outcome.chosen:
        say(f"no such rows of {product} wait in quarantine: nothing was replayed")
        return
    say(f"{product}: {count(outcome.replayed, 'row')} replayed, {outcome.stayed:,} wait on", "bold")
    if (receipt := outcome.receipt) is not None:
        say(f"  version {receipt.table_version}, contract {receipt.contract_version}")
        for source in receipt.replay.sources if receipt.replay else ():
            say(f"  {count(source.rows, 'row')} that run {source.run_id} rejected")
    for rule, broken in outcome.stayed_by_rule.items():
        breaks = "breaks" if broken == 1 else "break"
        say(f"  {count(broken, 'row')} {breaks} `{texts.get(rule, rule)}`")


def _print_history(changes: list[Change], contract: Contract) -> None:
    from mesh.cli.console import add_row, moment, print_table, table

    texts = {rule.id: rule.text for rule in contract.rules}
    made = table("when", "what", "rows", "run", "by", "why", "rules", right=("rows",))
    for change in changes:
        told: Mapping[str, Any] = change.content or {}
        rules = ", ".join(texts.get(rule, rule) for rule in told.get("rules", {}))
        rows = f"{change.rows:+,}"
        cells = (change.run, change.by, change.why, rules)
        add_row(made, moment(change.at), change.what, rows, *(cell or None for cell in cells))
    print_table(made)
