"""Breaking changes and waivers: asked for and decided as access is.

Owns what such a case asks for. A breaking change is decided for exactly one plan, by its digest: of
another plan nothing was said. A waiver is of one guardrail for one product, and ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from mesh.access.docket import Docket
from mesh.access.rights import Matter
from mesh.access.terms import shown
from mesh.catalog.cases import Case, CaseState
from mesh.catalog.model import ProductRecord
from mesh.catalog.store import Catalog
from mesh.errors import DecisionError
from mesh.products.decision_rights import ChangeKind
from mesh.products.plans import Plan
from mesh.products.plans.digests import Judged


@dataclass(frozen=True, slots=True)
class Waiver:
    """A guardrail that need not be kept by a product for a while. `until` is its end."""

    case: str
    product: str
    guardrail: str
    why: str
    until: datetime
    approved_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Breaking changes and waivers of the products of a catalog."""

    docket: Docket

    def request_breaking(self, product: str, plan: str, why: str, by: str) -> Case:
        """Ask for a breaking change, as the plan of a digest has it. Raises DecisionError."""
        found = self._subject(product, why)
        asked = {"plan": str(Judged.parse(plan)), "why": why}
        return self._open(ChangeKind.BREAKING_CHANGE, found, asked, by)

    def request_waiver(
        self, product: str, guardrail: str, why: str, until: datetime, by: str
    ) -> Case:
        """Ask that a product need not keep a guardrail, until an end. Raises DecisionError."""
        found = self._subject(product, why)
        if not guardrail.strip():
            raise DecisionError("a waiver is of a guardrail", where=found.name)
        if until <= datetime.now(UTC):
            raise DecisionError(f"its end, {shown(until)}, is over", where=found.name)
        asked = {"guardrail": guardrail, "why": why, "until": until.isoformat()}
        return self._open(ChangeKind.WAIVER, found, asked, by)

    def _subject(self, product: str, why: str) -> ProductRecord:
        found = self.docket.catalog.product(product)
        if not why.strip():
            raise DecisionError("it is for no reason", where=found.name, hint='--why "…"')
        return found

    def _open(
        self, kind: ChangeKind, product: ProductRecord, asked: Mapping[str, Any], by: str
    ) -> Case:
        classes = frozenset(column.classification for column in product.contract.columns)
        matter = Matter(kind, classes, consumers=frozenset({product.id.domain}))
        told = {**asked, "matter": matter.as_json()}
        return self.docket.open(kind, product.name, told, by, lambda _: None)


def waivers(catalog: Catalog, now: datetime, product: str = "") -> list[Waiver]:
    """Waivers that were approved and have not ended, of a product or of all."""
    found = [
        _waiver(case)
        for case in catalog.decisions.cases(ChangeKind.WAIVER, product, CaseState.APPROVED)
    ]
    return [waiver for waiver in found if waiver.until > now]


def decided(plan: Plan, cases: Iterable[Case]) -> Plan:
    """The plan, with breaking changes that were approved for exactly this plan as warnings."""
    approved = {
        case.subject: case
        for case in cases
        if case.state is CaseState.APPROVED and case.asked.get("plan") == plan.digest
    }
    products = []
    for item in plan.products:
        case = approved.get(item.name)
        if case is not None and item.failures:
            told = tuple(f"{text}; approved by {_approvers(case)}" for text in item.failures)
            products.append(replace(item, failures=(), warnings=(*item.warnings, *told)))
        else:
            products.append(item)
    return replace(plan, products=tuple(products))


def _waiver(case: Case) -> Waiver:
    until = datetime.fromisoformat(case.asked["until"])
    told = (case.id, case.subject, case.asked["guardrail"], case.asked["why"], until)
    return Waiver(*told, tuple(_voters(case)))


def _approvers(case: Case) -> str:
    return f"{', '.join(_voters(case)) or 'decision rights'} on {case.changed_at.date()}"


def _voters(case: Case) -> list[str]:
    return sorted(vote.who for vote in case.votes if vote.digest == case.digest)
