"""The people who decide a case, and how far they are.

Owns who sits where: the owner, the steward, a board and whom it escalates to; who stands in for
somebody who asks themselves; and when seats have said enough. Counts votes, and casts none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mesh.access.rights import Right, Rights
from mesh.access.roster import OWNER, PARTNER, STEWARD, Roster, folded
from mesh.catalog.cases import Case, CaseState, Verdict, Vote
from mesh.errors import DecisionError
from mesh.products.decision_rights import DecidedBy, is_role
from mesh.products.ports import parse_duration

_STAND_INS = {OWNER: (OWNER, PARTNER, STEWARD), STEWARD: (STEWARD, PARTNER, OWNER)}
"""Who sits in a seat: the first role of which somebody is not who asks."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A voice in a decision, and the people of whom each may give it."""

    role: str
    people: tuple[str, ...]

    def __str__(self) -> str:
        """`product owner ada@example.com`."""
        return f"{self.role.replace('_', ' ')} {' or '.join(self.people)}".strip()


@dataclass(frozen=True, slots=True)
class Body:
    """Seats, of which `needed` have to approve. `deadline` is when somebody else decides."""

    name: str
    seats: tuple[Seat, ...]
    needed: int
    deadline: datetime | None = None
    escalated_from: str = ""

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone who may decide, by name."""
        return tuple(sorted({name for seat in self.seats for name in seat.people}))

    def __str__(self) -> str:
        """The body in a line, with who sits in it."""
        seats = ", ".join(map(str, self.seats))
        quorum = f", {self.needed} of {len(self.seats)}" if self.needed < len(self.seats) else ""
        return f"{self.name}{quorum}: {seats}"


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a case is: seats that approved, that denied, and what comes of it."""

    approved: tuple[Seat, ...]
    denied: tuple[Seat, ...]
    state: CaseState


def body_of(case: Case, right: Right, rights: Rights, roster: Roster, now: datetime) -> Body:
    """Who decides a case now. Raises DecisionError when that is nobody."""
    domain = case.subject.partition(".")[0]
    if right.decided_by is DecidedBy.BOARD:
        found = _board(case, right.board, rights, roster, now)
    else:
        roles = [OWNER, STEWARD] if right.decided_by is DecidedBy.OWNER_AND_STEWARD else [OWNER]
        seats = tuple(_seat(domain, role, roster, case.requested_by) for role in roles)
        found = Body(str(right), seats, len(seats))
    if len([seat for seat in found.seats if seat.people]) < found.needed:
        raise DecisionError(
            f"too few people may decide: {found}",
            where=case.subject,
            hint="who asks does not decide; let a board decide in organization.yaml",
        )
    return found


def tally(body: Body, case: Case) -> Tally:
    """What the votes say that count: of who may decide, on exactly what is asked now."""
    counted = {folded(vote.who): vote.verdict for vote in case.votes if vote.digest == case.digest}
    approved = _seats(body, counted, Verdict.APPROVE)
    denied = tuple(s for s in _seats(body, counted, Verdict.DENY) if s not in approved)
    state = CaseState.OPEN
    if len(approved) >= body.needed:
        state = CaseState.APPROVED
    elif len(body.seats) - len(denied) < body.needed:
        state = CaseState.DENIED
    return Tally(approved, denied, state)


def counting(case: Case) -> tuple[Vote, ...]:
    """Votes on exactly what is asked now."""
    return tuple(vote for vote in case.votes if vote.digest == case.digest)


def _seats(body: Body, counted: dict[str, Verdict], verdict: Verdict) -> tuple[Seat, ...]:
    return tuple(s for s in body.seats if any(counted.get(p) is verdict for p in s.people))


def _seat(domain: str, role: str, roster: Roster, requester: str) -> Seat:
    for stand_in in _STAND_INS[role]:
        people = _without(roster.in_role(f"{domain}.{stand_in}"), requester)
        if people:
            return Seat(stand_in, people)
    return Seat(role, ())


def _board(case: Case, name: str, rights: Rights, roster: Roster, now: datetime) -> Body:
    """The board, or whom it escalated to when its time is over."""
    start, former = case.opened_at, ""
    while (board := rights.board(name)) is not None:
        deadline = start + parse_duration(board.within) if board.within else None
        if deadline is None or now < deadline:
            members = _without(board.members, case.requested_by)
            seats = tuple(Seat("", (member,)) for member in members)
            return Body(f"board {name}", seats, board.quorum, deadline, former)
        start, former, name = deadline, name, board.escalates_to
    people = _without(roster.in_role(name), case.requested_by) if is_role(name) else ()
    return Body(f"role {name}", (Seat("", people),), 1, None, former)


def _without(people: Iterable[str], requester: str) -> tuple[str, ...]:
    return tuple(name for name in people if folded(name) != folded(requester))
