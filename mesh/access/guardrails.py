"""Guardrails: what an organisation wants of every product, as policies over how it is declared.

Owns what such a policy is told of a product, and what becomes of its answer: an error, a warning,
or nothing for as long as it is waived. Where waivers are decided and kept is no matter here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import cedarpy

from mesh.access.deciding import Decider
from mesh.access.entities import Entity, context, principal_entity, principal_uid, tag_texts, uid
from mesh.access.evaluating import policy_set
from mesh.access.model import Action, Ask
from mesh.access.policies import DECLARE, Level, Policy
from mesh.access.tree import port_of
from mesh.access.validating import attributes_of
from mesh.contracts.model import Classification
from mesh.errors import PolicyError, Problem
from mesh.products.declaration import DataProduct
from mesh.products.deprecation import uses_of
from mesh.products.plans import Plan

_TOLD = ("unclassified", "reads_deprecated", "reads_ended")
"""What of a product names the columns or inputs that a guardrail is about."""
_AT_MOST = 8
"""How many of them are named."""


class Waiver(Protocol):
    """That a guardrail does not hold for a product, until a moment."""

    @property
    def product(self) -> str:
        """The product's name."""
        ...

    @property
    def guardrail(self) -> str:
        """The policy's id."""
        ...

    @property
    def until(self) -> datetime:
        """When it ends, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Broken:
    """A guardrail that a product does not keep. `waived_until` where that is allowed for now.

    `because` names what of the product it is about, where the policy asks for columns or inputs.
    """

    product: DataProduct
    policy: Policy
    waived_until: datetime | None = None
    because: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        """Whether it stops a change."""
        return self.policy.level is Level.ERROR and self.waived_until is None

    @property
    def text(self) -> str:
        """What is not kept, by which policy, and what would help."""
        names = ", ".join(self.because[:_AT_MOST]) + (", …" if len(self.because) > _AT_MOST else "")
        what = f"{self.policy.reason}: {names}" if names else self.policy.reason
        said = f"{what} (policy {self.policy.id})"
        if self.waived_until is not None:
            return f"{said}: waived until {self.waived_until:%Y-%m-%d %H:%M} UTC"
        return f"{said}: {self.policy.remedy}" if self.policy.remedy else said

    @property
    def problem(self) -> Problem:
        """The same as a problem of the working tree."""
        return Problem(self.text, f"{self.product.source}: {self.product.id}")


def broken_guardrails(
    decider: Decider,
    products: Mapping[str, DataProduct],
    waivers: Iterable[Waiver],
    now: datetime,
) -> Iterator[Broken]:
    """Every guardrail that one of these products does not keep, by product and policy.

    Raises PolicyError for a guardrail that cannot be decided.
    """
    guardrails = [policy for policy in decider.policies if policy.actions == (DECLARE,)]
    by_id = {policy.id: policy for policy in guardrails}
    personal = frozenset(p.id.domain for p in products.values() if _is_personal(p))
    asked = policy_set(guardrails)
    waived = {(w.product, w.guardrail): w.until for w in waivers if w.until > now}
    for name, product in sorted(products.items()):
        principal = decider.directory.principal(name)
        owner = decider.directory.owner(product.id.domain)
        entity = _entity(product, products, owner, now)
        entity["attrs"]["in_personal_domain"] = product.id.domain in personal
        entities = [principal_entity(principal), entity]
        ask = decider.completed(Ask(principal, Action.PUBLISH, port_of(product), now=now))
        request = {
            "principal": principal_uid(principal),
            "action": uid("Action", DECLARE),
            "resource": uid("Product", name),
            "context": context(ask),
        }
        found = cedarpy.is_authorized(request, asked, json.dumps(entities))
        if found.diagnostics.errors:
            what = f"a guardrail cannot be decided: {'; '.join(found.diagnostics.errors)}"
            raise PolicyError([Problem(what, name)])
        for id_ in () if found.allowed else sorted(found.diagnostics.reasons):
            policy = by_id[id_]
            because = _because(policy, entity)
            yield Broken(product, policy, waived.get((name, id_)), because)


def with_broken(plan: Plan, found: Sequence[Broken]) -> Plan:
    """The plan with the guardrails that what it adds or changes does not keep."""
    judged = []
    for item in plan.products:
        own = [broken for broken in found if str(broken.product.id) == item.name]
        failures = (broken.text for broken in own if broken.is_error)
        warnings = (broken.text for broken in own if not broken.is_error)
        judged.append(
            replace(
                item,
                failures=(*item.failures, *failures),
                warnings=(*item.warnings, *warnings),
            )
        )
    return replace(plan, products=tuple(judged))


def _is_personal(product: DataProduct) -> bool:
    """Whether it has personal data: its domain is one of personal data then, as a whole."""
    return any(c.classification is Classification.PERSONAL for c in product.contract.columns)


def _because(policy: Policy, entity: Entity) -> tuple[str, ...]:
    """The columns and inputs that a policy asks for, in the order of their names."""
    asked = attributes_of(policy.body)
    return tuple(name for told in _TOLD if told in asked for name in entity["attrs"][told])


def _entity(
    product: DataProduct, products: Mapping[str, DataProduct], owner: str, now: datetime
) -> Entity:
    """A product as guardrails are told of it. `described` is a share in percent."""
    columns = product.contract.columns
    described = sum(bool(column.description.strip()) for column in columns)
    deprecated = {
        name: ends
        for name in uses_of(product)
        if name in products and (ends := products[name].deprecated) is not None
    }
    domain = uid("Domain", product.id.domain)
    optional = {
        "owner": owner,
        "freshness": product.freshness.within if product.freshness else "",
        "schedule": product.schedule,
    }
    return {
        "uid": uid("Product", str(product.id)),
        "attrs": {
            "name": str(product.id),
            "domain": {"__entity": domain},
            "access": str(product.access),
            "classifications": sorted({str(column.classification) for column in columns}),
            "tags": tag_texts(product.tags),
            "engine": product.engine,
            "description": product.description,
            "described": 100 * described // max(1, len(columns)),
            "unclassified": sorted(c.name for c in columns if not c.is_classified),
            "reads_deprecated": sorted(deprecated),
            "reads_ended": sorted(n for n, ends in deprecated.items() if ends < now.date()),
            **{name: value for name, value in optional.items() if value},
        },
        "parents": [domain],
    }
