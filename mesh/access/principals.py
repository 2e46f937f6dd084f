"""Who somebody is: the people, services and products of a mesh as principals.

Owns the way from manifests to roles, domains and attributes. Believes nobody: who asks was
authenticated elsewhere, and an identity provider's groups and claims add only what
`organization.yaml` says that they may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from mesh.access.model import Attribute, Principal, PrincipalKind
from mesh.errors import InvalidNameError
from mesh.naming import ProductId
from mesh.products.collection import Organization
from mesh.products.domain import NAMED_ROLES, AttributeType, OrganizationManifest
from mesh.products.people import is_of_type


@dataclass(slots=True)
class _Entry:
    """What manifests say of one person or service."""

    kind: PrincipalKind
    title: str
    roles: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    attributes: dict[str, Attribute] = field(default_factory=dict)

    def add_roles(self, roles: Iterable[str]) -> None:
        """Add roles; one in a domain makes a member of it."""
        for role in roles:
            self.roles.add(role)
            if "." in role:
                self.domains.add(role.partition(".")[0])


class Directory:
    """Everyone whom the manifests of a mesh know. Immutable, and may be shared by threads."""

    def __init__(
        self, manifests: Mapping[str, Mapping[str, Any]], organization: OrganizationManifest
    ) -> None:
        self._domains = frozenset((*manifests, *organization.domains))
        self._groups = organization.groups
        self._types: Mapping[str, AttributeType] = organization.attributes
        self._entries: dict[str, _Entry] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        for domain, manifest in manifests.items():
            self._add_team(domain, manifest["team"])
        self._add_organization(organization)

    @classmethod
    def of_organization(cls, organization: Organization) -> Self:
        """The directory of a mesh as its folders declare it."""
        manifests = {d.name: d.manifest.model_dump(mode="json") for d in organization.domains}
        return cls(manifests, organization.manifest)

    @property
    def attributes(self) -> Mapping[str, AttributeType]:
        """The attributes that principals may have, and what each is."""
        return self._types

    @property
    def domains(self) -> frozenset[str]:
        """The domains of the mesh."""
        return self._domains

    def principal(
        self,
        name: str,
        groups: Iterable[str] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Principal:
        """Who has that name: an e-mail address, a service, or a product.

        `groups` and `attributes` are what an identity provider says of them. Groups that are not
        mapped, and attributes that are not declared or of another type, are passed over; what
        `organization.yaml` says of somebody goes before the provider's word.
        """
        if name not in self._entries and (product := _product(name)):
            return self._as_product(product)
        known = self._entries.get(_key(name))
        kind = known.kind if known else PrincipalKind.PERSON
        entry = _Entry(kind, known.title if known else "")
        for group in groups:
            entry.add_roles(self._groups.get(group, ()))
        is_known = known is not None or bool(entry.roles)
        entry.attributes = self._believed(attributes or {})
        if known is not None:
            entry.roles |= known.roles
            entry.domains |= known.domains
            entry.attributes |= known.attributes
        return Principal(
            _key(name),
            entry.kind,
            frozenset(entry.domains),
            frozenset(entry.roles),
            entry.attributes,
            is_known=is_known,
        )

    def everyone(self) -> list[Principal]:
        """Every person and service, by name."""
        return [self.principal(name) for name in sorted(self._entries)]

    def owner(self, domain: str) -> str:
        """The product owner of a domain, as `Name <email>`; empty for no such domain."""
        found = self._owners.get(domain)
        return f"{found[0]} <{found[1]}>" if found else ""

    def title(self, name: str) -> str:
        """The name that people call a person by; empty for one whom no manifest names."""
        found = self._entries.get(_key(name))
        return found.title if found else ""

    def _as_product(self, product: ProductId) -> Principal:
        is_known = product.domain in self._domains or product.domain == "platform"
        domains = frozenset({product.domain}) if is_known else frozenset[str]()
        return Principal(str(product), PrincipalKind.PRODUCT, domains, is_known=is_known)

    def _believed(self, said: Mapping[str, Any]) -> dict[str, Attribute]:
        return {
            name: value
            for name, value in said.items()
            if name in self._types and is_of_type(value, self._types[name])
        }

    def _add_team(self, domain: str, team: Mapping[str, Any]) -> None:
        named = [(role, team[role]) for role in NAMED_ROLES]
        for role, person in (*named, *(("member", person) for person in team["members"])):
            self._person(person["email"], person["name"]).add_roles([f"{domain}.{role}"])
        owner = team["product_owner"]
        self._owners[domain] = (owner["name"], owner["email"])

    def _add_organization(self, organization: OrganizationManifest) -> None:
        for person in organization.people:
            entry = self._person(person.email, person.name)
            entry.add_roles(person.roles)
            entry.attributes |= person.attributes
        for service in organization.services:
            entry = _Entry(PrincipalKind.SERVICE, service.name)
            entry.add_roles(service.roles)
            entry.domains |= {service.domain} - {""}
            entry.attributes |= service.attributes
            self._entries[service.name] = entry

    def _person(self, email: str, name: str) -> _Entry:
        return self._entries.setdefault(_key(email), _Entry(PrincipalKind.PERSON, name))


def _key(name: str) -> str:
    """How a name is looked up: an address means the same however it is capitalised."""
    return name.casefold() if "@" in name else name


def _product(name: str) -> ProductId | None:
    if "@" in name:
        return None
    try:
        return ProductId.parse(name)
    except InvalidNameError:
        return None
