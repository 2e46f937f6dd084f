"""A contract as a Pandera schema for Polars, to validate frames with Pandera alone.

Owns the way from a contract, however it was written, to a `DataFrameSchema` whose checks on rows
are the gate's own. Uniqueness and the number of rows are in it, too; what looks at other products,
ODCS's metrics and SQL are decided by the gate only.
"""

from __future__ import annotations

from typing import Any

import pandera.polars as pa
import polars as pl

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.expressions import check_of
from mesh.contracts.model import Contract, Rule, Scope


def schema(contract: Contract) -> pa.DataFrameSchema:
    """The schema. A custom rule that has lost its function is left out."""
    types = pl.DataFrame(arrow_schema(contract).empty_table()).schema
    groups = [list(rule.columns) for rule in contract.rules if _is_unique(rule)]
    return pa.DataFrameSchema(
        {
            column.name: pa.Column(
                types[column.name],
                checks=[check_of(rule) for rule in contract.rules if _is_on(rule, column.name)],
                nullable=not _is_required(contract, column.name),
                unique=[column.name] in groups,
                description=column.description or None,
            )
            for column in contract.columns
        },
        checks=[check_of(rule) for rule in contract.rules if _is_on_frame(rule)]
        + [_counted(rule) for rule in contract.rules if rule.check == "row_count"],
        unique=_several(groups),
        strict=contract.is_strict,
        name=contract.name,
        description=contract.description or None,
    )


def _several(groups: list[list[str]]) -> Any:
    """Pandera takes a list of names, or of such lists, and its types know the first only."""
    return [group for group in groups if len(group) > 1] or None


def _is_unique(rule: Rule) -> bool:
    return rule.check == "unique" and rule.is_blocking


def _is_required(contract: Contract, column: str) -> bool:
    return any(_is_plain_not_null(rule) for rule in contract.rules_of(column))


def _is_plain_not_null(rule: Rule) -> bool:
    return rule.check == "not_null" and rule.is_blocking


def _is_on(rule: Rule, column: str) -> bool:
    return (
        rule.columns == (column,)
        and _is_a_check(rule)
        and not _is_plain_not_null(rule)
        and rule.check != "compare"
    )


def _is_on_frame(rule: Rule) -> bool:
    return len(rule.columns) != 1 and _is_a_check(rule)


def _is_a_check(rule: Rule) -> bool:
    if rule.check == "custom":
        return rule.function is not None
    return rule.scope is Scope.ROW or rule.check == "unique_values_eq"


def _counted(rule: Rule) -> pa.Check:
    low, high = rule.arguments["at_least"], rule.arguments["at_most"]

    def is_so_long(data: Any) -> pl.LazyFrame:
        count = pl.len()
        kept = (count >= (low or 0)) & (pl.lit(value=True) if high is None else count <= high)
        found: pl.LazyFrame = data.lazyframe.select(kept.alias("is_so_long"))
        return found

    return pa.Check(is_so_long, name=rule.id, error=rule.text, raise_warning=not rule.is_blocking)
