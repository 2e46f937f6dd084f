"""Conditions on rows that an agreement holds, as filters.

Owns the part of SQL that such a condition may use: columns compared with values, `in`, `between`,
`is null`, and `and`, `or`, `not` over them. Nothing in it computes: a condition that could fail on
a row would tell of rows that are not to be seen. Null is never a yes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from mesh.access.model import Agreement, RowFilter
from mesh.contracts.model import Contract
from mesh.errors import DecisionError, UnknownColumnError

if TYPE_CHECKING:
    from sqlglot import exp

ROWS = "rows"
"""The condition of an agreement that is one on rows."""
_LONGEST = 4_000
_HINT = (
    "write it as a = 'x', a >= 0, a in ('x', 'y'), a between 0 and 1 or a is null, joined by `and`,"
    " `or` and `not`"
)


@dataclass(frozen=True, slots=True)
class AgreedRows:
    """Rows for which a condition holds."""

    text: str
    expression: pl.Expr = field(compare=False, repr=False)


def agreed_rows(condition: str, contract: Contract, where: str = "") -> AgreedRows:
    """The filter of a condition on a contract's columns.

    Raises DecisionError, UnknownColumnError.
    """
    import sqlglot
    from sqlglot.errors import SqlglotError

    if len(condition) > _LONGEST:
        raise DecisionError(f"--rows is longer than {_LONGEST:,} letters", where=where)
    try:
        tree = sqlglot.parse_one(condition, read="duckdb")
        expression = _Condition(contract, where).expression(tree)
    except (SqlglotError, ValueError, RecursionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DecisionError(
            f"--rows cannot be decided: {reason}", where=where, hint=_HINT
        ) from error
    return AgreedRows(condition, expression.fill_null(value=False))


def rows_of(agreement: Agreement | None, contract: Contract) -> RowFilter | None:
    """The filter that an agreement asks for; None for all rows. Raises as `agreed_rows`."""
    condition = agreement.conditions.get(ROWS) if agreement is not None else None
    return agreed_rows(str(condition), contract) if condition else None


def both(one: RowFilter | None, other: RowFilter | None) -> RowFilter | None:
    """Rows that both filters show."""
    if one is None or other is None:
        return one or other
    text = f"({one.text}) and ({other.text})"
    return AgreedRows(text, one.expression & other.expression)


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition over the columns of a contract, node by node."""

    contract: Contract
    where: str

    def expression(self, node: exp.Expr) -> pl.Expr:
        """The node as an expression. Raises ValueError for one that no condition has."""
        from sqlglot import exp

        _require_plain(node)
        match node:
            case exp.Paren(this=inner):
                return self.expression(inner)
            case exp.Not(this=inner):
                return ~self.expression(inner)
            case exp.And(this=left, expression=right):
                return self.expression(left) & self.expression(right)
            case exp.Or(this=left, expression=right):
                return self.expression(left) | self.expression(right)
        return self._predicate(node)

    def _predicate(self, node: exp.Expr) -> pl.Expr:
        from sqlglot import exp

        match node:
            case exp.Is(this=exp.Column() as column, expression=exp.Null()):
                return pl.col(self._named(column)).is_null()
            case exp.In(this=exp.Column() as column, expressions=[_, *_] as values):
                found = [self._compared(operator.eq, column, value) for value in values]
                return reduce(operator.or_, found)
            case exp.Between(this=exp.Column() as column, args={"low": low, "high": high}):
                above = self._compared(operator.ge, column, low)
                return above & self._compared(operator.le, column, high)
            case exp.Column() if self._type(self._named(node)) == "boolean":
                return pl.col(self._named(node))
        return self._comparison(node)

    def _comparison(self, node: exp.Expr) -> pl.Expr:
        from sqlglot import exp

        compare = _comparisons().get(type(node))
        if compare is not None and isinstance(node.this, exp.Column):
            return self._compared(compare, node.this, node.expression)
        message = f"{node.sql('duckdb')} is no condition on a column"
        raise ValueError(message)

    def _compared(self, compare: Callable[[Any, Any], Any], column: Any, value: Any) -> pl.Expr:
        from mesh.contracts.sql_values import as_type, value_of

        _require_plain(column)
        name = self._named(column)
        told = as_type(value_of(value), self._type(name))
        found: pl.Expr = compare(pl.col(name), pl.lit(told))
        return found

    def _named(self, column: Any) -> str:
        name = str(column.name)
        if column.table:
            message = f"{column.sql('duckdb')} names a table"
            raise ValueError(message)
        if name not in self.contract.column_names:
            raise UnknownColumnError(name, self.contract.column_names, where=self.where)
        return name

    def _type(self, name: str) -> str:
        return self.contract.column(name).type


def _require_plain(node: exp.Expr) -> None:
    """Raise ValueError for a node with a part that nobody here reads, such as a subquery."""
    parts = {"this", "expression", "expressions", "low", "high", "quoted", "is_string"}
    others = {name for name, value in node.args.items() if value} - parts
    if others:
        message = f"{node.sql('duckdb')} says more than a condition may"
        raise ValueError(message)


def _comparisons() -> dict[type[Any], Callable[[Any, Any], Any]]:
    from sqlglot import exp

    return {
        exp.EQ: operator.eq,
        exp.NEQ: operator.ne,
        exp.GT: operator.gt,
        exp.GTE: operator.ge,
        exp.LT: operator.lt,
        exp.LTE: operator.le,
    }
