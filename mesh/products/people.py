"""Whether the people and services of `organization.yaml` hold together.

Owns the checks across its parts: names that are there once, domains and attributes that exist,
values that are what their attribute says. Who somebody is when they ask is decided in
`mesh.access.principals`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mesh.errors import Problem, did_you_mean, near_names
from mesh.products.domain import AttributeType, OrganizationManifest

_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_ATTRIBUTES = frozenset({"name", "domains", "known"})
"""What every principal has in policies, and so no attribute may be called."""
_TYPES = {AttributeType.TEXT: str, AttributeType.NUMBER: int, AttributeType.FLAG: bool}


def people_problems(manifest: OrganizationManifest, where: str) -> Iterator[Problem]:
    """Everything that is wrong with people, services, groups and attributes together."""
    yield from _attribute_name_problems(manifest, f"{where}: attributes")
    yield from _repeated([p.email.casefold() for p in manifest.people], f"{where}: people")
    yield from _repeated([s.name for s in manifest.services], f"{where}: services")
    for person in manifest.people:
        place = f"{where}: people, {person.email}"
        yield from _role_problems(person.roles, manifest, place)
        yield from _value_problems(person.attributes, manifest, place)
    for service in manifest.services:
        place = f"{where}: services, {service.name}"
        domain = (service.domain,) if service.domain else ()
        yield from _domain_problems(domain, manifest, place)
        yield from _role_problems(service.roles, manifest, place)
        yield from _value_problems(service.attributes, manifest, place)
        if "@" in service.name:
            yield Problem("a service's name has no @: it would be a person's", place, "rename it")
    for group, roles in manifest.groups.items():
        yield from _role_problems(roles, manifest, f"{where}: groups, {group}")


def is_of_type(value: object, kind: AttributeType) -> bool:
    """Whether a value is what an attribute of that type holds."""
    return type(value) is _TYPES[kind]


def _attribute_name_problems(manifest: OrganizationManifest, where: str) -> Iterator[Problem]:
    for name in manifest.attributes:
        if name in RESERVED_ATTRIBUTES:
            yield Problem(f"every principal has {name!r} already", where, "choose another name")
        elif not _ATTRIBUTE.fullmatch(name):
            hint = "write lower-case letters, digits and underscores"
            yield Problem(f"{name!r} cannot be asked for in a policy", where, hint)


def _repeated(names: list[str], where: str) -> Iterator[Problem]:
    for name, times in Counter(names).items():
        if times > 1:
            yield Problem(f"{name} is there {times} times", where, "once is enough")


def _role_problems(
    roles: tuple[str, ...], manifest: OrganizationManifest, where: str
) -> Iterator[Problem]:
    named = (role.partition(".")[0] for role in roles if "." in role)
    yield from _domain_problems(tuple(named), manifest, where)


def _domain_problems(
    names: tuple[str, ...], manifest: OrganizationManifest, where: str
) -> Iterator[Problem]:
    for name in names:
        if name not in manifest.domains:
            hint = did_you_mean(near_names(name, manifest.domains)) or "list it under domains"
            yield Problem(f"there is no domain {name!r}", where, hint)


def _value_problems(
    values: Mapping[str, Any], manifest: OrganizationManifest, where: str
) -> Iterator[Problem]:
    for name, value in values.items():
        kind = manifest.attributes.get(name)
        if kind is None:
            near = did_you_mean(near_names(name, manifest.attributes))
            hint = near or f"declare it: `attributes: {{{name}: text}}`"
            yield Problem(f"attribute {name!r} is not declared", where, hint)
        elif not is_of_type(value, kind):
            yield Problem(f"{name} is {value!r}, and is declared as {kind}", where, "write one")
