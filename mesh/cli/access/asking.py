"""`mesh access request` and `mesh access renew`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.access.desk import (
    AsJson,
    By,
    Holder,
    actor,
    agreeing_of,
    agreement_id,
    case_as_json,
    print_case,
)
from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.access.docket import Docket
    from mesh.catalog.cases import Case

Columns = Annotated[
    str,
    typer.Option(help="Columns, as `a,b`; without it all that are not guarded."),
]
Rows = Annotated[
    str, typer.Option(help="Only rows of which this is true, such as \"carrier = 'UA'\".")
]
Until = Annotated[str, typer.Option(help="The last day, `2027-06-30`, or how long, `90d`.")]


def request(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    purpose: Annotated[str, typer.Option(help="What it is for. The agreement holds for that.")],
    columns: Columns = "",
    rows: Rows = "",
    until: Until = "",
    holder: Annotated[
        str,
        typer.Option(
            "--as",
            help="For whom: a product, a service, a role such as `weather.member` or `analyst`, or "
            "a domain with all its people, services and products; yourself by default.",
        ),
    ] = "",
    onward: Annotated[
        bool, typer.Option("--onward-sharing", help="Ask to hand it on to others.")
    ] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a product, or for more of it.

    Who decides is written in `organization.yaml`. Asking for the same again changes nothing;
    asking otherwise for the same purpose changes the request, and it has to be decided anew.
    """
    from mesh.access.terms import Terms, parse_until
    from mesh.products.decision_rights import ConsumerKind

    session = Session.of(context)
    agreeing = agreeing_of(session)
    terms = Terms(
        holder,
        ConsumerKind.PERSON,
        purpose,
        split(columns),
        rows,
        parse_until(until, datetime.now(UTC)) if until else None,
        onward,
    )
    case = agreeing.request(product, terms, actor(session, by))
    _tell(agreeing.docket, case, as_json=as_json)


def renew(
    context: typer.Context,
    agreement: Annotated[
        str, typer.Argument(help="The agreement's id, or its product when there is only one.")
    ],
    *,
    holder: Holder = "",
    until: Until = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Ask for an agreement to go on; without `--until` for as long again as it was made for.

    It is decided as a request is, on the classes that its columns have now.
    """
    from mesh.access.terms import parse_until

    session = Session.of(context)
    agreeing = agreeing_of(session)
    end = parse_until(until, datetime.now(UTC)) if until else None
    named = agreement_id(agreeing.docket, agreement, holder)
    case = agreeing.renew(named, end, actor(session, by))
    _tell(agreeing.docket, case, as_json=as_json)


def split(columns: str) -> tuple[str, ...] | None:
    """The names in `a,b`, each once; None for an empty text."""
    names = [name.strip() for name in columns.split(",") if name.strip()]
    return tuple(sorted(set(names))) or None


def _tell(docket: Docket, case: Case, *, as_json: bool) -> None:
    from mesh.catalog.cases import CaseState
    from mesh.cli.console import print_json, say

    if as_json:
        print_json(case_as_json(docket, case))
        return
    print_case(docket, case)
    if case.state is CaseState.OPEN:
        say(f"next: they run `mesh access approve {case.id}` or `deny`", "cyan")
    else:
        say(f"agreed, as agreement {case.id}: nobody had to decide it", "green")
