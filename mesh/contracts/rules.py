"""The rules that a contract may hold, made.

Owns how each kind of rule is named, worded and scoped, wherever it was declared: in a Pandera
model, in dbt's YAML, or by the write path itself. Knows no library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.contracts import wording
from mesh.contracts.model import Rule, Scope, Severity

SET_CHECKS = frozenset({"unique", "row_count", "references", "metric", "sql", "unique_values_eq"})
"""Checks that are decided on the whole set, whatever they are asked with."""
_LOWER = frozenset({"greater_than", "greater_than_or_equal_to"})
_UPPER = frozenset({"less_than", "less_than_or_equal_to"})


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows one publication may have; None is no bound."""

    at_least: int | None = 1
    at_most: int | None = None


def not_null(column: str) -> Rule:
    """The rule that a column has a value; NaN is none, as Pandera says."""
    name = wording.identifier(column, "not_null")
    return Rule(name, f"{column} is not null", "not_null", (column,))


def unique(columns: tuple[str, ...]) -> Rule:
    """The rule that no two rows have the same values in these columns."""
    names = ", ".join(columns)
    return Rule(
        wording.identifier(*columns, "unique"),
        f"({names}) is unique",
        "unique",
        columns,
        scope=Scope.SET,
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What a `references` rule refers to: columns of one product, as many as it has itself."""

    product: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, rule: Rule) -> Target:
        """The target of a `references` rule."""
        return cls.parse(rule.arguments["to"])

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `domain.product_v1.column`, or `domain.product_v1.column,other`."""
        product, _, columns = text.rpartition(".")
        return cls(product, tuple(columns.split(",")))

    def __str__(self) -> str:
        """As it is written: `domain.product_v1.column,other`."""
        return f"{self.product}.{','.join(self.columns)}"


def references(columns: str | tuple[str, ...], to: str, severity: Severity) -> Rule:
    """The rule that every value, or every group of values, is one of another product's.

    `to` is `domain.product_v1.column`, with as many columns, joined by commas, as there are here.
    A group in which a value is null refers to nothing.
    """
    names = (columns,) if isinstance(columns, str) else columns
    subject = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return Rule(
        wording.identifier(*names, "references"),
        f"{subject} is in {to}",
        "references",
        names,
        {"to": to},
        severity=severity,
        scope=Scope.SET,
    )


def row_count(bounds: RowCount) -> Rule:
    """The rule on how many rows a publication has."""
    arguments = {"at_least": bounds.at_least, "at_most": bounds.at_most}
    return Rule(
        "row_count", wording.row_count(**arguments), "row_count", (), arguments, scope=Scope.SET
    )


def builtin(
    check: str,
    arguments: Mapping[str, Any],
    column: str,
    **options: Any,
) -> Rule:
    """The rule of one of Pandera's built-in checks on a column. `arguments` are the check's own."""
    return Rule(
        id=wording.identifier(column, check),
        text=wording.builtin(check, arguments, column),
        check=check,
        columns=(column,),
        arguments=dict(arguments),
        scope=Scope.SET if check in SET_CHECKS else Scope.ROW,
        **options,
    )


def data_test(name: str, severity: Severity = Severity.ERROR) -> Rule:
    """The rule on the whole set that one of dbt's data tests stands for."""
    return Rule(name, f"dbt test {name}", "data_test", severity=severity, scope=Scope.SET)


def fused_ranges(rules: list[Rule], column: str) -> Iterable[Rule]:
    """A lower and an upper bound of one column as one range; the other rules as they are."""
    lower = next((rule for rule in rules if rule.check in _LOWER), None)
    upper = next((rule for rule in rules if rule.check in _UPPER), None)
    if lower is None or upper is None or not _are_alike(lower, upper):
        return rules
    fused = builtin(
        "in_range",
        {
            "min_value": lower.arguments["min_value"],
            "max_value": upper.arguments["max_value"],
            "include_min": lower.check == "greater_than_or_equal_to",
            "include_max": upper.check == "less_than_or_equal_to",
        },
        column,
        severity=lower.severity,
        is_null_ignored=lower.is_null_ignored,
    )
    return [fused if rule is lower else rule for rule in rules if rule is not upper]


def _are_alike(lower: Rule, upper: Rule) -> bool:
    return (lower.severity, lower.is_null_ignored) == (upper.severity, upper.is_null_ignored)
