"""Changes of a plan about which published rows decide, and what these say.

Owns asking them: the gate is given the rules that a change tightens or adds, and no other, and the
change is then one that the producer keeps, or that it breaks. Also which rows were asked, so that
the digest of a plan tells of them. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from mesh.contracts import wording
from mesh.contracts.evolution import Change, Evolution, Standing
from mesh.contracts.verdict import Finding, Outcome
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.orchestration.auditing import Audit, audit, only_rules
from mesh.products.declaration import DataProduct
from mesh.products.plans import Plan, ProductPlan
from mesh.products.plans.model import Action
from mesh.products.state import digest_of
from mesh.settings import PublishingSettings


def proved(
    plan: Plan, runnable: Callable[[str], DataProduct], lake: Lake, settings: PublishingSettings
) -> Plan:
    """The plan with what published rows say of its changes, and a digest that names these rows.

    `runnable` gives a product with its functions. Raises what an audit raises.
    """
    products = tuple(
        _proved(item, runnable(item.name), lake, settings)
        if _is_asked(item) and _is_published(item.name, lake)
        else item
        for item in plan.products
    )
    return replace(plan, products=products, digest=f"{plan.digest}-{rows_asked(plan, lake)}")


def rows_asked(plan: Plan, lake: Lake) -> str:
    """The digest of the versions that a plan's changes are decided by."""
    return digest_of(dict(_versions(plan, lake)))


def _versions(plan: Plan, lake: Lake) -> Iterator[tuple[str, list[str | int]]]:
    for item in plan.products:
        if not _is_asked(item):
            continue
        identity = ProductId.parse(item.name)
        snapshot = lake.home_of(identity).table(identity).find()
        yield item.name, [] if snapshot is None else [snapshot.table_id, snapshot.version]


def _is_asked(item: ProductPlan) -> bool:
    is_changed = item.action is Action.CHANGED and item.evolution is not None
    return is_changed and bool(item.evolution and item.evolution.unproven)


def _is_published(name: str, lake: Lake) -> bool:
    identity = ProductId.parse(name)
    return lake.home_of(identity).table(identity).exists()


def _proved(
    item: ProductPlan, product: DataProduct, lake: Lake, settings: PublishingSettings
) -> ProductPlan:
    evolution = item.evolution or Evolution(product.contract.version, product.contract.version)
    rules = [change.rule for change in evolution.unproven]
    found = audit(product, lake, settings, contract=only_rules(product.contract, rules))
    changes = tuple(
        _told(change, found) if change.depends_on_data else change for change in evolution.changes
    )
    broken = tuple(
        f"{change.title}: {change.proof} (`mesh audit {item.name}` shows them)"
        for change in changes
        if change.proof and change.producer is Standing.BREAKING
    )
    return replace(
        item, evolution=replace(evolution, changes=changes), warnings=(*item.warnings, *broken)
    )


def _told(change: Change, found: Audit) -> Change:
    """A change with what rows say of it; as it is when they could not be asked."""
    finding = next((f for f in found.verdict.findings if f.rule.id == change.rule), None)
    if finding is None or finding.outcome is Outcome.SKIPPED:
        return change
    holds = finding.outcome is Outcome.PASSED
    return replace(
        change,
        producer=Standing.COMPATIBLE if holds else Standing.BREAKING,
        proof=_words(finding, found),
    )


def _words(finding: Finding, found: Audit) -> str:
    rows = found.verdict.rows
    if finding.outcome is Outcome.PASSED:
        return f"holds for all {wording.rows(rows)}"
    if not finding.rule.counts_rows:
        return f"the {wording.rows(rows)} break it"
    verb = "breaks" if finding.failed == 1 else "break"
    return f"{finding.failed:,} of {wording.rows(rows)} {verb} it"
