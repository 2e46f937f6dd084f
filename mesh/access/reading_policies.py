"""Policy files, read: every policy that holds together, and every problem of those that do not.

Owns what Mesh wants of a policy beyond Cedar's grammar: an `@id` that nobody else has, a `@reason`,
a mask that exists, and that a domain only narrows what others do with its own ports. What a policy
means in a mesh (names and types) is checked in `mesh.access.validating`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import cedarpy

from mesh.access.hiding import parse_mask
from mesh.access.model import Mask
from mesh.access.policies import (
    DECLARE,
    OPEN,
    Layer,
    Level,
    Policies,
    Policy,
    actions_of,
    built_in,
    layer_of,
)
from mesh.access.statements import Statement, statements
from mesh.errors import Problem, did_you_mean, near_names
from mesh.products.policy_files import PolicyFile

_ID = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")
_ANNOTATIONS = ("id", "reason", "remedy", "mask", "level")
_OWN = "mesh."
"""How ids of built-in policies begin."""


def policies_of(files: Iterable[PolicyFile]) -> Policies:
    """The built-in policies and those of these files. What is wrong is in `problems`."""
    found: dict[str, Policy] = {}
    problems: list[Problem] = []
    for file in (built_in(), *files):
        for statement in statements(file.text):
            policy, wrong = _read(statement, file)
            problems += wrong
            if policy is None:
                continue
            other = found.setdefault(policy.id, policy)
            if other is not policy:
                what = f"{policy.id} is the id of another policy, in {other.source}"
                problems.append(Problem(what, policy.source, "give one of them another id"))
    return Policies(tuple(found.values()), tuple(problems))


def _read(statement: Statement, file: PolicyFile) -> tuple[Policy | None, list[Problem]]:
    where = f"{file.source}:{statement.line}"
    try:
        found = json.loads(cedarpy.policies_to_json_str(statement.text))
    except RecursionError:
        return None, [Problem("its conditions are nested too deeply", where, "split the policy")]
    except ValueError as error:
        hint = "`docs/guides/policy.md` has examples"
        return None, [Problem(f"it is no policy of Cedar: {error}", where, hint)]
    bodies = list(found["staticPolicies"].values())
    if not bodies:
        what = "a template cannot be filled in here" if found["templates"] else "it says nothing"
        return None, [Problem(what, where, "write the principal or the resource out")]
    body = bodies[0]
    said: Mapping[str, str] = body.get("annotations", {})
    mask, problems = _mask(body, said, where)
    problems += _annotation_problems(said, file, where)
    problems += _layer_problems(body, file, where)
    problems += _level_problems(body, said, where)
    if problems:
        return None, problems
    policy = Policy(
        said["id"],
        said["reason"],
        body["effect"],
        layer_of(file),
        where,
        statement.text,
        narrowed(body, file.domain),
        file.domain,
        said.get("remedy", ""),
        mask,
        Level(said.get("level", Level.ERROR)),
    )
    return policy, []


def narrowed(body: Mapping[str, Any], domain: str) -> Mapping[str, Any]:
    """A policy that holds for what is in a domain alone, whatever its scope says."""
    if not domain:
        return body
    entity = {"__entity": {"type": "Mesh::Domain", "id": domain}}
    inside = {"in": {"left": {"Var": "resource"}, "right": {"Value": entity}}}
    return {**body, "conditions": [{"kind": "when", "body": inside}, *body["conditions"]]}


def _annotation_problems(said: Mapping[str, str], file: PolicyFile, where: str) -> list[Problem]:
    problems = []
    name = said.get("id", "")
    if not _ID.fullmatch(name):
        what = f"{name!r} cannot be a policy's id" if name else "it has no @id"
        hint = 'name it, as in @id("operations.own-carrier")'
        problems.append(Problem(what, where, hint))
    elif name.startswith(_OWN) and layer_of(file) is not Layer.BUILT_IN:
        what = f"{name} is named as a policy of Mesh itself"
        problems.append(Problem(what, where, "let the id begin otherwise"))
    if not said.get("reason", "").strip():
        hint = 'say what people are told, as in @reason("partners see their own flights")'
        problems.append(Problem("it has no @reason", where, hint))
    for unknown in said.keys() - {*_ANNOTATIONS}:
        near = did_you_mean(near_names(unknown, _ANNOTATIONS))
        hint = near or f"annotations are {', '.join('@' + a for a in _ANNOTATIONS)}"
        problems.append(Problem(f"@{unknown} means nothing", where, hint))
    return problems


def _mask(
    body: Mapping[str, Any], said: Mapping[str, str], where: str
) -> tuple[Mask | None, list[Problem]]:
    if "mask" not in said:
        return None, []
    if body["effect"] != "forbid" or actions_of(body) != ("see",):
        what = "only what forbids to see a column has a @mask"
        hint = 'write forbid (principal, action == Mesh::Action::"see", resource …)'
        return None, [Problem(what, where, hint)]
    try:
        return parse_mask(said["mask"]), []
    except ValueError as error:
        return None, [Problem(f"@mask: {error}", where)]


def _level_problems(body: Mapping[str, Any], said: Mapping[str, str], where: str) -> list[Problem]:
    if "level" not in said:
        return []
    if body["effect"] != "forbid" or actions_of(body) != (DECLARE,):
        what = "only a guardrail has a @level: a policy that forbids to declare"
        return [Problem(what, where, "leave it out: what a policy forbids is forbidden")]
    if said["level"] not in {*Level}:
        return [Problem(f"@level: {said['level']!r} is neither error nor warning", where)]
    return []


def _layer_problems(body: Mapping[str, Any], file: PolicyFile, where: str) -> list[Problem]:
    problems = []
    if layer_of(file) is Layer.BUILT_IN:
        return []
    is_permit = body["effect"] == "permit"
    if layer_of(file) is Layer.DOMAIN:
        if is_permit:
            what = "a domain may only narrow: it permits"
            hint = "forbid instead, or have the organisation permit it in domains/policies/"
            problems.append(Problem(what, where, hint))
        if not _is_within(body["resource"], file.domain):
            what = f"a domain narrows its own ports: its resource is not within {file.domain}"
            hint = f'write resource in Mesh::Domain::"{file.domain}", or one of its ports'
            problems.append(Problem(what, where, hint))
    elif is_permit and OPEN & {*actions_of(body)}:
        what = "it permits what is permitted already: to see what may be read, or to declare"
        hint = 'permit Mesh::Action::"read", and forbid what is not to be seen'
        problems.append(Problem(what, where, hint))
    return problems


def _is_within(scope: Mapping[str, Any], domain: str) -> bool:
    """Whether the scope of a resource names a domain or one of its ports."""
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    if not entity:
        return False
    if entity["type"] == "Mesh::Domain":
        return bool(entity["id"] == domain)
    return entity["type"] == "Mesh::Port" and _domain_of(entity["id"]) == domain


def _domain_of(port: str) -> str:
    return port.partition(".")[0]
