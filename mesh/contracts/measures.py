"""Rules that measure the whole set and compare one number: ODCS's library metrics, and SQL.

Owns the eight `mustBe…` operators, and how such a rule is named and worded. What is measured, and
how, is `mesh.publishing`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.contracts import wording
from mesh.contracts.model import Rule, Scope, Severity

METRICS = ("nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount")
"""ODCS's metrics. All but the last count values of a column, or of several together."""
_COMPARISONS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "mustBe": ("=", operator.eq),
    "mustNotBe": ("≠", operator.ne),
    "mustBeGreaterThan": (">", operator.gt),
    "mustBeGreaterOrEqualTo": ("≥", operator.ge),
    "mustBeLessThan": ("<", operator.lt),
    "mustBeLessOrEqualTo": ("≤", operator.le),
    "mustBeBetween": ("in", lambda found, ends: ends[0] <= found <= ends[1]),
    "mustNotBeBetween": ("not in", lambda found, ends: not ends[0] <= found <= ends[1]),
}
OPERATORS = tuple(_COMPARISONS)
"""ODCS's operators."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a measured value has to be. `value` is a pair for the operators with `Between`."""

    operator: str
    value: Any

    @classmethod
    def of(cls, rule: Rule) -> Bound:
        """The bound of a rule that measures."""
        return cls(rule.arguments["operator"], rule.arguments["value"])

    def holds(self, measured: Any) -> bool:
        """Whether a measured value is as it has to be. Nothing measured is only equal to nothing.

        Raises TypeError for values that cannot be compared.
        """
        _, compare = _COMPARISONS[self.operator]
        if measured is None and self.operator not in {"mustBe", "mustNotBe"}:
            return False
        return bool(compare(measured, self.value))

    def __str__(self) -> str:
        """`= 0`, `≤ 5`, `in [1, 5]`."""
        sign, _ = _COMPARISONS[self.operator]
        if isinstance(self.value, list | tuple):
            return f"{sign} [{', '.join(str(item) for item in self.value)}]"
        return f"{sign} {self.value}"


def metric(  # noqa: PLR0913 -- ODCS's words for one, by keyword
    name: str,
    bound: Bound,
    *,
    columns: tuple[str, ...] = (),
    unit: str = "rows",
    arguments: Mapping[str, Any] | None = None,
    severity: Severity = Severity.ERROR,
    dimension: str = "",
    description: str = "",
) -> Rule:
    """The rule that a library metric is as it has to be. `unit` is `rows` or `percent` (0 to 100).

    `arguments` are the metric's own: `missingValues`, `validValues`, `pattern`.
    """
    share = " %" if unit == "percent" else ""
    subject = f"{name} of {', '.join(columns)}" if columns else name
    return Rule(
        id=wording.identifier(*columns, name),
        text=f"{subject} {bound}{share}",
        check="metric",
        columns=columns,
        arguments={
            "metric": name,
            "operator": bound.operator,
            "value": bound.value,
            "unit": unit,
            "arguments": dict(arguments or {}),
        },
        severity=severity,
        scope=Scope.SET,
        description=description,
        dimension=dimension,
    )


def sql(  # noqa: PLR0913 -- ODCS's words for one, by keyword
    name: str,
    query: str,
    bound: Bound,
    *,
    table: str,
    column: str = "",
    severity: Severity = Severity.ERROR,
    dimension: str = "",
    description: str = "",
) -> Rule:
    """The rule that what a query answers is as it has to be.

    The query reads `table`, which is the product's rows; `column` is the one that it is written at.
    """
    return Rule(
        id=wording.identifier(column, name),
        text=f"{description or name} {bound}",
        check="sql",
        columns=(column,) if column else (),
        arguments={
            "query": query,
            "table": table,
            "operator": bound.operator,
            "value": bound.value,
        },
        severity=severity,
        scope=Scope.SET,
        description=description,
        dimension=dimension,
    )
