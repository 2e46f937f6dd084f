"""Masks that do not fit a column which they would hide: readers of it would be refused.

Owns the look for them before anybody reads. Which mask fits which column is `mesh.access.masks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mesh.access.deciding import Decider
from mesh.access.evaluating import is_about
from mesh.access.hiding import most_hiding
from mesh.access.masks import problems_of
from mesh.access.model import Action, Mask, MaskKind, Port
from mesh.access.policies import Policies, Policy
from mesh.access.survey import Place, Request, Survey, survey
from mesh.errors import Problem

_SEE, _READ = "see", str(Action.READ)
_DROP = Mask(MaskKind.DROP)
_HINT = "put the mask on columns of a type that it fits, or take another: `null` fits every type"


def mask_problems(policies: Policies, found: Survey) -> list[Problem]:
    """What a survey found: a problem for each policy, and product that it does not fit.

    Of several masks on a column the one that hides most counts, as it does for readers.
    """
    told: dict[tuple[str, str], dict[str, None]] = {}
    for key, forbids in _readable(policies, found).items():
        mask = most_hiding(policy.mask or _DROP for policy in forbids)
        for port, column in found.alike[key[2]]:
            for problem in problems_of(mask, column):
                for policy in (p for p in forbids if p.mask == mask):
                    told.setdefault((policy.id, port.name), {})[problem] = None
    by_id = {policy.id: policy for policy in policies}
    return [_problem(by_id[id_], port, list(told[id_, port])) for id_, port in sorted(told)]


def unfit_masks(decider: Decider, ports: Sequence[Port], place: Place) -> list[Problem]:
    """The same, looked for among those of the ports alone that have a column which may be hit."""
    policies = decider.policies
    masking = [policy for policy in policies if policy.mask is not None]
    doubtful = [port for port in ports if any(_may_not_fit(policy, port) for policy in masking)]
    if not doubtful:
        return []
    deciding = tuple(p for p in policies if {_SEE, _READ} & {*p.actions})
    asked = replace(policies, policies=deciding)
    return mask_problems(asked, survey(asked, doubtful, decider.directory, place))


def _readable(policies: Policies, found: Survey) -> dict[Request, list[Policy]]:
    """What forbids to see a column, by the request; only where its port may be read."""
    reading = policies.of_action(_READ)
    allowed = _applied([policy for policy in reading if not policy.is_forbid], found, _READ)
    refused = _applied([policy for policy in reading if policy.is_forbid], found, _READ)
    readable = allowed - refused
    by_request: dict[Request, list[Policy]] = {}
    for policy in policies.of_action(_SEE):
        for key in _asked(policy, found, _SEE) if policy.is_forbid else ():
            _, who, column, told = key
            port = found.alike[column][0][0].name
            if (_READ, who, port, told) in readable:
                by_request.setdefault(key, []).append(policy)
    return dict(sorted(by_request.items()))


def _applied(policies: Sequence[Policy], found: Survey, action: str) -> set[Request]:
    return {key for policy in policies for key in _asked(policy, found, action)}


def _asked(policy: Policy, found: Survey, action: str) -> Iterator[Request]:
    return (key for key in found.of(policy) if key[0] == action)


def _may_not_fit(policy: Policy, port: Port) -> bool:
    mask = policy.mask or _DROP
    return any(
        problems_of(mask, column)
        for column in port.contract.columns
        if is_about(policy, port, column.name)
    )


def _problem(policy: Policy, port: str, problems: Sequence[str]) -> Problem:
    mask = policy.mask or _DROP
    text = f"{mask.kind}:{mask.argument}" if mask.argument else str(mask.kind)
    what = f"{policy.id}: its mask {text} does not fit {port}: {'; '.join(problems)}"
    return Problem(what, policy.source, _HINT)
