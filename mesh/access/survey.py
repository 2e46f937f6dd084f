"""What policies do in this mesh: each, asked about everyone, every port and every column.

Owns the requests that stand for all: people, ports and columns that no policy can tell apart are
asked about once, for every purpose, place and moment that a policy names, and combinations of them.
Says only what was seen: where there are very many of these, not all are tried.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import product

import cedarpy

from mesh.access.circumstances import Circumstance, Compared, combined
from mesh.access.entities import (
    RESIDENCY,
    Uid,
    column_uid,
    context,
    port_entities,
    principal_entity,
    principal_uid,
    uid,
)
from mesh.access.evaluating import is_about, may_concern, policy_set
from mesh.access.kinds import Kinds
from mesh.access.model import Action, Agreement, Ask, Port, Principal, PrincipalKind
from mesh.access.policies import Policies, Policy
from mesh.access.principals import Directory
from mesh.access.row_filters import row_filter
from mesh.contracts.model import Column
from mesh.errors import AccessDeniedError

_NOBODY = Principal("nobody@example.com", is_known=False)
_GUEST = Principal("guest@example.com")

_ON_PORTS = tuple(map(str, Action))

Request = tuple[str, ...]
"""Who, what, on what, and how: one request, as it is told apart from others."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when it is asked."""

    environment: str = ""
    region: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def ask(self, who: Principal, port: Port) -> Ask:
        """A request made there."""
        return Ask(
            who,
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
    `untried` are the combinations of purposes, places and moments that were left out, and `cut` the
    actions that they are of.
    """

    asked: int = 0
    untried: int = 0
    cut: set[str] = field(default_factory=set)
    applied: dict[str, set[Request]] = field(default_factory=dict)
    alike: dict[str, list[tuple[Port, Column]]] = field(default_factory=dict)

    def of(self, policy: Policy) -> set[Request]:
        """The requests that a policy applied to."""
        return self.applied.get(policy.id, set())


def survey(policies: Policies, ports: Sequence[Port], directory: Directory, place: Place) -> Survey:
    """Ask the policies about everyone and everything, at a place and a time."""
    found = Survey()
    kinds = Kinds.of(policies)
    halves = {action: _halves(policies.of_action(action)) for action in (*_ON_PORTS, "see")}
    rows = [policy for policy in policies.of_action("see_row") if policy.is_forbid]
    for alike in kinds.ports(ports):
        port, columns = alike[0], kinds.columns(alike)
        found.alike |= {f"{port.name}.{name}": same for name, same in columns.items()}
        compared = {a: _compared(policies.of_action(a), port) for a in (*halves, "see_row")}
        base = cedarpy.Entities.from_json_str(json.dumps(port_entities(port)))
        for who in kinds.principals(port, [*_everyone(directory, ports), *_others()]):
            entities = base.with_added_json_str(json.dumps([principal_entity(who)]))
            ways = {a: _ways(found, a, compared[a], place.ask(who, port)) for a in compared}
            on_columns = [column_uid(port, name) for name in columns]
            _ask(found, "see", _asks(ways["see"], who, port), on_columns, halves, entities)
            for action in _actions_of(who, port):
                # What is seen is told together with whether it may be read, asked in the same way.
                asks = _asks(dict.fromkeys([*ways[action], *ways["see"]]), who, port)
                _ask(found, action, asks, [uid("Port", port.name)], halves, entities)
            for ask in _asks(ways["see_row"], who, port):
                _ask_rows(found, ask, rows)
    return found


def _compared(policies: Iterable[Policy], port: Port) -> list[Compared]:
    return [Compared.of(policy) for policy in policies if is_about(policy, port)]


def _ways(found: Survey, action: str, compared: Sequence[Compared], ask: Ask) -> list[Circumstance]:
    """For what, where and when it is asked."""
    others = {ask.port.tags.get(RESIDENCY, ""), *map(str, ask.principal.attributes.values())}
    base = Circumstance("", ask.region, ask.environment, ask.now)
    ways, untried = combined(compared, base, others)
    found.untried += untried
    found.cut |= {action} if untried else set()
    return ways


def _asks(ways: Iterable[Circumstance], who: Principal, port: Port) -> list[Ask]:
    """A request for each way, without an agreement and under one; two kinds of it in the first."""
    found: list[Ask] = []
    everything = tuple(port.contract.column_names)
    for way in ways:
        ask = Ask(who, Action.READ, port, **asdict(way))
        agreement = Agreement("survey", port.name, who.name, way.purpose, everything)
        if not found:
            found.append(replace(ask, agreement=replace(agreement, columns=None)))
        found += [ask, replace(ask, agreement=agreement)]
    return found


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
    action: str,
    asks: Sequence[Ask],
    resources: Sequence[Uid],
    halves: Mapping[str, list[cedarpy.PolicySet]],
    entities: cedarpy.Entities,
) -> None:
    """Ask for each of these resources in each of these ways; Cedar is told of all at once."""
    who, told = asks[0].principal, [json.dumps(context(ask)) for ask in asks]
    ways = list(product(resources, told))
    found.asked += len(ways)
    common = {"principal": principal_uid(who), "action": uid("Action", action)}
    requests = [{**common, "resource": resource, "context": way} for resource, way in ways]
    keys = [(action, who.name, resource["id"], way) for resource, way in ways]
    for half in halves[action]:
        results = cedarpy.is_authorized_batch(requests, half, entities)
        for key, result in zip(keys, results, strict=True):
            for id_ in result.diagnostics.reasons:
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
