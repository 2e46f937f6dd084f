"""SQL check constraints as rules.

Owns the part of SQL that a contract's check may use: comparisons of a column with a value or with
another column, `between`, `in`, `like 'abc%'`, `length(…)`, `regexp_full_match(…)`, `is not null`,
joined by `and`. Refuses everything else, with what to write instead: a promise that the gate cannot
keep must not look like one. A null passes a check, as in SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandera.polars as pa
import polars as pl

from mesh.contracts import wording
from mesh.contracts.model import Column, Rule
from mesh.contracts.rules import builtin, not_null
from mesh.contracts.sql_tokens import Tokens
from mesh.contracts.sql_values import are_comparable, as_type, number
from mesh.errors import UnknownColumnError

if TYPE_CHECKING:
    from pandera.api.polars.types import PolarsData

_COMPARISONS = {
    "=": "equal_to",
    "==": "equal_to",
    "<>": "not_equal_to",
    "!=": "not_equal_to",
    ">": "greater_than",
    ">=": "greater_than_or_equal_to",
    "<": "less_than",
    "<=": "less_than_or_equal_to",
}
_ARGUMENT = {
    "equal_to": "value",
    "not_equal_to": "value",
    "greater_than": "min_value",
    "greater_than_or_equal_to": "min_value",
    "less_than": "max_value",
    "less_than_or_equal_to": "max_value",
}
_METHODS = {
    "equal_to": "eq",
    "not_equal_to": "ne",
    "greater_than": "gt",
    "greater_than_or_equal_to": "ge",
    "less_than": "lt",
    "less_than_or_equal_to": "le",
}
_MIRRORED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_LENGTHS = frozenset({"length", "len", "char_length", "character_length"})
_TEMPORAL = frozenset({"date", "timestamp", "timestamptz"})
_RESERVED = frozenset({"and", "or", "not", "between", "in", "is", "like", "null", "true", "false"})


@dataclass(frozen=True, slots=True)
class _Name:
    """A column as an operand, or its length."""

    column: Column
    is_length: bool = False


@dataclass(frozen=True, slots=True)
class _Value:
    """A literal as an operand."""

    value: Any
    text: str


def rules_of_check(expression: str, columns: Mapping[str, Column]) -> list[Rule]:
    """The rules that a check constraint states.

    `columns` are the contract's, by name. Raises ContractDefinitionError.
    """
    return list(_Parser(expression, columns).rules())


class _Parser:
    """Reads one check constraint, left to right."""

    def __init__(self, expression: str, columns: Mapping[str, Column]) -> None:
        self._tokens = Tokens(expression)
        self._columns = {name.lower(): column for name, column in columns.items()} | dict(columns)
        self._names = tuple(columns)

    def rules(self) -> Iterator[Rule]:
        yield from self._conjunction()
        if self._tokens.peek().kind != "end":
            raise self._tokens.refusal()

    def _conjunction(self) -> Iterator[Rule]:
        yield from self._predicate()
        while self._tokens.take("and"):
            yield from self._predicate()

    def _predicate(self) -> Iterator[Rule]:
        if self._tokens.take("("):
            yield from self._conjunction()
            self._tokens.expect(")")
            return
        if self._tokens.take("regexp_full_match"):
            yield self._full_match()
            return
        left = self._operand()
        if isinstance(left, _Name) and not left.is_length and self._tokens.take("is"):
            self._tokens.expect("not", "null")
            yield not_null(left.column.name)
        elif self._tokens.peek().word in _COMPARISONS:
            yield self._comparison(left, self._tokens.next().word, self._operand())
        elif isinstance(left, _Name):
            yield self._membership(left)
        else:
            raise self._tokens.refusal()

    def _membership(self, left: _Name) -> Rule:
        is_negated = self._tokens.take("not")
        if not left.is_length and self._tokens.take("in"):
            return self._in(left.column, is_negated=is_negated)
        if not is_negated and self._tokens.take("between"):
            low = self._value()
            self._tokens.expect("and")
            return self._range(left, low, self._value())
        if not is_negated and not left.is_length and self._tokens.take("like"):
            return self._like(left.column, self._value())
        raise self._tokens.refusal()

    def _comparison(self, left: _Name | _Value, sign: str, right: _Name | _Value) -> Rule:
        if isinstance(left, _Value):
            left, sign, right = right, _MIRRORED.get(sign, sign), left
        if isinstance(left, _Value):
            raise self._tokens.refusal()
        if isinstance(right, _Name):
            return self._compared(left, sign, right)
        if left.is_length:
            return self._length(left.column, sign, right)
        check = _COMPARISONS[sign]
        value = self._typed(right, left.column)
        return builtin(check, {_ARGUMENT[check]: value}, left.column.name)

    def _compared(self, left: _Name, sign: str, right: _Name) -> Rule:
        if left.is_length or right.is_length:
            raise self._tokens.refusal()
        one, other = left.column, right.column
        if not are_comparable(one.type, other.type):
            raise self._tokens.refusal(
                "compare columns of one type",
                f"compares {one.name}, of type {one.type}, with {other.name}, of type {other.type}",
            )
        return _comparison_rule(one, _COMPARISONS[sign], other)

    def _length(self, column: Column, sign: str, value: _Value) -> Rule:
        count = self._count(value)
        bounds = {
            "=": (None, None, count),
            "==": (None, None, count),
            ">=": (count, None, None),
            ">": (count + 1, None, None),
            "<=": (None, count, None),
            "<": (None, count - 1, None),
        }
        if sign not in bounds:
            raise self._tokens.refusal()
        return _length_rule(column, *bounds[sign])

    def _range(self, left: _Name, low: _Value, high: _Value) -> Rule:
        if left.is_length:
            return _length_rule(left.column, self._count(low), self._count(high), None)
        arguments = {
            "min_value": self._typed(low, left.column),
            "max_value": self._typed(high, left.column),
            "include_min": True,
            "include_max": True,
        }
        return builtin("in_range", arguments, left.column.name)

    def _in(self, column: Column, *, is_negated: bool) -> Rule:
        self._tokens.expect("(")
        values = [self._value()]
        while self._tokens.take(","):
            values.append(self._value())
        self._tokens.expect(")")
        typed = [self._typed(value, column) for value in values]
        if is_negated:
            return builtin("notin", {"forbidden_values": typed}, column.name)
        return builtin("isin", {"allowed_values": typed}, column.name)

    def _like(self, column: Column, pattern: _Value) -> Rule:
        text = str(self._typed(pattern, column))
        if re.fullmatch(r"[^%_\\]+%", text):
            return builtin("str_startswith", {"string": text[:-1]}, column.name)
        if re.fullmatch(r"%[^%_\\]+", text):
            return builtin("str_endswith", {"string": text[1:]}, column.name)
        raise self._tokens.refusal("like can say how a text begins ('x%') or ends ('%x')")

    def _full_match(self) -> Rule:
        self._tokens.expect("(")
        operand = self._operand()
        self._tokens.expect(",")
        value = self._value()
        self._tokens.expect(")")
        if not isinstance(operand, _Name) or operand.is_length:
            raise self._tokens.refusal()
        pattern = rf"^(?:{self._typed(value, operand.column)})$"
        try:
            pl.Series([""]).str.contains(pattern)
        except pl.exceptions.ComputeError as error:
            raise self._tokens.refusal("write a regular expression of RE2", str(error)) from error
        return builtin("str_matches", {"pattern": pattern}, operand.column.name)

    def _operand(self) -> _Name | _Value:
        token = self._tokens.peek()
        if token.kind == "quoted":
            return _Name(self._column(self._tokens.next().content))
        is_name = token.kind == "word" and token.word not in _RESERVED
        if not is_name or self._is_typed_text():
            return self._value()
        self._tokens.next()
        if token.word not in _LENGTHS or not self._tokens.take("("):
            return _Name(self._column(token.text))
        inner = self._operand()
        self._tokens.expect(")")
        if not isinstance(inner, _Name) or inner.is_length or inner.column.type != "string":
            raise self._tokens.refusal("length counts the characters of a varchar column")
        return _Name(inner.column, is_length=True)

    def _value(self) -> _Value:
        if self._is_typed_text():
            self._tokens.next()
        token = self._tokens.next()
        if token.kind == "string":
            return _Value(token.content, token.text)
        if token.word in {"true", "false"}:
            return _Value(token.word == "true", token.text)
        sign = "-" if token.word == "-" else ""
        if token.word in {"-", "+"}:
            token = self._tokens.next()
        if token.kind == "number":
            return _Value(number(sign + token.text), sign + token.text)
        raise self._tokens.refusal()

    def _is_typed_text(self) -> bool:
        """Whether a literal such as `date '2013-01-01'` comes next."""
        return self._tokens.peek().word in _TEMPORAL and self._tokens.is_following("string")

    def _column(self, name: str) -> Column:
        found = self._columns.get(name) or self._columns.get(name.lower())
        if found is None:
            hint = UnknownColumnError(name, self._names).hint
            raise self._tokens.refusal(hint, f"names {name!r}, which is not a column")
        return found

    def _typed(self, value: _Value, column: Column) -> Any:
        try:
            return as_type(value.value, column.type)
        except ValueError as error:
            raise self._tokens.refusal(
                f"write a value of type {column.type}",
                f"compares {column.name}, of type {column.type}, with {value.text}",
            ) from error

    def _count(self, value: _Value) -> int:
        if isinstance(value.value, int) and not isinstance(value.value, bool) and value.value >= 0:
            return value.value
        raise self._tokens.refusal("a length is a whole number")


def _length_rule(
    column: Column, at_least: int | None, at_most: int | None, exactly: int | None
) -> Rule:
    bounds = {"min_value": at_least, "max_value": at_most, "exact_value": exactly}
    return builtin("str_length", bounds, column.name)


def _comparison_rule(left: Column, check: str, right: Column) -> Rule:
    """A comparison of two columns, as a Pandera check, so that the gate treats it as any other."""

    def compare(data: PolarsData) -> pl.LazyFrame:
        compared: pl.Expr = getattr(pl.col(left.name), _METHODS[check])(pl.col(right.name))
        return data.lazyframe.select(compared)

    text = wording.builtin(check, {_ARGUMENT[check]: right.name}, left.name)
    name = wording.identifier(left.name, check, right.name)
    return Rule(
        id=name,
        text=text,
        check="custom",
        columns=(left.name, right.name),
        arguments={"function": name, "source": text},
        function=pa.Check(compare, name=name, title=text, error=text),
    )
