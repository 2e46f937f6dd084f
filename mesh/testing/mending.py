"""Rows that nearly keep a rule, changed so that they do.

Owns what a rule's own expression tells of how to keep it: where it asks for `a == f(b, c)`, a is
set to that; where it asks for `a <= b`, the two change places,
or become equal. A change stays in the rows where it
helps and breaks nothing else. Reads a Polars expression's serialised tree, as
`contracts.expressions` does; what it does not recognise is left to chance.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from mesh.contracts.expressions import keeps_of
from mesh.contracts.model import Contract, Rule

_EQUAL = frozenset({"Eq", "EqValidity", "Minus"})  # a - b is small where a equals b
_UNEQUAL = frozenset({"NotEq", "NotEqValidity"})
_ORDERED = frozenset({"Lt", "LtEq", "Gt", "GtEq"})
_PASSES = 2

Change = Mapping[str, pl.Expr]
"""What columns are set to."""


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule on rows: what keeps it, and the changes that may help rows which do not."""

    rule: Rule
    keeps: pl.Expr
    changes: Sequence[Change]

    @classmethod
    def of(cls, rule: Rule, contract: Contract) -> RowRule:
        """A rule of a contract. Raises GateError."""
        keeps = keeps_of(rule, contract)
        is_on_several = rule.check in {"custom", "compare"}
        return cls(rule, keeps, tuple(_changes(keeps)) if is_on_several else ())


def masks_of(frame: pl.DataFrame, rules: Sequence[RowRule]) -> pl.DataFrame:
    """Which rows keep each rule, a column a rule, by id."""
    return frame.select(item.keeps.alias(item.rule.id) for item in rules)


def mended(
    frame: pl.DataFrame, rules: Sequence[RowRule], fixed: Collection[str] = ()
) -> pl.DataFrame:
    """The rows, changed where that keeps more rules. Columns that are `fixed` stay as they are."""
    changing = [item for item in rules if item.changes]
    for _ in range(_PASSES if changing else 0):
        for item in changing:
            for change in item.changes:
                if not set(change) & set(fixed) and set(change) <= set(frame.columns):
                    frame = _changed(frame, item, change, rules)
    return frame


def _changed(
    frame: pl.DataFrame, item: RowRule, change: Change, rules: Sequence[RowRule]
) -> pl.DataFrame:
    before = masks_of(frame, rules)
    if before.get_column(item.rule.id).all():
        return frame
    try:
        tried = frame.with_columns(
            value.cast(frame.schema[name], strict=False).alias(name)
            for name, value in change.items()
        )
    except pl.exceptions.PolarsError:
        return frame
    after = masks_of(tried, rules)
    helps = (
        ~before.get_column(item.rule.id)
        & after.get_column(item.rule.id)
        & (after.sum_horizontal() > before.sum_horizontal())
    )
    if not helps.any():
        return frame
    return frame.with_columns(
        pl.when(helps).then(tried.get_column(name)).otherwise(pl.col(name)).alias(name)
        for name in change
    )


def _changes(keeps: pl.Expr) -> Iterator[Change]:
    try:
        tree = json.loads(keeps.meta.serialize(format="json"))
        yield from _found(tree)
    except (ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return  # a tree of a shape that this was not written for, or a function in it


def _found(node: Any) -> Iterator[Change]:
    if isinstance(node, list):
        for item in node:
            yield from _found(item)
    elif isinstance(node, dict):
        if isinstance(node.get("BinaryExpr"), dict):
            yield from _compared(**node["BinaryExpr"])
        for item in node.values():
            yield from _found(item)


def _compared(left: Any, op: str, right: Any) -> Iterator[Change]:
    names = [side.get("Column") for side in (left, right)]
    if op in _ORDERED and all(names):
        first, second = names
        yield {first: pl.col(second), second: pl.col(first)}
        yield {first: pl.col(second)}
        yield {second: pl.col(first)}
    if op in _EQUAL | _UNEQUAL:
        for name, other in zip(names, (right, left), strict=True):
            if name:
                value = _expression(other)
                yield {name: ~value.cast(pl.Boolean) if op in _UNEQUAL else value}


def _expression(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(io.StringIO(json.dumps(tree)), format="json")
