"""What every command about decisions works with: the rights, the people, and who acts.

Owns the way from settings to a docket, and how a case is told, as JSON and in words.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.errors import MeshError

if TYPE_CHECKING:
    from mesh.access.agreeing import Agreeing
    from mesh.access.docket import Docket, Standing
    from mesh.catalog.cases import Case
    from mesh.cli.session import Session
    from mesh.products.decision_rights import ChangeKind

By = Annotated[
    str,
    typer.Option(
        help="Who you are: an e-mail address that a manifest names. By default the setting "
        "`access.user`, or the one address that begins with your login."
    ),
]
Holder = Annotated[
    str,
    typer.Option(
        "--as",
        help="Whose it is, where a product has several: a person, a product, a service, a role or "
        "a domain.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def docket_of(session: Session) -> Docket:
    """The cases of the mesh's catalog, under the rights and with the people registered there.

    What a working tree says counts once it is registered: nobody decides by editing a file of their
    own. Raises CatalogError, and MeshError where nothing is registered yet.
    """
    from mesh.access.docket import Docket
    from mesh.access.registered import directory_of_catalog, manifest_of
    from mesh.access.rights import Rights
    from mesh.access.roster import Roster

    catalog = session.workspace().catalog
    manifest = manifest_of(catalog.policies.organization())
    people = directory_of_catalog(catalog, manifest).everyone()
    if not people:
        what = "the catalog knows nobody yet who could ask or decide"
        raise MeshError(what, where=catalog.where, hint="run `mesh catalog sync`")
    return Docket(catalog, Rights.of(manifest), Roster(people))


def agreeing_of(session: Session) -> Agreeing:
    """Access to the products of the mesh's catalog. Raises as `docket_of`."""
    from mesh.access.agreeing import Agreeing

    return Agreeing(docket_of(session))


def actor(session: Session, by: str) -> str:
    """Who acts, as they or the settings say."""
    return by or session.settings().access.user or getpass.getuser()


def case_id(docket: Docket, named: str, kind: ChangeKind | None = None, holder: str = "") -> str:
    """The id that was given, or that of the one request of a product, and holder, that waits.

    Raises MeshError where there is none, or several.
    """
    from mesh.catalog.cases import CaseState

    if "." not in named:
        return named
    product = docket.catalog.product(named).name
    found = {
        case.id: (case.asked.get("holder", ""), case.asked.get("purpose", ""))
        for case in docket.catalog.decisions.cases(kind, product, CaseState.OPEN)
    }
    return _only(found, holder, product, "request waits")


def agreement_id(docket: Docket, named: str, holder: str = "") -> str:
    """The id that was given, or that of the one agreement that a product, and a holder, has.

    Raises MeshError where there is none, or several; UnknownAgreementError for an id of none.
    """
    book, now = docket.catalog.agreements, datetime.now(UTC)
    if "." not in named:
        if holder:
            known = book.agreement(named)
            _only({named: (known.holder, known.purpose)}, holder, named, "agreement is")
        return named
    product = docket.catalog.product(named)
    held = (a for a in book.of_port(product.id) if a.state(now) == "active")
    found = {agreement.id: (agreement.holder, agreement.purpose) for agreement in held}
    return _only(found, holder, product.name, "agreement holds")


def _only(found: dict[str, tuple[str, str]], holder: str, where: str, what: str) -> str:
    """The one id; `found` tells of each whose it is, and what for."""
    from mesh.access.roster import folded

    own = [id_ for id_, (of, _) in found.items() if folded(holder) in {"", folded(of)}]
    if len(own) == 1:
        return own[0]
    told = f"{what} for {holder}" if holder else what
    if not found:
        raise MeshError(f"no {told}", where=where, hint="`mesh access list --all` shows all")
    names = (f"{id_} ({': '.join(filter(None, found[id_]))})" for id_ in sorted(own or found))
    hint = f"{'name one' if own else 'there is'} {', '.join(names)}"
    raise MeshError(f"{'more than one' if own else 'no'} {told}", where=where, hint=hint)


def standing_of(docket: Docket, case: Case) -> Standing | None:
    """Who decides a case now; None where that is nobody any more, or it is decided."""
    from mesh.catalog.cases import CaseState
    from mesh.errors import DecisionError

    if case.state is not CaseState.OPEN:
        return None
    try:
        return docket.standing(case, datetime.now(UTC))
    except DecisionError:
        return None


def case_as_json(docket: Docket, case: Case) -> dict[str, Any]:
    """A case as plain values, with its digest and who decides it."""
    told = {**case.as_json(), "digest": case.digest}
    standing = standing_of(docket, case)
    if standing is not None:
        body = standing.body
        told["decided_by"] = str(standing.right)
        told["people"] = list(body.people) if body else []
        told["missing"] = standing.missing
        told["deadline"] = body.deadline if body else None
    return told


def print_case(docket: Docket, case: Case) -> None:
    """Print what a case asks, what was said, and who is to decide."""
    from mesh.cli.console import say

    say(f"{case.kind.replace('_', ' ')} {case.id}: {case.subject}, {case.state}", "bold")
    say(f"asked by {case.requested_by} on {case.opened_at.date()}")
    for line in asked_lines(case):
        say(f"  {line}")
    for vote in case.votes:
        is_old = vote.digest != case.digest
        stale = ", of what was asked before: it does not count" if is_old else ""
        note = f": {vote.note}" if vote.note else ""
        say(f"{vote.who} said {vote.verdict} on {vote.at.date()}{note}{stale}")
    print_deciders(docket, case)
    say(f"digest {case.digest}", "dim")


def print_deciders(docket: Docket, case: Case) -> None:
    """Print who is to decide an open case, and how many are missing."""
    from mesh.catalog.cases import CaseState
    from mesh.cli.console import count, moment, say

    if case.state is not CaseState.OPEN:
        return
    standing = standing_of(docket, case)
    if standing is None or standing.body is None:
        say("nobody may decide it as the decision rights are now", "yellow")
        return
    body = standing.body
    missing = count(standing.missing, "approval")
    before = f"; {body.escalated_from} took too long" if body.escalated_from else ""
    say(f"decides {body}; {missing} missing{before}", "cyan")
    if body.deadline is not None:
        say(f"until {moment(body.deadline)}; then somebody else decides")


def asked_lines(case: Case) -> list[str]:
    """What a case asks for, in words."""
    from mesh.access.terms import Terms, shown
    from mesh.products.decision_rights import ChangeKind

    if case.kind is not ChangeKind.ACCESS:
        names = ("plan", "guardrail", "why")
        told = [f"{name}: {case.asked[name]}" for name in names if case.asked.get(name)]
        end = case.asked.get("until")
        return [*told, *([f"until {shown(datetime.fromisoformat(end))}"] if end else [])]
    terms = Terms.from_json(case.asked)
    classes = terms.classifications
    guarded = [f"{n} ({classes[n]})" for n in terms.columns or () if is_guarded(classes[n])]
    lines = [
        f"for {terms.holder}, to {terms.purpose}",
        f"columns {', '.join(terms.columns) if terms.columns else 'that are not guarded'}",
        *([f"guarded: {', '.join(guarded)}"] if guarded else []),
        *([f"rows where {terms.rows}"] if terms.rows else []),
        f"until {shown(terms.until)}",
        "may be shared onward" if terms.may_share else "no onward sharing",
    ]
    return [*lines, *([f"renews agreement {terms.renews}"] if terms.renews else [])]


def is_guarded(classification: str) -> bool:
    """Whether values of that class are not for everyone."""
    from mesh.contracts.model import GUARDED

    return classification in GUARDED
