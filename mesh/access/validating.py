"""Whether policies mean something in a mesh: types, attributes, and names that exist.

Owns the check against the schema, strictly, and of every domain, port, role and person that a
policy names. Both matter for safety: a `forbid` that fails, or names nobody, forbids nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import cedarpy

from mesh.access.evaluating import may_concern
from mesh.access.model import OrganizationRole, Port
from mesh.access.policies import Layer, Policies, Policy
from mesh.access.principals import Directory
from mesh.access.row_filters import row_problems
from mesh.access.schema import cedar_columns, schema_text
from mesh.catalog.model import Role
from mesh.errors import Problem, did_you_mean, near_names

_POLICY = re.compile(r"for policy `policy\d+`, ")
_PRINCIPAL = re.compile(r" on entity type `Mesh::(Person|Service|DataProduct)`")
_OPTIONAL = re.compile(r"optional attribute `(\w+)`( of who asks)?")
_AT_MOST = 3
"""How many products are named of those that a policy does not fit."""


def policy_problems(
    policies: Policies, ports: Sequence[Port], directory: Directory
) -> list[Problem]:
    """Everything that is wrong with policies in a mesh of these ports and people."""
    problems = [*policies.problems]
    known = _known(ports, directory)
    own = [policy for policy in policies if policy.layer is not Layer.BUILT_IN]
    base = cedarpy.Schema.from_str(schema_text(directory.attributes))
    for policy in own:
        problems += _name_problems(policy, known)
        if "see_row" not in policy.actions:
            found = _type_problems(policy.text, base)
            problems += [Problem(what, policy.source, _hint(what, _WORDS)) for what in found]
        else:
            problems += _row_problems(policy, ports, directory)
    return problems


_WORDS = "docs/guides/policy.md lists what a policy may ask for"


def _type_problems(text: str, schema: cedarpy.Schema) -> list[str]:
    result = cedarpy.validate_policies(text, schema)
    told = (_POLICY.sub("", error.error) for error in result.errors)
    return list(dict.fromkeys(_PRINCIPAL.sub(" of who asks", text) for text in told))


def _row_problems(policy: Policy, ports: Sequence[Port], directory: Directory) -> Iterator[Problem]:
    """What is wrong on the rows of each port; ports with the same columns are checked once.

    Only columns that the policy speaks of are told to Cedar, so that many ports look alike.
    """
    spoken = attributes_of(policy.body)
    shapes: dict[tuple[tuple[str, str], ...], list[Port]] = {}
    for port in ports:
        if may_concern(policy, port):
            columns = cedar_columns(port.contract)
            shape = tuple((name, columns[name]) for name in sorted(spoken & columns.keys()))
            shapes.setdefault(shape, []).append(port)
    for shape, alike in (shapes or {(): []}).items():
        schema = cedarpy.Schema.from_str(schema_text(directory.attributes, dict(shape)))
        names = [port.name for port in alike]
        told = ", ".join(names[:_AT_MOST]) + (", …" if len(names) > _AT_MOST else "")
        found = _type_problems(policy.text, schema)
        for what in found:
            of = f"in rows of {told}: " if told else ""
            hint = _hint(what, _row_hint(alike, spoken))
            yield Problem(f"{of}{what}", policy.source, hint)
        for port in () if found else alike:
            for what in row_problems(policy, port, directory.attributes):
                yield Problem(f"in rows of {port.name}: {what}", policy.source, _WORDS)


def _hint(what: str, otherwise: str) -> str:
    """What to do next: most of all, to ask first for what may be absent."""
    absent = _OPTIONAL.search(what)
    if absent is None:
        return otherwise
    of = "principal" if absent[2] else "resource"
    return f"ask whether it is there first, as in: {of} has {absent[1]} && …"


def _row_hint(ports: Sequence[Port], spoken: frozenset[str]) -> str:
    """The columns that a policy over these rows could ask for."""
    if not ports:
        return _WORDS
    names = cedar_columns(ports[0].contract)
    for name in sorted(spoken - names.keys()):
        if near := near_names(name, names):
            return did_you_mean(near)
    return _WORDS


def attributes_of(body: Any) -> frozenset[str]:
    """Every attribute that a policy's JSON asks for, of whatever."""
    found: set[str] = set()
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if isinstance(attribute := part.get("attr"), str):
                found.add(attribute)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return frozenset(found)


def _known(ports: Iterable[Port], directory: Directory) -> dict[str, frozenset[str]]:
    """What there is of each kind that a policy may name."""
    every = list(ports)
    names = frozenset(port.name for port in every)
    domains = directory.domains | {port.domain for port in every}
    roles = {f"{domain}.{role}" for domain in domains for role in Role}
    people = directory.everyone()
    return {
        "Mesh::Domain": frozenset(domains),
        "Mesh::Port": names,
        "Mesh::DataProduct": names,
        "Mesh::Product": names,
        "Mesh::Role": frozenset(roles | {str(role) for role in OrganizationRole}),
        "Mesh::Column": frozenset(f"{p.name}.{c}" for p in every for c in p.contract.column_names),
        "Mesh::Service": frozenset(p.name for p in people if "@" not in p.name),
    }


def _name_problems(policy: Policy, known: Mapping[str, frozenset[str]]) -> Iterator[Problem]:
    for kind, name in sorted(entities_of(policy.body)):
        word = kind.removeprefix("Mesh::")
        if kind == "Mesh::Person" and name != name.casefold():
            what = f"{word} {name!r} is nobody: addresses are in lower case"
            yield Problem(what, policy.source, f"write {name.casefold()}")
        elif kind in known and name not in known[kind]:
            near = did_you_mean(near_names(name, known[kind]))
            yield Problem(f"there is no {word} {name!r}", policy.source, near)


def entities_of(body: Any) -> set[tuple[str, str]]:
    """Everything that a policy names, with its kind."""
    found: set[tuple[str, str]] = set()
    waiting = [body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if {"type", "id"} <= part.keys():
                found.add((part["type"], part["id"]))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found
