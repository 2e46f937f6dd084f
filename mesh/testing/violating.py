"""Data that breaks one rule of a contract, for tests that want to see the rule bite.

Owns what is asked for, and what may be broken with it. How rows are found is `testing.breaking`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from mesh.contracts.model import Contract, Rule
from mesh.errors import SamplingError, UnknownRuleError
from mesh.testing.breaking import broken_by
from mesh.testing.order import Override
from mesh.testing.sampling import Samples, Subject


def violate(  # noqa: PLR0913 -- each is one thing that a test may need to say, by keyword
    subject: Subject,
    rule: str,
    *,
    rows: int | None = None,
    seed: int = 0,
    columns: Mapping[str, Override] | None = None,
    references: Mapping[str, pl.DataFrame] | None = None,
    implying: Collection[str] = (),
) -> pl.DataFrame:
    """Rows that break one rule and keep all others: the gate finds exactly that.

    Args:
        subject: a contract's class or value, a product, or its name, as for `sample`.
        rule: the rule's id or text, such as `temperature_f in [-60, 140]`.
        rows: how many; by default as many as `sample` makes. A rule on the number of rows decides
            by itself.
        seed: another one makes other rows.
        columns: as for `sample`; values that may break the rule may be among them.
        references: as for `sample`.
        implying: ids or texts of rules that may be broken with it, where there is no other way.

    Raises UnknownRuleError, or SamplingError: no rows were found that break it, or none that break
    it alone; then it names the others.
    """
    asked = {"rows": rows, "seed": seed, "columns": columns or {}}
    order = Samples(given=references or {}).order(subject, **asked)
    chosen = rule_of(order.contract, rule)
    allowed = {rule_of(order.contract, other).id for other in implying}
    found = broken_by(order, chosen)
    if found is None:
        raise SamplingError(
            f"no rows were found that break `{chosen.text}`",
            where=order.contract.name,
            hint="if it can be broken, pass values that do with columns=",
        )
    others = [item for item in found.implied if item.id not in allowed]
    if others:
        texts = ", ".join(f"`{item.text}`" for item in others)
        ids = ", ".join(f'"{item.id}"' for item in found.implied)
        raise SamplingError(
            f"no rows were found that break `{chosen.text}` and keep {texts}",
            where=order.contract.name,
            hint=f"implying=[{ids}] takes rows that break these, too",
        )
    return found.rows


def rule_of(contract: Contract, name: str) -> Rule:
    """The rule of an id or text. Raises UnknownRuleError with near names."""
    for rule in contract.rules:
        if name in {rule.id, rule.text}:
            return rule
    raise UnknownRuleError(name, [rule.text for rule in contract.rules], where=contract.name)
