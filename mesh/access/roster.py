"""Who is in which role, for those who decide.

Owns the look-up of people by role and by name. Knows no rights and no groups: who somebody is when
they ask for rows is `principals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mesh.access.model import Principal, PrincipalKind
from mesh.catalog.model import DomainRecord
from mesh.errors import DecisionError, UnknownPersonError

OWNER = "product_owner"
PARTNER = "business_technology_partner"
STEWARD = "data_steward"
"""The roles in a domain whose people decide."""


class Roster:
    """People and services, by name and by role. Addresses mean the same in any case."""

    def __init__(self, principals: Iterable[Principal]) -> None:
        self._known: Mapping[str, Principal] = {folded(p.name): p for p in principals}

    @classmethod
    def of_domains(cls, domains: Iterable[DomainRecord]) -> Roster:
        """The teams of these domains."""
        found: dict[str, tuple[set[str], set[str]]] = {}
        for domain in domains:
            for person in domain.people:
                roles, homes = found.setdefault(folded(person.email), (set(), set()))
                roles.add(f"{domain.name}.{person.role}")
                homes.add(domain.name)
        return cls(
            Principal(name, domains=frozenset(homes), roles=frozenset(roles))
            for name, (roles, homes) in found.items()
        )

    def known(self, name: str) -> Principal | None:
        """The person or service of a name; None for nobody."""
        return self._known.get(folded(name))

    def person(self, name: str) -> Principal:
        """The person of an address, or of the part before the `@` if only one has it.

        Raises UnknownPersonError.
        """
        people = [p for p in self._known.values() if p.kind is PrincipalKind.PERSON]
        own = folded(name)
        short = [p for p in people if p.name.partition("@")[0] == own] if "@" not in own else []
        found = [p for p in people if p.name == own] or short
        if len(found) > 1:
            names = " or ".join(sorted(p.name for p in found))
            raise DecisionError(f"{name!r} may be several people", hint=f"--by {names}")
        if not found:
            raise UnknownPersonError(name, (p.name for p in people))
        return found[0]

    def in_role(self, role: str) -> tuple[str, ...]:
        """People in a role such as `weather.product_owner` or `platform_engineer`, by name."""
        people = (p for p in self._known.values() if p.kind is PrincipalKind.PERSON)
        return tuple(sorted(p.name for p in people if role in p.roles))


def folded(name: str) -> str:
    """A name as it is compared: an address without regard to case."""
    return name.casefold() if "@" in name else name
