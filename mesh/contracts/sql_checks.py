"""SQL check constraints as rules.

Owns which part of SQL a contract's check may use: comparisons of a column with a value or with
another column, `between`, `in`, `like 'abc%'`, `length(…)`, `regexp_full_match(…)`, `is not null`,
joined by `and`. Reading SQL is sqlglot's. Refuses everything else, with what to write instead: a
promise that the gate cannot keep must not look like one. A null passes a check, as in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from mesh.contracts.model import Column, Rule
from mesh.contracts.rules import builtin, not_null
from mesh.contracts.sql_values import are_comparable, as_type, value_of
from mesh.contracts.value_rules import compare
from mesh.errors import ContractDefinitionError, Problem, UnknownColumnError

_Sign = type[exp.Expr]
_COMPARISONS: dict[_Sign, tuple[str, str]] = {
    exp.EQ: ("equal_to", "value"),
    exp.NEQ: ("not_equal_to", "value"),
    exp.GT: ("greater_than", "min_value"),
    exp.GTE: ("greater_than_or_equal_to", "min_value"),
    exp.LT: ("less_than", "max_value"),
    exp.LTE: ("less_than_or_equal_to", "max_value"),
}
_MIRRORED: dict[_Sign, _Sign] = {exp.GT: exp.LT, exp.GTE: exp.LTE, exp.LT: exp.GT, exp.LTE: exp.GTE}
_LENGTH_STEPS: dict[_Sign, int] = {exp.EQ: 0, exp.GT: 1, exp.GTE: 0, exp.LT: -1, exp.LTE: 0}
# What sqlglot may find in a check: an operator's variants (`not like`, `between symmetric`, a
# pattern's options) are parts of their own, so that one which nobody here reads is refused.
_NODES = frozenset(_COMPARISONS) | {
    exp.And, exp.Between, exp.Boolean, exp.Cast, exp.Column, exp.DataType, exp.Identifier, exp.In,
    exp.Is, exp.Length, exp.Like, exp.Literal, exp.Neg, exp.Not, exp.Null, exp.Paren,
    exp.RegexpFullMatch,
}  # fmt: skip
_PARTS = frozenset(
    {"this", "expression", "expressions", "low", "high", "to", "is_string", "quoted"}
)
# Every word may nest another. Values do not, and a list of them may be as long as it has to.
_MOST_WORDS = 1_000
_VALUES = frozenset({TokenType.STRING, TokenType.NUMBER, TokenType.COMMA})
_REFUSED = "cannot become a rule of the contract"
_HINT = (
    "write it as a >= 0, a <= b, a between 0 and 1, a in ('x', 'y'), a like 'x%', length(a) = 3, "
    "regexp_full_match(a, '…'), joined by `and`, with names that are also words of SQL in double "
    "quotes; anything else goes into an adjoining Pandera model"
)


def rules_of_check(expression: str, columns: Mapping[str, Column]) -> list[Rule]:
    """The rules that a check constraint states.

    `columns` are the contract's, by name. Raises ContractDefinitionError.
    """
    check = _Check(expression, columns)
    return list(check.rules(check.tree()))


@dataclass(frozen=True, slots=True)
class _Check:
    """One check constraint, and the columns that it may name."""

    expression: str
    columns: Mapping[str, Column]

    def tree(self) -> exp.Expr:
        """The constraint's syntax: only nodes and parts that a check may have."""
        tree = self._parsed()
        for node in tree.walk():
            if type(node) not in _NODES or {k for k, v in node.args.items() if v} - _PARTS:
                raise self._refusal()
        return tree.unnest()

    def _parsed(self) -> exp.Expr:
        try:
            tokens = sqlglot.tokenize(self.expression, read="duckdb")
            words = [token for token in tokens if token.token_type not in _VALUES]
            if len(words) <= _MOST_WORDS and not any(map(_is_aside, tokens)):
                return sqlglot.parse_one(self.expression, read="duckdb", into=exp.Condition)
        except (SqlglotError, RecursionError) as error:
            raise self._refusal() from error
        raise self._refusal()

    def rules(self, node: exp.Expr) -> Iterator[Rule]:
        if isinstance(node, exp.And):
            for part in node.flatten():
                yield from self.rules(part)
        elif type(node) in _COMPARISONS:
            yield self._comparison(type(node), node.this, node.expression)
        else:
            yield self._predicate(node)

    def _predicate(self, node: exp.Expr) -> Rule:
        match node:
            case exp.Not(this=exp.Is(this=exp.Column() as name, expression=exp.Null())):
                return not_null(self._column(name).name)
            case exp.Not(this=exp.In(this=exp.Column() as name, expressions=[_, *_] as values)):
                return self._in("notin", "forbidden_values", self._column(name), values)
            case exp.In(this=exp.Column() as name, expressions=[_, *_] as values):
                return self._in("isin", "allowed_values", self._column(name), values)
            case exp.Between(this=exp.Length() as length, args={"low": low, "high": high}):
                low, high = self._count(low), self._count(high)
                return self._length(length, min_value=low, max_value=high)
            case exp.Between(this=exp.Column() as name, args={"low": low, "high": high}):
                return self._range(self._column(name), low, high)
            case exp.Like(this=exp.Column() as name, expression=pattern):
                return self._like(self._column(name), pattern)
            case exp.RegexpFullMatch(this=exp.Column() as name, expression=pattern):
                return self._full_match(self._column(name), pattern)
        raise self._refusal()

    def _comparison(self, sign: _Sign, left: exp.Expr, right: exp.Expr) -> Rule:
        check, argument = _COMPARISONS[sign]
        match left, right:
            case exp.Column(), exp.Column():
                return self._compared(sign, self._column(left), self._column(right))
            case exp.Column(), _:
                column = self._column(left)
                return builtin(check, {argument: self._typed(right, column)}, column.name)
            case exp.Length(), _ if sign in _LENGTH_STEPS:
                bound = "exact_value" if argument == "value" else argument
                return self._length(left, **{bound: self._count(right) + _LENGTH_STEPS[sign]})
            case _, exp.Column() | exp.Length():
                return self._comparison(_MIRRORED.get(sign, sign), right, left)
        raise self._refusal()

    def _compared(self, sign: _Sign, left: Column, right: Column) -> Rule:
        """Two columns of one row."""
        if not are_comparable(left.type, right.type):
            types = f"of type {left.type}, with {right.name}, of type {right.type}"
            raise self._refusal("compare columns of one type", f"compares {left.name}, {types}")
        return compare(left.name, _COMPARISONS[sign][0], right.name)

    def _length(self, length: exp.Length, **bounds: int) -> Rule:
        column = self._column(length.this) if isinstance(length.this, exp.Column) else None
        if column is None or column.type != "string":
            raise self._refusal("length counts the characters of a varchar column")
        unbounded = dict.fromkeys(("min_value", "max_value", "exact_value"))
        return builtin("str_length", {**unbounded, **bounds}, column.name)

    def _range(self, column: Column, low: exp.Expr, high: exp.Expr) -> Rule:
        bounds = {"min_value": self._typed(low, column), "max_value": self._typed(high, column)}
        inclusive = {"include_min": True, "include_max": True}
        return builtin("in_range", bounds | inclusive, column.name)

    def _in(self, check: str, argument: str, column: Column, values: list[exp.Expr]) -> Rule:
        return builtin(check, {argument: [self._typed(v, column) for v in values]}, column.name)

    def _like(self, column: Column, pattern: exp.Expr) -> Rule:
        text = str(self._typed(pattern, column))
        if re.fullmatch(r"[^%_\\]+%", text):
            return builtin("str_startswith", {"string": text[:-1]}, column.name)
        if re.fullmatch(r"%[^%_\\]+", text):
            return builtin("str_endswith", {"string": text[1:]}, column.name)
        raise self._refusal("like can say how a text begins ('x%') or ends ('%x')")

    def _full_match(self, column: Column, pattern: exp.Expr) -> Rule:
        whole = rf"^(?:{self._typed(pattern, column)})$"
        try:
            pl.Series([""]).str.contains(whole)
        except pl.exceptions.ComputeError as error:
            raise self._refusal("write a regular expression of RE2", str(error)) from error
        return builtin("str_matches", {"pattern": whole}, column.name)

    def _column(self, node: exp.Column) -> Column:
        folded = {name.lower(): column for name, column in self.columns.items()}
        found = self.columns.get(node.name) or folded.get(node.name.lower())
        if found is None:
            hint = UnknownColumnError(node.name, tuple(self.columns)).hint
            raise self._refusal(hint, f"names {node.name!r}, which is not a column")
        return found

    def _typed(self, node: exp.Expr, column: Column) -> Any:
        try:
            return as_type(value_of(node), column.type)
        except ValueError as error:
            raise self._refusal(
                f"write a value of type {column.type}",
                f"compares {column.name}, of type {column.type}, with {node.sql('duckdb')}",
            ) from error

    def _count(self, node: exp.Expr) -> int:
        if isinstance(node, exp.Literal) and node.is_int:
            return int(node.name)
        raise self._refusal("a length is a whole number")

    def _refusal(self, hint: str = _HINT, what: str = _REFUSED) -> ContractDefinitionError:
        return ContractDefinitionError([Problem(f"check `{self.expression}` {what}", hint=hint)])


def _is_aside(token: Token) -> bool:
    """Whether a comment stands here, or a statement's end: sqlglot reads over both."""
    return bool(token.comments) or token.token_type is TokenType.SEMICOLON
