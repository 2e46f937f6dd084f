"""`mesh access list` and `mesh access show`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.access.desk import (
    AsJson,
    agreeing_of,
    case_as_json,
    print_case,
    standing_of,
)
from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.access.agreeing import Agreeing
    from mesh.catalog.cases import AgreementRecord, Case
    from mesh.settings import Settings


def list_access(
    context: typer.Context,
    *,
    product: Annotated[str, typer.Option(help="Only of this product, with its major.")] = "",
    holder: Annotated[str, typer.Option("--as", help="Only what this holder has.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is decided, revoked or over.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List requests that wait for a decision, and agreements; warn of those that end soon."""
    from mesh.catalog.cases import CaseState
    from mesh.cli.console import print_json
    from mesh.products.decision_rights import ChangeKind

    session = Session.of(context)
    agreeing, now = agreeing_of(session), datetime.now(UTC)
    catalog = agreeing.docket.catalog
    cases = catalog.decisions.cases(
        ChangeKind.ACCESS, product, None if everything else CaseState.OPEN
    )
    cases = [case for case in cases if holder in {"", case.asked["holder"]}]
    agreements = [
        found
        for found in catalog.agreements.all()
        if product in {"", found.product}
        and holder in {"", found.holder}
        and (everything or found.state(now) == "active")
    ]
    if as_json:
        print_json(
            {
                "requests": [case_as_json(agreeing.docket, case) for case in cases],
                "agreements": [_as_json(found, now) for found in agreements],
            }
        )
        return
    _print_cases(agreeing, cases)
    _print_agreements(agreements, now)
    warn_of_ends(agreements, session.settings(), now)


def show(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A request, an agreement, or a product.")],
    as_json: AsJson = False,
) -> None:
    """Show a request or an agreement, or every agreement that holds for a product's major."""
    from mesh.cli.console import print_json

    agreeing = agreeing_of(Session.of(context))
    if "." in what:
        _show_product(agreeing, what, as_json=as_json)
        return
    case = agreeing.docket.catalog.decisions.case(what)
    found = _agreement(agreeing, case)
    if as_json:
        told = {"agreement": _as_json(found, datetime.now(UTC)) if found else None}
        print_json({**case_as_json(agreeing.docket, case), **told})
        return
    print_case(agreeing.docket, case)
    if found is not None:
        _print_agreement(found)


def warn_of_ends(agreements: Iterable[AgreementRecord], settings: Settings, now: datetime) -> None:
    """Warn of agreements that end soon, with what makes them go on."""
    from mesh.cli.console import warn

    for line in ends_soon(agreements, settings, now):
        warn(line)


def ends_soon(
    agreements: Iterable[AgreementRecord], settings: Settings, now: datetime
) -> list[str]:
    """Agreements that end within the time that `access.warn_before` says, in words."""
    from mesh.access.ending import is_ending, renewal_hint
    from mesh.access.terms import shown
    from mesh.products.ports import parse_duration

    within = parse_duration(settings.access.warn_before)
    return [
        f"{found.holder} may read {found.product} until {shown(found.until)}: "
        f"{renewal_hint(found.id)}"
        for found in agreements
        if found.state(now) == "active" and is_ending(found.until, within, now)
    ]


def _agreement(agreeing: Agreeing, case: Case) -> AgreementRecord | None:
    from mesh.errors import UnknownAgreementError

    try:
        return agreeing.docket.catalog.agreements.agreement(case.asked.get("renews") or case.id)
    except UnknownAgreementError:
        return None


def _as_json(found: AgreementRecord, now: datetime) -> dict[str, Any]:
    return {**found.as_json(), "state": found.state(now)}


def _print_cases(agreeing: Agreeing, cases: list[Case]) -> None:
    from mesh.access.terms import Terms, shown
    from mesh.cli.console import add_row, count, print_table, say, table

    made = table("request", "product", "for", "purpose", "until", "state", "waits for")
    for case in cases:
        terms = Terms.from_json(case.asked)
        standing = standing_of(agreeing.docket, case)
        waits = ", ".join(standing.body.people) if standing and standing.body else None
        until = shown(terms.until)
        add_row(made, case.id, case.subject, terms.holder, terms.purpose, until, case.state, waits)
    if cases:
        print_table(made)
    say(count(len(cases), "request"), "dim")


def _print_agreements(agreements: list[AgreementRecord], now: datetime) -> None:
    from mesh.access.terms import shown
    from mesh.cli.console import add_row, count, print_table, say, table

    made = table("agreement", "product", "holder", "purpose", "columns", "until", "state")
    for found in agreements:
        columns = ", ".join(found.columns) if found.columns else "not guarded"
        add_row(
            made,
            found.id,
            found.product,
            found.holder,
            found.purpose,
            columns,
            shown(found.until),
            found.state(now),
        )
    if agreements:
        print_table(made)
    say(count(len(agreements), "agreement"), "dim")


def _print_agreement(found: AgreementRecord) -> None:
    from mesh.access.terms import shown
    from mesh.cli.console import say

    state = found.state(datetime.now(UTC))
    style = "green" if state == "active" else "yellow"
    say(f"agreement {found.id}: {state}, until {shown(found.until)}", style)
    if found.revoked_at is not None:
        say(f"revoked by {found.revoked_by} on {found.revoked_at.date()}")


def _show_product(agreeing: Agreeing, name: str, *, as_json: bool) -> None:
    """Agreements that hold for a major, those that it inherits among them."""
    from mesh.cli.console import print_json, say

    catalog, now = agreeing.docket.catalog, datetime.now(UTC)
    product = catalog.product(name)
    found = [a for a in catalog.agreements.of_port(product.id) if a.state(now) == "active"]
    inherited = [a for a in found if a.product != product.name]
    is_separate = catalog.agreements.is_separate(product.id)
    if as_json:
        print_json(
            {
                "product": product.name,
                "access": str(product.access),
                "inherits": not is_separate,
                "agreements": [_as_json(a, now) for a in found],
            }
        )
        return
    say(f"{product.name} is {product.access}", "bold")
    _print_agreements(found, now)
    if is_separate:
        say("it inherits no agreements of the majors before it")
    elif inherited:
        majors = ", ".join(sorted({a.product for a in inherited}))
        say(f"inherited from {majors}; `mesh access inherit {product.name} --stop` ends that")
