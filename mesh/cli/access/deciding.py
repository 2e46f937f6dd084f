"""`mesh access approve`, `deny`, `revoke` and `inherit`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.access.asking import Rows, Until, split
from mesh.cli.access.desk import (
    AsJson,
    By,
    Holder,
    actor,
    agreeing_of,
    agreement_id,
    case_as_json,
    case_id,
    print_deciders,
)
from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.access.agreeing import Agreeing
    from mesh.access.docket import Docket
    from mesh.access.terms import Terms
    from mesh.catalog.cases import Case

Id = Annotated[
    str,
    typer.Argument(help="The request's id, or its product when only one request of that waits."),
]
Digest = Annotated[
    str,
    typer.Option(help="Decide only if what is asked still has this digest, or begins with it."),
]
Note = Annotated[str, typer.Option(help="What you want to say with it; it is recorded.")]


def approve(
    context: typer.Context,
    request: Id,
    *,
    columns: Annotated[str, typer.Option(help="Only these columns, as `a,b`.")] = "",
    rows: Rows = "",
    until: Until = "",
    digest: Digest = "",
    note: Note = "",
    holder: Holder = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Approve a request, as it is or to less: columns, rows, an earlier end.

    What is narrowed is another request: others who have to approve it are asked again.
    """
    from mesh.access.docket import Ballot
    from mesh.catalog.cases import Verdict

    session = Session.of(context)
    agreeing = agreeing_of(session)
    request = case_id(agreeing.docket, request, holder=holder)
    narrowed = _narrowed(agreeing, request, columns, rows, until)
    asked = narrowed.as_json() if narrowed is not None else None
    ballot = Ballot(Verdict.APPROVE, actor(session, by), digest, note, asked)
    tell(agreeing.docket, agreeing.vote(request, ballot), as_json=as_json)


def deny(
    context: typer.Context,
    request: Id,
    *,
    digest: Digest = "",
    note: Note = "",
    holder: Holder = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Deny a request."""
    from mesh.access.docket import Ballot
    from mesh.catalog.cases import Verdict

    session = Session.of(context)
    agreeing = agreeing_of(session)
    ballot = Ballot(Verdict.DENY, actor(session, by), digest, note)
    case = agreeing.vote(case_id(agreeing.docket, request, holder=holder), ballot)
    tell(agreeing.docket, case, as_json=as_json)


def revoke(
    context: typer.Context,
    agreement: Annotated[
        str,
        typer.Argument(
            help="The agreement's id, or its product when there is only one; or a request's id."
        ),
    ],
    *,
    holder: Holder = "",
    why: Annotated[str, typer.Option(help="The reason, which is recorded.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End an agreement at once, or take back your own request. The next read goes without it."""
    from mesh.cli.console import print_json, say
    from mesh.errors import UnknownAgreementError, UnknownCaseError

    session = Session.of(context)
    agreeing, person = agreeing_of(session), actor(session, by)
    try:
        ended = agreeing.revoke(agreement_id(agreeing.docket, agreement, holder), person, why)
    except UnknownAgreementError as error:
        try:
            case = agreeing.docket.withdraw(agreement, person)
        except UnknownCaseError:
            raise error from None
        tell(agreeing.docket, case, as_json=as_json)
        return
    if as_json:
        print_json(ended.as_json())
    else:
        say(f"agreement {ended.id} of {ended.holder} on {ended.product} is revoked")


def inherit(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The later major, such as `shop.sales_v2`.")],
    *,
    stop: Annotated[
        bool, typer.Option("--stop", help="Let it inherit none from now on, nor majors after it.")
    ] = False,
    why: Annotated[str, typer.Option(help="The reason, which is recorded.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say whether a major inherits the agreements of the majors before it: it does, or `--stop`.

    Only the product's owner says so.
    """
    from mesh.cli.console import print_json, say

    session = Session.of(context)
    agreeing, person = agreeing_of(session), actor(session, by)
    change = agreeing.separate if stop else agreeing.unite
    is_new = change(product, person, why)
    if as_json:
        print_json({"product": product, "inherits": not stop, "changed": is_new})
        return
    verb = "inherits no agreements" if stop else "inherits agreements"
    say(f"{product} {verb} of the majors before it{'' if is_new else ', as it was'}")


def tell(docket: Docket, case: Case, *, as_json: bool) -> None:
    """Print what became of a case."""
    from mesh.catalog.cases import CaseState
    from mesh.cli.console import print_json, say

    if as_json:
        print_json(case_as_json(docket, case))
        return
    style = {CaseState.APPROVED: "green", CaseState.DENIED: "red"}.get(case.state, "")
    say(f"{case.id}, {case.subject}: {case.state}", style)
    print_deciders(docket, case)


def _narrowed(
    agreeing: Agreeing, request: str, columns: str, rows: str, until: str
) -> Terms | None:
    """The request's terms with less in them; None to leave them as they are."""
    from mesh.access.terms import Terms, parse_until

    if not (columns or rows or until):
        return None
    case = agreeing.docket.catalog.decisions.case(request)
    terms = Terms.from_json(case.asked)
    end = parse_until(until, datetime.now(UTC)) if until else None
    less = terms.narrowed(columns=split(columns), until=end, rows=rows, where=request)
    contract = agreeing.docket.catalog.product(case.subject).contract
    less.checked(contract, datetime.now(UTC), request)
    return less
