"""What policies do in this mesh: each, asked about everyone, every port and every column.

Owns the requests that stand for all: people, ports and columns that no policy can tell apart are
asked about once. Says only what was seen: a policy about a purpose or a time that no request had is
not known to be idle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import cedarpy

from mesh.access.entities import (
    column_uid,
    context,
    port_entities,
    principal_entity,
    principal_uid,
    uid,
)
from mesh.access.evaluating import may_concern, policy_set
from mesh.access.kinds import Kinds
from mesh.access.model import Action, Agreement, Ask, Port, Principal, PrincipalKind
from mesh.access.policies import Policies, Policy
from mesh.access.principals import Directory
from mesh.access.row_filters import row_filter
from mesh.contracts.model import Column
from mesh.errors import AccessDeniedError

_NOBODY = Principal("nobody@example.com", is_known=False)
_GUEST = Principal("guest@example.com")

Request = tuple[str, ...]
"""Who, what, on what, and how: one request, as it is told apart from others."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when it is asked."""

    environment: str = ""
    region: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def ask(self, principal: Principal, port: Port) -> Ask:
        """A request made there."""
        return Ask(
            principal,
            Action.READ,
            port,
            environment=self.environment,
            region=self.region,
            now=self.now,
        )


@dataclass(slots=True)
class Survey:
    """Which requests each policy applied to, by the policy's id.

    `alike` are all columns, with their ports, that a column which was asked about stands for.
    """

    asked: int = 0
    applied: dict[str, set[Request]] = field(default_factory=dict)
    alike: dict[str, list[tuple[Port, Column]]] = field(default_factory=dict)

    def of(self, policy: Policy) -> set[Request]:
        """The requests that a policy applied to."""
        return self.applied.get(policy.id, set())


def survey(policies: Policies, ports: Sequence[Port], directory: Directory, place: Place) -> Survey:
    """Ask the policies about everyone and everything, at a place and a time."""
    found = Survey()
    kinds = Kinds.of(policies)
    actions = {str(a): _halves(policies.of_action(str(a))) for a in (*Action, "see")}
    rows = [policy for policy in policies.of_action("see_row") if policy.is_forbid]
    for alike in kinds.ports(ports):
        port, columns = alike[0], kinds.columns(alike)
        found.alike |= {f"{port.name}.{name}": same for name, same in columns.items()}
        base = cedarpy.Entities.from_json_str(json.dumps(port_entities(port)))
        for who in kinds.principals(port, [*_everyone(directory, ports), *_others()]):
            entities = base.with_added_json_str(json.dumps([principal_entity(who)]))
            for asked in _variations(place.ask(who, port), kinds.texts):
                _ask(found, asked, list(columns), actions, entities)
                _ask_rows(found, asked, rows)
    return found


def _variations(ask: Ask, texts: Iterable[str]) -> Iterator[Ask]:
    """The request without an agreement, with two kinds of it, and under every word in turn."""
    port, purpose = ask.port, ask.purpose
    everything = tuple(port.contract.column_names)
    agreements = [
        None,
        Agreement("survey", port.name, ask.principal.name, purpose),
        Agreement("survey", port.name, ask.principal.name, purpose, everything),
    ]
    for agreement in agreements:
        yield replace(ask, agreement=agreement)
    for text in sorted(texts):
        yield replace(
            ask,
            purpose=text,
            agreement=Agreement("survey", port.name, ask.principal.name, text, everything),
        )
    for text in sorted({*texts, *port.tags.values()}):
        yield replace(ask, region=text, environment=text)


def _everyone(directory: Directory, ports: Sequence[Port]) -> list[Principal]:
    return [*directory.everyone(), *(directory.principal(port.name) for port in ports)]


def _others() -> list[Principal]:
    """Those who stand for people whom the manifests do not name."""
    return [_NOBODY, _GUEST]


def _halves(policies: Sequence[Policy]) -> list[cedarpy.PolicySet]:
    """Permits and forbids apart: Cedar tells of either only when it decides."""
    return [
        policy_set([p for p in policies if not p.is_forbid]),
        policy_set([p for p in policies if p.is_forbid]),
    ]


def _actions_of(principal: Principal, port: Port) -> tuple[str, ...]:
    if principal.kind is not PrincipalKind.PRODUCT:
        return (str(Action.READ),)
    is_own = principal.name == port.name
    return (str(Action.USE), str(Action.PUBLISH)) if is_own else (str(Action.USE),)


def _ask(
    found: Survey,
    ask: Ask,
    columns: Sequence[str],
    actions: Mapping[str, list[cedarpy.PolicySet]],
    entities: cedarpy.Entities,
) -> None:
    told = json.dumps(context(ask))
    asked = [
        (action, uid("Port", ask.port.name)) for action in _actions_of(ask.principal, ask.port)
    ]
    asked += [("see", column_uid(ask.port, name)) for name in columns]
    for action, resource in asked:
        found.asked += 1
        request = {
            "principal": principal_uid(ask.principal),
            "action": uid("Action", action),
            "resource": resource,
            "context": told,
        }
        key = (action, ask.principal.name, resource["id"], told)
        for half in actions[action]:
            for id_ in cedarpy.is_authorized(request, half, entities).diagnostics.reasons:
                found.applied.setdefault(id_, set()).add(key)


def _ask_rows(found: Survey, ask: Ask, policies: Sequence[Policy]) -> None:
    for policy in policies:
        if not may_concern(policy, ask.port):
            continue
        found.asked += 1
        try:
            has_say = row_filter([policy], ask) is not None
        except AccessDeniedError:
            has_say = True
        if has_say:
            key = ("see_row", ask.principal.name, ask.port.name, json.dumps(context(ask)))
            found.applied.setdefault(policy.id, set()).add(key)
