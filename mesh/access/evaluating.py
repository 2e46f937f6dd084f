"""Policies, evaluated by Cedar.

Owns the parsed policies, one set an action, and what is kept of ports between requests. Only says
what Cedar found: what follows from it is `mesh.access.deciding`.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy

from mesh.access.decision_keys import MOST, key_of_port
from mesh.access.entities import (
    Uid,
    column_uid,
    context,
    port_entities,
    principal_entity,
    principal_uid,
    uid,
)
from mesh.access.model import Ask, PolicyNote, Port
from mesh.access.policies import ACTIONS, Policies, Policy
from mesh.recent import Recent


@dataclass(frozen=True, slots=True)
class Finding:
    """What Cedar found: allowed or not, by which policies, and what it failed to evaluate."""

    is_allowed: bool
    policies: tuple[Policy, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[PolicyNote, ...]:
        """The policies, as they are told."""
        return tuple(policy.note for policy in self.policies)


class Evaluator:
    """Sound policies, ready to be asked."""

    def __init__(self, policies: Policies) -> None:
        self._by_id = {policy.id: policy for policy in policies}
        self._sets = {action: policy_set(policies.of_action(action)) for action in ACTIONS}
        self._rows = tuple(p for p in policies.of_action("see_row") if p.is_forbid)
        self._ports: Recent[Hashable, cedarpy.Entities] = Recent(MOST)

    def port(self, ask: Ask) -> Finding:
        """Whether the port may be read, used or published."""
        (found,) = self._asked(ask, str(ask.action), [uid("Port", ask.port.name)])
        return found

    def columns(self, ask: Ask) -> Iterator[tuple[str, Finding]]:
        """Whether each column that is asked for is seen, in the contract's order."""
        asked = ask.port.contract.column_names
        names = [name for name in asked if ask.columns is None or name in ask.columns]
        resources = [column_uid(ask.port, name) for name in names]
        return zip(names, self._asked(ask, "see", resources), strict=True)

    def row_policies(self, ask: Ask) -> tuple[Policy, ...]:
        """The policies that may forbid rows of the port, whoever asks."""
        return tuple(policy for policy in self._rows if may_concern(policy, ask.port))

    def _asked(self, ask: Ask, action: str, resources: Sequence[Uid]) -> list[Finding]:
        base = self._ports.get(key_of_port(ask.port), lambda: _known(ask.port))
        entities = base.with_added_json_str(json.dumps([principal_entity(ask.principal)]))
        told = json.dumps(context(ask))
        requests = [
            {
                "principal": principal_uid(ask.principal),
                "action": uid("Action", action),
                "resource": resource,
                "context": told,
            }
            for resource in resources
        ]
        found = cedarpy.is_authorized_batch(requests, self._sets[action], entities)
        return [self._finding(result) for result in found]

    def _finding(self, result: cedarpy.AuthzResult) -> Finding:
        errors = tuple(result.diagnostics.errors)
        policies = (self._by_id[id_] for id_ in sorted(result.diagnostics.reasons))
        return Finding(result.allowed and not errors, tuple(policies), errors)


def may_concern(policy: Policy, port: Port) -> bool:
    """Whether the scope of a policy allows for what is in a port."""
    scope = policy.body["resource"]
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    own = port.domain == policy.domain or not policy.domain
    if not entity:
        return own
    names = {"Mesh::Port": port.name, "Mesh::Domain": port.domain}
    if scope["op"] == "==" and entity["type"] != "Mesh::Row":
        return False
    return own and names.get(entity["type"]) == entity["id"]


def is_about(policy: Policy, port: Port, column: str = "") -> bool:
    """Whether the scope of a policy allows for a column of a port; or for anything of the port."""
    scope = policy.body["resource"]
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    if not entity:
        return port.domain == policy.domain or not policy.domain
    of, _, name = entity["id"].rpartition(".")
    if entity["type"] == "Mesh::Column":
        return bool(of == port.name and column in {"", name})
    names = {"Mesh::Port": port.name, "Mesh::Domain": port.domain}
    return bool(names.get(entity["type"]) == entity["id"])


def policy_set(policies: Sequence[Policy]) -> cedarpy.PolicySet:
    """These policies, parsed; each is named by its id."""
    told: dict[str, Any] = {
        "staticPolicies": {policy.id: policy.body for policy in policies},
        "templates": {},
        "templateLinks": [],
    }
    return cedarpy.PolicySet.from_json_str(json.dumps(told))


def _known(port: Port) -> cedarpy.Entities:
    return cedarpy.Entities.from_json_str(json.dumps(port_entities(port)))
