"""What policy says of products as they are declared: may each be published, and use its inputs.

Owns the questions, asked of a working tree before anything runs, and which answers stop a change.
An agreement that is missing does not: it can be asked for once the input is declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mesh.access.deciding import Decider
from mesh.access.model import Action, Ask, Port
from mesh.access.tree import port_of
from mesh.access.wording import Denial
from mesh.contracts.rules import Target
from mesh.errors import Problem
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.products.plans import Plan
from mesh.products.plans.model import Action as PlannedAction
from mesh.products.plans.model import ProductPlan

_AGREEABLE = frozenset({"mesh.guarded", "mesh.not-agreed"})
"""Policies that an agreement answers."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One thing that a product may not do as it is declared. `about` is the port that it is of."""

    product: DataProduct
    about: str
    denial: Denial

    @property
    def is_final(self) -> bool:
        """Whether no agreement could allow it: a policy forbids it."""
        return self.denial.is_failure or bool({n.id for n in self.denial.notes} - _AGREEABLE)

    @property
    def text(self) -> str:
        """What, and what would help, in one line."""
        hint = f": {self.denial.hint}" if self.denial.hint else ""
        return f"{self.denial.what}{hint}"

    @property
    def problem(self) -> Problem:
        """The same as a problem of the working tree."""
        where = f"{self.product.source}: {self.product.id}"
        return Problem(self.denial.what, where, self.denial.hint)


def refused(decider: Decider, products: Mapping[str, DataProduct]) -> Iterator[Refused]:
    """Everything that policy refuses to these products, by product."""
    ports = {name: port_of(product) for name, product in products.items()}
    for name, product in sorted(products.items()):
        for ask in _asks(decider, product, ports):
            if (denial := decider.check(ask).denial) is not None:
                yield Refused(product, ask.port.name if ask.action is Action.USE else name, denial)


def uses(product: DataProduct) -> Iterator[tuple[ProductId, tuple[str, ...] | None, str]]:
    """What a product reads: inputs, and columns that its rules refer to; each with its purpose."""
    for declared in product.inputs.values():
        columns = None if declared.columns is None else tuple(declared.columns)
        yield declared.id, columns, declared.purpose
    for rule in product.contract.rules:
        if rule.check == "references" and (to := Target.of(rule)).product != str(product.id):
            yield ProductId.parse(to.product), tuple(to.columns), rule.text


def with_refused(plan: Plan, found: list[Refused]) -> Plan:
    """The plan with what policy refuses: to what changes, and to those who read it."""
    return replace(plan, products=tuple(_judged(item, found) for item in plan.products))


def _judged(item: ProductPlan, found: list[Refused]) -> ProductPlan:
    if item.action is PlannedAction.REMOVED:
        return item
    own = [r for r in found if item.name in (str(r.product.id), r.about)]
    return replace(
        item,
        failures=(*item.failures, *(r.text for r in own if r.is_final)),
        warnings=(*item.warnings, *(r.text for r in own if not r.is_final)),
    )


def _asks(decider: Decider, product: DataProduct, ports: Mapping[str, Port]) -> Iterator[Ask]:
    principal = decider.directory.principal(str(product.id))
    yield Ask(principal, Action.PUBLISH, ports[str(product.id)])
    for upstream, columns, purpose in uses(product):
        port = ports.get(str(upstream))
        if port is None:
            continue  # no such product: `mesh check` says so
        known = port.contract.column_names
        wanted = known if columns is None else [name for name in columns if name in known]
        yield Ask(principal, Action.USE, port, purpose, tuple(wanted))
