"""A mesh of two domains, in values: who is in it, its ports, and deciders over policies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from mesh.access.agreements import CatalogAgreements
from mesh.access.deciding import Decider
from mesh.access.defaults import NoAgreements
from mesh.access.model import Action, Agreement, Ask, Port, Principal
from mesh.access.policies import Policies
from mesh.access.principals import Directory
from mesh.access.reading_policies import policies_of
from mesh.access.rights import Rights
from mesh.access.row_filters import row_filter
from mesh.contracts.model import Classification, Column, Contract, Version
from mesh.naming import ProductId
from mesh.products.domain import OrganizationManifest
from mesh.products.policy_files import PolicyFile
from mesh.products.ports import Access

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
TEAM = {
    "name": "The Team",
    "product_owner": {"name": "Ada", "email": "ada@example.com"},
    "business_technology_partner": {"name": "Ben", "email": "ben@example.com"},
    "data_steward": {"name": "Cleo", "email": "cleo@example.com"},
    "members": [{"name": "Dan", "email": "dan@example.com"}],
}
ANALYTICS = {
    **TEAM,
    "product_owner": {"name": "Nadia", "email": "nadia@example.com"},
    "data_steward": {"name": "Elena", "email": "elena@example.com"},
    "business_technology_partner": {"name": "Sam", "email": "sam@example.com"},
    "members": [],
}
ORGANIZATION = """
name: Air Traffic
domains: [flights, analytics]
attributes: {carrier: text, clearance: number, is_external: flag}
people:
  - {name: Una, email: una@carrier.example.com, roles: [analyst], attributes: {carrier: UA}}
  - {name: Ida, email: ida@example.com, roles: [auditor]}
services:
  - {name: dashboards, domain: analytics, roles: [analyst]}
groups:
  mesh-analysts: [analyst]
  flights-team: [flights.member]
"""


def column(name: str, type_: str = "string", classification: str = "internal") -> Column:
    return Column(name, type_, classification=Classification(classification))


FLIGHTS = Contract(
    "flights",
    Version(1, 0, 0),
    "Flights.",
    (
        column("flight_number", "int64"),
        column("carrier"),
        column("departed_at", "timestamp"),
        column("delay_minutes", "float64"),
        column("tail_number", classification="confidential"),
        column("pilot", classification="personal"),
    ),
    (),
)


def port(
    name: str = "flights.departures_v1",
    access: str = "protected",
    contract: Contract = FLIGHTS,
    **tags: str,
) -> Port:
    id_ = ProductId.parse(name)
    return Port(id_, id_.domain, Access(access), contract, tags)


def directory(organization: str = ORGANIZATION) -> Directory:
    manifest = OrganizationManifest.model_validate(yaml.safe_load(organization))
    return Directory({"flights": {"team": TEAM}, "analytics": {"team": ANALYTICS}}, manifest)


IMPLIED = CatalogAgreements(NoAgreements(), Rights())


class Agreed:
    """Agreements that are held in a list."""

    def __init__(self, *agreements: Agreement) -> None:
        self.agreements = list(agreements)

    def covering(
        self,
        principal: Principal,
        port: Port,
        purpose: str,
        columns: Sequence[str] | None,
        now: datetime,
    ) -> Agreement | None:
        for agreement in self.agreements:
            is_open = agreement.until is None or agreement.until > now
            if is_open and (agreement.holder, agreement.port) == (principal.name, port.name):
                return agreement
        return IMPLIED.covering(principal, port, purpose, columns, now)


def agreement(holder: str, *columns: str, port: str = "flights.departures_v1") -> Agreement:
    return Agreement("A-1", port, holder, "planning", columns or None)


def organizations(text: str, name: str = "rules") -> PolicyFile:
    return PolicyFile(f"domains/policies/{name}.cedar", textwrap.dedent(text))


def domains(text: str, domain: str = "flights") -> PolicyFile:
    return PolicyFile(f"domains/{domain}/policies/own.cedar", textwrap.dedent(text), domain)


def policies(*files: PolicyFile) -> Policies:
    return policies_of(files)


def decider(*files: PolicyFile, agreed: Sequence[Agreement] = (), **options: Any) -> Decider:
    rows = options.pop("rows", row_filter)
    return Decider(policies(*files), directory(), Agreed(*agreed), rows=rows, **options)


def ask(name: str, action: Action = Action.READ, of: Port | None = None, **options: Any) -> Ask:
    principal = options.pop("principal", None) or directory().principal(name)
    return Ask(principal, action, of or port(), now=options.pop("now", NOW), **options)
