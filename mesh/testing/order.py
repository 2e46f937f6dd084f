"""What a sample is asked to be: a contract, how many rows, and what is given for some of them.

Owns what the contract's rules mean for the search: which are on rows, in which columns no two rows
may be equal, how many rows there may be. Makes nothing up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.measures import Bound
from mesh.contracts.model import Contract, Rule, Scope
from mesh.contracts.rules import Target
from mesh.publishing.measuring import metric_condition
from mesh.testing.judging import Judge
from mesh.testing.mending import RowRule

Override = Sequence[object] | pl.Series | pl.Expr
"""What is given for a column: values to choose from, or an expression of the other columns."""
DEFAULT_ROWS = 100
_ON_SETS = frozenset({"rowCount", "duplicateValues"})


@dataclass(frozen=True)
class Order:
    """What is asked for: a contract's rows, with what is given for some of them.

    `rows` None is about a hundred, as the contract lets it be. `known` are the rows that it refers
    to, by a rule's `to`; `own` is the product itself.
    """

    contract: Contract
    rows: int | None = None
    seed: int = 0
    columns: Mapping[str, Override] = field(default_factory=dict)
    known: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    null_share: float = 0.1
    own: str = ""
    extra_rules: Sequence[Rule] = ()

    @cached_property
    def types(self) -> dict[str, pl.DataType]:
        """The columns' types, as the gate has them."""
        return dict(pl.DataFrame(arrow_schema(self.contract).empty_table()).schema)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The contract's rules, and those of the write mode."""
        return (*self.contract.rules, *self.extra_rules)

    @cached_property
    def row_rules(self) -> tuple[RowRule, ...]:
        """The rules on rows, and the metrics that have to be nothing, as if they were."""
        own = [RowRule.of(r, self.contract) for r in self.rules if r.scope is Scope.ROW]
        return (*own, *(RowRule(r, ~metric_condition(r, self.contract), ()) for r in self._nones))

    @property
    def _nones(self) -> Iterator[Rule]:
        for rule in self.rules:
            counts = rule.check == "metric" and rule.arguments["metric"] not in _ON_SETS
            if counts and Bound.of(rule).holds(0):
                yield rule

    @cached_property
    def unique(self) -> tuple[tuple[str, ...], ...]:
        """Columns in which no two rows may be equal."""
        repeated = [
            rule.columns
            for rule in self.rules
            if rule.check == "metric"
            and rule.arguments["metric"] == "duplicateValues"
            and Bound.of(rule).holds(0)
        ]
        return (*(rule.columns for rule in self.rules if rule.check == "unique"), *repeated)

    @cached_property
    def references(self) -> tuple[Rule, ...]:
        """The rules on references whose rows are known."""
        found = [rule for rule in self.rules if rule.check == "references"]
        return tuple(rule for rule in found if str(Target.of(rule)) in self.known)

    def judge(self, frame: pl.DataFrame) -> Judge:
        """The gate. What is referred to and not known is what these rows have."""
        known = dict(self.known)
        for rule in self.rules:
            if rule.check == "references" and rule.arguments["to"] not in known:
                known[rule.arguments["to"]] = frame.select(rule.columns)
        return Judge(self.contract, known, self.own, self.extra_rules)

    def counts(self) -> list[int]:
        """How many rows may do, the likeliest first."""
        if self.rows is not None:
            return [self.rows]
        bounds = [_row_bounds(r) for r in self.rules if r.check in {"row_count", "metric"}]
        low = max((b[0] for b in bounds), default=0)
        high = min((b[1] for b in bounds), default=1 << 62)
        usual = min(max(low, DEFAULT_ROWS), high)
        wanted = (usual, usual + 1, 10, 3, 2, 1, low, low + 1)
        return list(dict.fromkeys(n for n in wanted if low <= n <= high)) or [usual]


def _row_bounds(rule: Rule) -> tuple[int, int]:
    """How many rows a rule asks for, at least and at most."""
    most = 1 << 62
    if rule.check == "row_count":
        low, high = rule.arguments["at_least"], rule.arguments["at_most"]
        return low or 0, most if high is None else high
    if rule.arguments["metric"] != "rowCount":
        return 0, most
    bound, value = Bound.of(rule), rule.arguments["value"]
    low, high = (value[0], value[1]) if isinstance(value, list | tuple) else (value, value)
    bounds: dict[str, tuple[int, int]] = {
        "mustBe": (int(low), int(high)),
        "mustBeGreaterThan": (int(low) + 1, most),
        "mustBeGreaterOrEqualTo": (int(low), most),
        "mustBeLessThan": (0, int(high) - 1),
        "mustBeLessOrEqualTo": (0, int(high)),
        "mustBeBetween": (int(low), int(high)),
    }
    return bounds.get(bound.operator, (0, most))
