"""Three domains with people of their own, and what they ask each other for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesh.access.agreeing import Agreeing
from mesh.access.agreements import CatalogAgreements
from mesh.access.docket import Ballot, Docket
from mesh.access.model import Port, Principal, PrincipalKind
from mesh.access.rights import Rights
from mesh.access.roster import Roster
from mesh.access.terms import Terms
from mesh.catalog.cases import Case, Verdict
from mesh.catalog.store import Catalog
from mesh.naming import ProductId
from mesh.products.collection import Domain
from mesh.products.decision_rights import Board, ConsumerKind, DecisionRight
from mesh.products.domain import DomainManifest
from mesh.products.ports import Access
from tests.catalog.factories import contract, manifest, product

PORT = "weather.observations_v1"
OWNER, PARTNER, STEWARD = "olga@weather.org", "pia@weather.org", "stan@weather.org"
ANN, ANDY = "ann@reports.org", "andy@reports.org"
IDA = "ida@fleet.org"
BOARD = Board(members=("b1@fleet.org", "b2@fleet.org", "b3@fleet.org"), quorum=2)


def person(email):
    return {"name": email.partition("@")[0].title(), "email": email}


def domain(name, *products, members=()):
    told = manifest(name).model_dump(mode="json")
    first = {"weather": "olga", "reports": "ora", "fleet": "ole"}[name]
    people = {
        "product_owner": f"{first}@{name}.org",
        "business_technology_partner": f"pia@{name}.org",
        "data_steward": f"stan@{name}.org",
    }
    told["team"] |= {role: person(email) for role, email in people.items()}
    told["team"]["members"] = [person(email) for email in members]
    return Domain(name, Path("domains") / name, DomainManifest.model_validate(told), products)


@dataclass(frozen=True)
class Mesh:
    """The mesh, and the decision rights in it."""

    catalog: Catalog
    rights: Rights

    def under(self, *rules: dict, **boards: Board) -> Mesh:
        """The same, with decision rights of its own."""
        rights = Rights(tuple(DecisionRight.model_validate(rule) for rule in rules), boards)
        return replace(self, rights=rights)

    @property
    def roster(self) -> Roster:
        return Roster.of_domains(self.catalog.domains())

    @property
    def docket(self) -> Docket:
        return Docket(self.catalog, self.rights, self.roster)

    @property
    def agreeing(self) -> Agreeing:
        return Agreeing(self.docket)

    def request(self, by=ANN, product=PORT, **terms) -> Case:
        told = {"holder": "", "purpose": "planning", **terms}
        asked = Terms(holder_kind=ConsumerKind.PERSON, **told)
        return self.agreeing.request(product, asked, by)

    def approve(self, case, by, **said) -> Case:
        return self.agreeing.vote(case.id, Ballot(Verdict.APPROVE, by, **said))

    def deny(self, case, by, **said) -> Case:
        return self.agreeing.vote(case.id, Ballot(Verdict.DENY, by, **said))

    def agreed(self, **terms) -> Case:
        """An agreement that owner and steward have approved."""
        case = self.request(**terms)
        for name in (OWNER, STEWARD):
            case = self.approve(case, name)
        return case

    def covering(self, principal=None, port=None, *, columns=None, purpose="planning", days=0):
        """What covers a use, so many days from now."""
        agreements = CatalogAgreements(self.catalog.agreements, self.rights)
        now = datetime.now(UTC) + timedelta(days=days)
        return agreements.covering(principal or ann(), port or a_port(), purpose, columns, now)


def ann(**values) -> Principal:
    told = {"domains": frozenset({"reports"}), "roles": frozenset({"reports.member"}), **values}
    return Principal(ANN, **told)


def a_product(name="reports.days_v1") -> Principal:
    domains = frozenset({ProductId.parse(name).domain})
    return Principal(name, PrincipalKind.PRODUCT, domains)


def a_port(name=PORT, promise=None) -> Port:
    return Port(ProductId.parse(name), "weather", Access.PROTECTED, promise or contract())


def mesh_of(catalog: Catalog) -> Mesh:
    promises = [contract(), contract("2.0.0", "gust")]
    weather = [product(f"weather.observations_v{n + 1}", p) for n, p in enumerate(promises)]
    others = {"stations_v1": Access.PUBLIC, "drafts_v1": Access.PRIVATE}
    weather += [replace(product(f"weather.{n}"), access=a) for n, a in others.items()]
    catalog.register(domain("weather", *weather, members=["mia@weather.org"]))
    catalog.register(domain("reports", product("reports.days_v1"), members=[ANN, ANDY]))
    catalog.register(domain("fleet", members=[IDA, *BOARD.members]))
    return Mesh(catalog, Rights())
