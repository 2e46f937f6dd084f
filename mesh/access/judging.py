"""What is noteworthy about sound policies: those that never decide, and those that others undo.

Owns the comparisons: by what two policies say, and by what all of them did in a survey of the mesh.
Notes are no problems: a policy may be written before there is anything that it is about. Guardrails
are not looked at: they are there for what may come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from mesh.access.hiding import most_hiding
from mesh.access.model import Mask, MaskKind
from mesh.access.policies import DECLARE, Layer, Policies, Policy
from mesh.access.survey import Request, Survey
from mesh.errors import Problem

_DROP = Mask(MaskKind.DROP)


def policy_notes(policies: Policies, found: Survey) -> list[Problem]:
    """Conflicts and policies without a say, each with its place."""
    own = [
        policy
        for policy in policies
        if policy.layer is not Layer.BUILT_IN and policy.actions != (DECLARE,)
    ]
    notes: list[Problem] = []
    for policy in own:
        if twin := _twin(policy, policies):
            what = f"{policy.id} says the same as {twin.id}, in {twin.source}"
            notes.append(Problem(what, policy.source, "leave one of them out"))
        elif not found.of(policy):
            what = f"{policy.id} never decides: nothing that was asked of this mesh is about it"
            hint = "look at what it names and compares, or leave it until there is such data"
            notes.append(Problem(what, policy.source, hint))
        elif found.cut & {*policy.actions}:
            continue  # what was not tried may be where it decides alone
        elif policy.is_forbid:
            notes += _covered(policy, policies, found)
        else:
            notes += _beaten(policy, policies, found)
    return notes


def _twin(policy: Policy, policies: Policies) -> Policy | None:
    """A policy before this one with the same scope, conditions, effect and mask."""
    for other in policies:
        if other is policy:
            return None
        if _said(other) == _said(policy):
            return other
    return None


def _said(policy: Policy) -> tuple[str, str, Mask | None]:
    """What a policy says, without its name."""
    plain = {key: value for key, value in policy.body.items() if key != "annotations"}
    return policy.effect, json.dumps(plain, sort_keys=True), policy.mask


def _beaten(policy: Policy, policies: Policies, found: Survey) -> Iterator[Problem]:
    """The conflict of a permit that is forbidden wherever it permits."""
    permitted = found.of(policy)
    forbids = [other for other in policies if other.is_forbid and found.of(other) & permitted]
    alone = next((other for other in forbids if permitted <= found.of(other)), None)
    beating = [alone] if alone else forbids
    if permitted and permitted <= _together(beating, found):
        names = ", ".join(f"{other.id} ({other.source})" for other in beating)
        what = f"{policy.id} permits nothing: whatever it permits is forbidden by {names}"
        hint = "a forbid always wins: narrow the forbid, or leave the permit out"
        yield Problem(what, policy.source, hint)


def _covered(policy: Policy, policies: Policies, found: Survey) -> Iterator[Problem]:
    """The note of a forbid that another one forbids as much as, wherever it applies."""
    forbidden = found.of(policy)
    for other in policies:
        if other is policy or not other.is_forbid or not _hides_as_much(other, policy):
            continue
        is_wider = forbidden < found.of(other)
        is_before = _position(other, policies) < _position(policy, policies)
        goes_first = is_before or (other.mask or _DROP) != (policy.mask or _DROP)
        if is_wider or (goes_first and forbidden == found.of(other)):
            what = f"{policy.id} changes nothing: {other.id} ({other.source}) forbids it already"
            yield Problem(what, policy.source, "narrow the other, or leave this one out")
            return


def _hides_as_much(other: Policy, policy: Policy) -> bool:
    """Whether what a policy forbids to see is not more hidden by it than by the other.

    Rows are left out by each condition of its own: two policies on rows say nothing of each other.
    """
    if "see_row" in policy.actions:
        return False
    mine, theirs = policy.mask or _DROP, other.mask or _DROP
    return "see" not in policy.actions or most_hiding([mine, theirs]) == theirs


def _together(policies: Sequence[Policy], found: Survey) -> set[Request]:
    return set().union(*(found.of(policy) for policy in policies))


def _position(policy: Policy, policies: Policies) -> int:
    return policies.policies.index(policy)
