"""A plan, made of two states.

Owns the verdict: what is a failure (a breaking change in place, a major that vanishes while it is
read), what is a warning (a bump that is missing), and what is built anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mesh.contracts.evolution import Bump, Change, Evolution, compare
from mesh.errors import InvalidNameError
from mesh.naming import ProductId
from mesh.products.plans.declared import declared_changes, manifest_changes
from mesh.products.plans.digests import plan_digest
from mesh.products.plans.elsewhere import Elsewhere
from mesh.products.plans.glossary import glossary_changes
from mesh.products.plans.impact import Impact, Lineage, unknown_lineage
from mesh.products.plans.levels import shortfalls
from mesh.products.plans.model import Action, DomainPlan, Hit, Plan, ProductPlan
from mesh.products.plans.reads import Graph
from mesh.products.state import MeshState, ProductState


def make(before: MeshState, after: MeshState, lineage: Lineage = unknown_lineage) -> Plan:
    """What would change from one state to another, and who would be hit.

    Domains that could not be loaded in either state are left out of both. `lineage` is asked only
    about products that are hit.
    """
    unknown = before.unknown | after.unknown
    before, after = before.without(unknown), after.without(unknown)
    return _Making.of(before, after, lineage).plan(tuple(sorted(unknown)))


@dataclass(frozen=True, slots=True)
class _Making:
    before: MeshState
    after: MeshState
    was: Graph
    now: Graph
    impact: Impact
    elsewhere: Elsewhere

    @classmethod
    def of(cls, before: MeshState, after: MeshState, lineage: Lineage) -> _Making:
        was, now = Graph.of(before), Graph.of(after)
        impact = Impact(after, now, lineage)
        return cls(before, after, was, now, impact, Elsewhere(before, after, was))

    def plan(self, unknown: tuple[str, ...]) -> Plan:
        products = tuple(self._products())
        return Plan(
            before=self.before.origin,
            after=self.after.origin,
            digest=plan_digest(self.before, self.after),
            products=products,
            domains=tuple(self._domains()),
            shortfalls=tuple(shortfalls(self.before, self.after, self.was, self.now)),
            rebuilt=self._rebuilt(products),
            unknown=unknown,
        )

    def _products(self) -> Iterator[ProductPlan]:
        old, new = self.before.products, self.after.products
        for name in sorted({*old, *new}, key=_place):
            if name not in old:
                yield self._added(new[name])
            elif name not in new:
                yield self._removed(old[name])
            elif (changed := self._changed(old[name], new[name])) is not None:
                yield changed

    def _added(self, product: ProductState) -> ProductPlan:
        earlier = self._major_before(product)
        evolution = compare(earlier.read_contract(), product.read_contract()) if earlier else None
        return ProductPlan(
            name=product.name,
            action=Action.ADDED,
            evolution=evolution,
            follows=earlier.name if earlier else "",
            version_after=product.version,
        )

    def _major_before(self, product: ProductState) -> ProductState | None:
        """The highest major below a new one, as it was."""
        own = product.id
        below = [
            other
            for other in self.before.products.values()
            if (other.id.domain, other.id.name) == (own.domain, own.name)
            and other.id.major < own.major
        ]
        return max(below, key=lambda other: other.id.major, default=None)

    def _removed(self, product: ProductState) -> ProductPlan:
        hits = self.impact.of_removal(product.name, ())
        hits += self.elsewhere.hit_by_removal(product.name)
        left = self.now.consumers_of(product.name)
        others = self.elsewhere.consumers_of(product.name)
        gone = {*left, *others}
        moved = tuple(n for n in self.was.consumers_of(product.name) if n not in gone)
        next_major = self._next_major(product)
        failures, warnings = [], []
        if left:
            keep = f" beside {next_major}" if next_major else ""
            failures.append(
                f"it would be gone while {_listed(left)} {_read(left)} it: keep it{keep}, with "
                "deprecated= and successor=, until they have moved"
            )
        elif product.is_published is not False and not product.declaration.get("deprecated"):
            warnings.append(
                "it would be gone without having been deprecated: readers outside of this mesh are "
                "not told; `mesh retire` keeps its table for its retention"
            )
        if self.elsewhere.has(product.name):
            warnings.append(
                f"domain {product.id.domain} is not in this working tree: nothing happens to it "
                "if another repository declares it"
            )
        if others:
            warnings.append(
                f"{_listed(others)} {_read(others)} it, as the catalog knows, and "
                f"{'is' if len(others) == 1 else 'are'} not in this working tree: move that first"
            )
        return ProductPlan(
            name=product.name,
            action=Action.REMOVED,
            hits=tuple(hits),
            moved=moved,
            failures=tuple(failures),
            warnings=tuple(warnings),
            version_before=product.version,
            is_published=product.is_published,
        )

    def _next_major(self, product: ProductState) -> str:
        own = product.id
        above = [
            other.id
            for other in self.after.products.values()
            if (other.id.domain, other.id.name) == (own.domain, own.name)
            and other.id.major > own.major
        ]
        return str(min(above)) if above else ""

    def _changed(self, old: ProductState, new: ProductState) -> ProductPlan | None:
        if old.declaration == new.declaration and old.contract == new.contract:
            return None
        evolution = self._evolution(old, new)
        declared = tuple(declared_changes(old.declaration, new.declaration))
        if not evolution.changes and not declared and evolution.before == evolution.after:
            return None
        plan = ProductPlan(
            name=new.name,
            action=Action.CHANGED,
            evolution=evolution,
            declared=declared,
            version_before=old.version,
            version_after=new.version,
            is_published=old.is_published,
        )
        hits = tuple(hit for c in plan.changes for hit in self._hits(new.name, c))
        plan = replace(plan, hits=hits, moved=self._moved(new.name, evolution.changes))
        return replace(plan, failures=_failures(plan), warnings=tuple(_warnings(plan)))

    def _hits(self, name: str, change: Change) -> list[Hit]:
        found = self.impact.of_change(name, change)
        return [*found, *self.elsewhere.hit_by_change(name, change)]

    def _evolution(self, old: ProductState, new: ProductState) -> Evolution:
        was, now = old.read_contract(), new.read_contract()
        return Evolution(was.version, now.version) if was == now else compare(was, now)

    def _moved(self, name: str, changes: tuple[Change, ...]) -> tuple[str, ...]:
        """Consumers that read what breaks before, and would not any more."""
        broken = [column for c in changes if c.is_breaking for column in c.columns]

        def readers(graph: Graph) -> list[str]:
            reads = (read for read in graph.readers_of(name) if read.columns is not None)
            return [read.consumer for read in reads if read.of(broken)]

        left = {*readers(self.now)}
        was = dict.fromkeys(readers(self.was))
        return tuple(n for n in was if n not in left and not self.elsewhere.has(n))

    def _domains(self) -> Iterator[DomainPlan]:
        old, new = self.before.domains, self.after.domains
        for name in sorted({*old, *new}):
            words = tuple(glossary_changes(self.before.terms_of(name), self.after.terms_of(name)))
            if name not in old or name not in new:
                action = Action.REMOVED if name in old else Action.ADDED
                yield DomainPlan(name=name, action=action, changes=words)
            elif words or old[name] != new[name]:
                yield DomainPlan(
                    name=name,
                    action=Action.CHANGED,
                    changes=(*manifest_changes(old[name], new[name]), *words),
                    consumers=self._consumers_of_domain(name),
                )

    def _consumers_of_domain(self, domain: str) -> tuple[str, ...]:
        own = [name for name in self.after.products if name.startswith(f"{domain}.")]
        found = {consumer for name in own for consumer in self.now.consumers_of(name)}
        return tuple(sorted(name for name in found if not name.startswith(f"{domain}.")))

    def _rebuilt(self, products: tuple[ProductPlan, ...]) -> dict[str, str]:
        """Why each product is built anew, in the order of building; not those that cannot be."""
        stopped = {hit.consumer for p in products for hit in p.hits if hit.is_stopped}
        reasons: dict[str, str] = {}
        for plan in products:
            if reason := _own_reason(plan):
                reasons[plan.name] = reason
        for name in list(reasons):
            for below in self.now.below(name):
                reasons.setdefault(below, f"made from {name}")
        built = [name for name in reasons if name not in stopped]
        return {n: reasons[n] for n in sorted(built, key=lambda n: self.now.order.get(n, 0))}


def _own_reason(plan: ProductPlan) -> str:
    if plan.action is Action.REMOVED:
        return ""
    if plan.action is Action.ADDED:
        return "new"
    is_contract = plan.evolution is not None and bool(plan.evolution.changes)
    kinds = {str(change.kind).partition(" ")[0] for change in plan.declared}
    parts = ["contract"] if is_contract else []
    parts += [what for what in ("code", "input", "write", "layout") if what in kinds]
    return f"its {' and '.join(parts)} changed" if parts else ""


def _failures(plan: ProductPlan) -> tuple[str, ...]:
    if plan.needed is not Bump.MAJOR or plan.is_published is False:
        return ()
    major = ProductId.parse(plan.name).major + 1
    beside = f"{plan.name.rpartition('_v')[0]}_v{major}"
    broken = [change.title for change in plan.changes if change.bump is Bump.MAJOR]
    reason = (
        f"{plan.version_before} to {plan.version_after} breaks consumers in place "
        f"({'; '.join(broken)}): write {beside} beside it "
        f"(`mesh new version {plan.name}`), and deprecate this one"
    )
    return (reason,)


def _warnings(plan: ProductPlan) -> Iterator[str]:
    evolution = plan.evolution
    if plan.is_published is False and plan.needed is Bump.MAJOR:
        yield "it breaks what was declared, but nothing was published under it yet"
    elif evolution is not None and evolution.after < evolution.before:
        yield f"its version goes back, from {evolution.before} to {evolution.after}"
    elif evolution is not None and _lacks_bump(plan):
        made = "none was made" if plan.made is Bump.NONE else f"only a {plan.made} was made"
        yield f"it needs a {plan.needed} bump, to {plan.needed.of(evolution.before)}: {made}"
    for hit in plan.hits:
        for expectation in hit.expectations:
            yield f"{hit.consumer} expects of {expectation}; {hit}"


def _lacks_bump(plan: ProductPlan) -> bool:
    return plan.needed is not Bump.MAJOR and not plan.made.covers(plan.needed)


def _place(name: str) -> tuple[str, str, int]:
    try:
        found = ProductId.parse(name)
    except InvalidNameError:
        return (name, "", 0)
    return (found.domain, found.name, found.major)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def _read(names: tuple[str, ...]) -> str:
    return "reads" if len(names) == 1 else "read"
