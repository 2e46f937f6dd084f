"""Cases on their way to a decision: opened, changed, voted on, withdrawn.

Owns what every kind of case has in common, and that two who act at once cannot both be right: each
step is made on the revision that was looked at, or looked at again. What comes of an approval is
told by whoever owns the kind.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mesh.access.bodies import Body, Tally, body_of, counting, tally
from mesh.access.rights import Matter, Right, Rights
from mesh.access.roster import Roster, folded
from mesh.catalog.cases import AgreementRecord, Case, CaseState, Verdict, Vote
from mesh.catalog.chain import NewEntry
from mesh.catalog.decision_log import state_of
from mesh.catalog.store import Catalog
from mesh.errors import DecisionError
from mesh.products.decision_rights import ChangeKind

_ATTEMPTS = 50
"""How often a step is made anew after somebody was faster."""
_TOLD = ("holder", "purpose", "columns", "until", "renews", "plan", "guardrail")
"""What of a request is in the log: no condition on rows, for that holds values."""
Outcome = Callable[[Case], AgreementRecord | None]
"""Makes what comes of an approved case. Raises DecisionError where it cannot come."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What somebody says. With `digest`, only if that still names what is asked.

    `narrowed` is what is approved instead of it.
    """

    verdict: Verdict
    by: str
    digest: str = ""
    note: str = ""
    narrowed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A case with who decides it now, and how far they are."""

    case: Case
    right: Right
    body: Body | None
    tally: Tally | None

    @property
    def missing(self) -> int:
        """How many approvals are missing."""
        if self.body is None or self.tally is None:
            return 0
        return max(0, self.body.needed - len(self.tally.approved))


@dataclass(frozen=True, slots=True)
class Docket:
    """The cases of a catalog, under the rights and with the people of now."""

    catalog: Catalog
    rights: Rights
    roster: Roster

    def standing(self, case: Case, now: datetime) -> Standing:
        """Who decides a case, and how far they are. Raises DecisionError when that is nobody."""
        right = self.rights.right_for(matter_of(case))
        if right.is_automatic:
            return Standing(case, right, None, None)
        body = body_of(case, right, self.rights, self.roster, now)
        return Standing(case, right, body, tally(body, case))

    def open(
        self,
        kind: ChangeKind,
        subject: str,
        asked: Mapping[str, Any],
        by: str,
        outcome: Outcome,
    ) -> Case:
        """Ask for a decision. Raises DecisionError where nobody could make it.

        Asking for the same again changes nothing; for something else in the same matter, it changes
        what is asked, and what was said to it before does not count any more.
        """
        requester = self.roster.person(by).name
        for _ in range(_ATTEMPTS):
            now = datetime.now(UTC)
            new = Case(secrets.token_hex(4), kind, subject, asked, requester, now, now)
            twins = self.catalog.decisions.cases(kind, subject, CaseState.OPEN)
            twin = next((case for case in twins if case.twin_key == new.twin_key), None)
            if twin is not None:
                return self._amended(twin, asked, requester, outcome)
            if (case := self._opened(new, outcome, now)) is not None:
                return case
        raise _too_busy(subject)

    def vote(self, case_id: str, ballot: Ballot, outcome: Outcome) -> Case:
        """Say yes or no to exactly what is asked. Saying it again changes nothing.

        Raises DecisionError for who may not decide, and for what was changed meanwhile.
        """
        voter = self.roster.person(ballot.by).name
        seen = ""
        for _ in range(_ATTEMPTS):
            case = self.catalog.decisions.case(case_id)
            _require_same(case, seen or ballot.digest)
            seen = case.digest
            if case.state is not CaseState.OPEN:
                return _repeated(case, ballot.verdict)
            now = datetime.now(UTC)
            standing = self.standing(case, now)
            _require_voice(standing, voter)
            step = _Step(case, now, voter)
            if ballot.narrowed is not None and dict(ballot.narrowed) != dict(case.asked):
                step = step.asking(ballot.narrowed)
            elif _has_said(case, voter, ballot.verdict):
                return case
            vote = Vote(voter, ballot.verdict, now, step.case.digest, ballot.note)
            voted = step.voted(vote, standing)
            if self._put(voted, outcome):
                return voted.case
        raise _too_busy(case_id)

    def withdraw(self, case_id: str, by: str) -> Case:
        """Take a request back; only who asked may, and again changes nothing."""
        person = self.roster.person(by).name
        for _ in range(_ATTEMPTS):
            case = self.catalog.decisions.case(case_id)
            if folded(case.requested_by) != folded(person):
                what = f"{person} cannot withdraw it: {case.requested_by} asked"
                raise DecisionError(what, where=case_id)
            if case.state is CaseState.WITHDRAWN:
                return case
            if case.state is not CaseState.OPEN:
                raise DecisionError(f"it is {case.state} already", where=case_id)
            step = _Step(case, datetime.now(UTC), person).ended(CaseState.WITHDRAWN, {})
            if self._put(step, lambda _: None):
                return step.case
        raise _too_busy(case_id)

    def _opened(self, new: Case, outcome: Outcome, now: datetime) -> Case | None:
        """A new case, decided at once where nobody needs to; None when a twin was faster."""
        standing = self.standing(new, now)
        step = _Step(new, now, new.requested_by).noted("requested", {"right": str(standing.right)})
        if standing.right.is_automatic:
            approved = replace(new, state=CaseState.APPROVED)
            step = replace(step, case=approved).noted("approved", {"by": "automatic"})
        return step.case if self._put(step, outcome) else None

    def _amended(
        self, twin: Case, asked: Mapping[str, Any], requester: str, outcome: Outcome
    ) -> Case:
        """The open case, asking for this now; decided, where nobody needs to any more."""
        if folded(twin.requested_by) != folded(requester):
            what = f"{twin.requested_by} asked for that already, as {twin.id}"
            raise DecisionError(what, where=twin.subject, hint=f"`mesh access show {twin.id}`")
        step = _Step(twin, datetime.now(UTC), requester)
        if dict(twin.asked) != dict(asked):
            step = step.asking(asked)
        if self.rights.right_for(matter_of(step.case)).is_automatic:
            step = step.ended(CaseState.APPROVED, {"by": "automatic"})
        if step.case is twin:
            return twin
        if not self._put(step, outcome):
            what = "somebody decided it meanwhile, or changed it"
            raise DecisionError(what, where=twin.id, hint=f"`mesh access show {twin.id}`")
        return step.case

    def _put(self, step: _Step, outcome: Outcome) -> bool:
        """Write a step, with what comes of it."""
        is_approved = step.case.state is CaseState.APPROVED
        agreement = outcome(step.case) if is_approved else None
        entries = step.entries(agreement)
        return self.catalog.decisions.change(step.case, entries, agreement)


