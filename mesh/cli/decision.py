"""`mesh decision`: breaking changes and waivers, asked for and decided as access is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mesh.cli.access.deciding import Digest, Id, Note, tell
from mesh.cli.access.desk import (
    AsJson,
    By,
    actor,
    case_as_json,
    case_id,
    docket_of,
    print_case,
    standing_of,
)
from mesh.cli.session import Session
from mesh.errors import MeshError

app = typer.Typer(help="Decide about breaking changes and waivers.", no_args_is_help=True)

_KINDS = ("breaking_change", "waiver")


@app.command("request")
def request(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="`breaking_change` or `waiver`.")],
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    why: Annotated[str, typer.Option(help="The reason, which is recorded.")],
    plan: Annotated[
        str, typer.Option(help="Of a breaking change: the digest that `mesh plan` prints last.")
    ] = "",
    guardrail: Annotated[str, typer.Option(help="Of a waiver: the guardrail's id.")] = "",
    until: Annotated[
        str, typer.Option(help="Of a waiver: its last day, `2027-06-30`, or how long, `90d`.")
    ] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a decision: that a change may break consumers, or that a guardrail need not hold.

    A breaking change is decided for one plan, and for no other. A waiver ends by itself.
    """
    from mesh.access.changes import Changes
    from mesh.access.terms import parse_until
    from mesh.cli.console import print_json, say

    session = Session.of(context)
    docket, person = docket_of(session), actor(session, by)
    changes = Changes(docket)
    if kind == _KINDS[0]:
        _require(plan, "--plan", "take the digest from the last line of `mesh plan`")
        case = changes.request_breaking(product, plan, why, person)
    elif kind == _KINDS[1]:
        _require(guardrail, "--guardrail", "name the guardrail that is not kept")
        _require(until, "--until", "a waiver ends by itself: say when")
        end = parse_until(until, datetime.now(UTC))
        case = changes.request_waiver(product, guardrail, why, end, person)
    else:
        raise MeshError(f"{kind!r} is not decided here", hint=f"write {' or '.join(_KINDS)}")
    if as_json:
        print_json(case_as_json(docket, case))
        return
    print_case(docket, case)
    say(f"next: they run `mesh decision approve {case.id}` or `deny`", "cyan")


@app.command("list")
def list_decisions(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what is decided.")] = False,
    as_json: AsJson = False,
) -> None:
    """List breaking changes and waivers that wait for a decision, newest first."""
    from mesh.catalog.cases import CaseState
    from mesh.cli.console import add_row, count, print_json, print_table, say, table
    from mesh.products.decision_rights import ChangeKind

    docket = docket_of(Session.of(context))
    found = docket.catalog.decisions.cases(state=None if everything else CaseState.OPEN)
    cases = [case for case in found if case.kind is not ChangeKind.ACCESS]
    if as_json:
        print_json([case_as_json(docket, case) for case in cases])
        return
    made = table("request", "kind", "product", "asked by", "why", "state", "waits for")
    for case in cases:
        standing = standing_of(docket, case)
        waits = ", ".join(standing.body.people) if standing and standing.body else None
        told = (case.id, case.kind, case.subject, case.requested_by, case.asked["why"])
        add_row(made, *told, case.state, waits)
    if cases:
        print_table(made)
    say(count(len(cases), "request"), "dim")


@app.command("show")
def show(context: typer.Context, request: Id, *, as_json: AsJson = False) -> None:
    """Show what a request asks, what was said to it, and who decides it."""
    from mesh.cli.console import print_json

    docket = docket_of(Session.of(context))
    case = docket.catalog.decisions.case(case_id(docket, request))
    if as_json:
        print_json(case_as_json(docket, case))
    else:
        print_case(docket, case)


@app.command("approve")
def approve(
    context: typer.Context,
    request: Id,
    *,
    digest: Digest = "",
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Approve a breaking change or a waiver."""
    from mesh.catalog.cases import Verdict

    _vote(context, request, Verdict.APPROVE, (by, digest, note), as_json=as_json)


@app.command("deny")
def deny(
    context: typer.Context,
    request: Id,
    *,
    digest: Digest = "",
    note: Note = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Deny a breaking change or a waiver."""
    from mesh.catalog.cases import Verdict

    _vote(context, request, Verdict.DENY, (by, digest, note), as_json=as_json)


def _vote(
    context: typer.Context,
    request: str,
    verdict: str,
    said: tuple[str, str, str],
    *,
    as_json: bool,
) -> None:
    from mesh.access.agreeing import Agreeing
    from mesh.access.docket import Ballot
    from mesh.catalog.cases import Verdict

    session = Session.of(context)
    docket = docket_of(session)
    by, digest, note = said
    ballot = Ballot(Verdict(verdict), actor(session, by), digest, note)
    tell(docket, Agreeing(docket).vote(case_id(docket, request), ballot), as_json=as_json)


def _require(value: str, option: str, hint: str) -> None:
    if not value:
        raise MeshError(f"{option} is missing", hint=hint)