@dataclass(frozen=True, slots=True)
class _Step:
    """A case as it becomes, and what is logged of it."""

    case: Case
    now: datetime
    who: str
    said: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def noted(self, what: str, content: Mapping[str, Any]) -> _Step:
        return replace(self, said=(*self.said, (what, content)))

    def asking(self, asked: Mapping[str, Any]) -> _Step:
        """With something else asked for: a revision of its own."""
        return replace(self, case=self._next(asked=dict(asked))).noted("changed", {})

    def ended(self, state: CaseState, content: Mapping[str, Any]) -> _Step:
        return replace(self, case=self._next(state=state)).noted(str(state), content)

    def voted(self, vote: Vote, standing: Standing) -> _Step:
        """With a vote, and what comes of it."""
        body = standing.body
        if body is None:
            raise DecisionError("nobody needs to decide it", where=self.case.id)
        others = tuple(v for v in self.case.votes if folded(v.who) != folded(vote.who))
        case = self._next(votes=(*others, vote))
        state = tally(body, case).state
        content = {"verdict": str(vote.verdict), "note": vote.note, "body": body.name}
        step = replace(self, case=replace(case, state=state)).noted("vote", content)
        return step if state is CaseState.OPEN else step.noted(str(state), {"body": body.name})

    def entries(self, agreement: AgreementRecord | None) -> list[NewEntry]:
        """What is logged: each part with the state in which all is left."""
        told = {name: self.case.asked[name] for name in _TOLD if self.case.asked.get(name)}
        state = state_of("case", self.case.id, self.case.state_digest)
        if agreement is not None:
            state |= state_of("agreement", agreement.id, agreement.state_digest)
        return [
            NewEntry(
                f"{self.case.kind}.{what}",
                self.who,
                self.case.subject,
                {**told, **content, **state},
                self.case.digest,
                self.now,
            )
            for what, content in self.said
        ]

    def _next(self, **changes: Any) -> Case:
        """The case with changes; one step is one revision, however much it changes."""
        is_first = not self.said
        revision = self.case.revision + (1 if is_first else 0)
        return replace(self.case, revision=revision, changed_at=self.now, **changes)


def matter_of(case: Case) -> Matter:
    """What decision rights are asked about a case."""
    return Matter.from_json(case.kind, case.asked["matter"])


def _require_same(case: Case, digest: str) -> None:
    if digest and not case.digest.startswith(digest):
        raise DecisionError(
            "it is not what you looked at: it was changed meanwhile",
            where=case.id,
            hint=f"look again: `mesh access show {case.id}`",
        )


def _require_voice(standing: Standing, voter: str) -> None:
    case, body = standing.case, standing.body
    if body is None or folded(voter) in map(folded, body.people):
        return
    if folded(voter) == folded(case.requested_by):
        raise DecisionError("who asks does not decide", where=case.id, hint=f"{body} may decide it")
    raise DecisionError(f"{voter} does not decide this", where=case.id, hint=f"{body} may")


def _has_said(case: Case, voter: str, verdict: Verdict) -> bool:
    said = [vote for vote in counting(case) if folded(vote.who) == folded(voter)]
    return any(vote.verdict is verdict for vote in said)


def _repeated(case: Case, verdict: Verdict) -> Case:
    """A case that is decided: the same again is no error, and no change."""
    wanted = CaseState.APPROVED if verdict is Verdict.APPROVE else CaseState.DENIED
    if case.state is wanted:
        return case
    who = ", ".join(vote.who for vote in counting(case)) or "decision rights"
    is_access = case.kind is ChangeKind.ACCESS and case.state is CaseState.APPROVED
    hint = f"`mesh access revoke {case.id}` ends it" if is_access else "ask for it anew"
    raise DecisionError(f"it was {case.state} already, by {who}", where=case.id, hint=hint)


def _too_busy(where: str) -> DecisionError:
    return DecisionError("others kept changing it", where=where, hint="look again, then repeat it")
