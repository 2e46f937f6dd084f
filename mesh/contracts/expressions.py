"""Rules as vectorised Polars expressions.

Owns the way from a rule to its Pandera check, and from there to an expression that says, row by
row, whether it is kept. The expressions are Pandera's own: a check's function is called with a
recorder in place of the frame, and what it asks to select is taken over, so that the compiled rule
cannot drift from Pandera's meaning. What Mesh's own checks mean is `contracts.value_checks`.

`is_row_wise` reads a Polars expression's serialised tree, which Polars does not promise to keep;
what it does not recognise is decided on the whole set instead, which is slower and always right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandera.backends.polars.builtin_checks  # noqa: F401 -- registers before any rule is compiled
import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.model import Contract, Rule
from mesh.contracts.value_checks import VALUE_CHECKS, ValueCheck
from mesh.errors import GateError

_OPERANDS = {
    "BinaryExpr": ("left", "right"),
    "Cast": ("expr",),
    "Ternary": ("predicate", "truthy", "falsy"),
}
_FUNCTION_FAMILIES = frozenset({"StringExpr", "TemporalExpr", "ListExpr", "StructExpr", "Pow"})
_FUNCTIONS = frozenset(
    {
        "Abs",
        "Ceil",
        "Clip",
        "Coalesce",
        "Exp",
        "FillNull",
        "Floor",
        "Hash",
        "Log",
        "MaxHorizontal",
        "MinHorizontal",
        "Negate",
        "Round",
        "RoundSF",
        "Sign",
        "SumHorizontal",
    }
)
_BOOLEANS = frozenset(
    {
        "AllHorizontal",
        "AnyHorizontal",
        "IsBetween",
        "IsClose",
        "IsFinite",
        "IsInfinite",
        "IsNan",
        "IsNotNan",
        "IsNotNull",
        "IsNull",
        "Not",
    }
)


# Literals of one value. A literal column is as long as the data, and so depends on its place in it.
_SCALARS = frozenset({"Dyn", "Scalar"})


class _NotRecordableError(Exception):
    """A check does not select expressions from its frame, or does more with it than that."""


_NOT_RECORDED = (_NotRecordableError, AttributeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Selection:
    expressions: tuple[Any, ...]


class _Recorder:
    """Stands in for a lazy frame, and keeps what a check selects from it."""

    def select(self, *expressions: Any, **named: Any) -> _Selection:
        return _Selection((*expressions, *named.values()))

    def __getattr__(self, name: str) -> Any:
        raise _NotRecordableError(name)


def check_of(rule: Rule) -> pa.Check:
    """The Pandera check of a rule that is built in, Mesh's own on rows, or custom."""
    if isinstance(rule.function, pa.Check):
        return rule.function
    if rule.check in VALUE_CHECKS:
        return _own_check(rule)
    constructor = getattr(pa.Check, rule.check)
    arguments = {name: value for name, value in rule.arguments.items() if value is not None}
    check: pa.Check = constructor(
        **arguments,
        ignore_na=rule.is_null_ignored,
        raise_warning=not rule.is_blocking,
    )
    return check


def _own_check(rule: Rule) -> pa.Check:
    return pa.Check(
        ValueCheck(rule.check, rule.arguments, tuple(name for name in rule.columns if name)),
        name=rule.check,
        title=rule.text.strip(),
        error=rule.text.strip(),
        description=rule.description or None,
        statistics=dict(rule.arguments),
        ignore_na=rule.is_null_ignored,
        raise_warning=not rule.is_blocking,
    )


def keeps_of(rule: Rule, contract: Contract) -> pl.Expr:
    """The expression that is true for each row which keeps a rule on rows. Raises GateError."""
    try:
        if rule.check in VALUE_CHECKS:
            check = ValueCheck(rule.check, rule.arguments)
            expression = check.expression(rule.columns, _types(rule, contract))
        else:
            expression = _recorded(check_of(rule), rule.columns[0] if rule.columns else None)
    except (*_NOT_RECORDED, KeyError) as error:
        message = f"`{rule.text}` cannot be a rule: {error}"
        raise GateError(message, where=contract.name) from error
    return expression.fill_null(rule.is_null_ignored)  # as Pandera treats a null answer


def _types(rule: Rule, contract: Contract) -> dict[str, pl.DataType]:
    """The types of a rule's columns, as the gate has them."""
    return dict(pl.DataFrame(arrow_schema(contract, rule.columns).empty_table()).schema)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A rule on rows, as expressions.

    `keeps` says of each row whether it keeps the rule; `holds` says at once whether all rows do.
    Where `is_only_sufficient`, a `holds` that is false leaves it open. A rule that `is_by_value`
    depends on its column's value alone: what holds for each distinct value holds for all rows.
    """

    keeps: pl.Expr
    holds: pl.Expr
    columns: tuple[str, ...]
    is_only_sufficient: bool = False
    is_by_value: bool = False


def compiled(rule: Rule, contract: Contract) -> Compiled:
    """The expressions of a rule on rows. Raises GateError."""
    keeps = keeps_of(rule, contract)
    quick = _quickly(rule)
    is_asked_by_row = isinstance(rule.function, pa.Check) and rule.function.element_wise
    names = tuple(dict.fromkeys(keeps.meta.root_names()))
    is_known = bool(names) and set(names) <= set(contract.column_names)
    return Compiled(
        keeps=keeps,
        holds=keeps.all() if quick is None else quick,
        columns=names if is_known else contract.column_names,
        is_only_sufficient=quick is not None,
        is_by_value=names == rule.columns and len(names) == 1 and not is_asked_by_row,
    )


def _quickly(rule: Rule) -> pl.Expr | None:
    """What is quicker to tell than a rule, and tells that all rows keep it; None for nothing.

    A text has at most as many characters as bytes, and at least a quarter as many.
    """
    if rule.check != "str_length" or not rule.is_null_ignored:
        return None
    if rule.arguments.get("exact_value") is not None:
        return None
    size = pl.col(rule.columns[0]).str.len_bytes()
    low, high = rule.arguments.get("min_value"), rule.arguments.get("max_value")
    bounds = []
    if low is not None:
        bounds.append(size.min() > 4 * (low - 1))
    if high is not None:
        bounds.append(size.max() <= high)
    return pl.all_horizontal(bounds).fill_null(value=False) if bounds else None


def recorded_expression(check: pa.Check, column: str | None) -> pl.Expr | None:
    """What a Pandera check selects, as one expression; None when it does anything else."""
    try:
        return _recorded(check, column)
    except _NOT_RECORDED:
        return None


def is_row_wise(expression: pl.Expr) -> bool:
    """Whether each row's result depends on that row's values alone."""
    if expression.meta.has_multiple_outputs():
        return False
    try:
        tree = json.loads(expression.meta.serialize(format="json"))
        return bool(expression.meta.root_names()) and _is_transparent(tree)
    except (ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError):
        return False  # a tree of a shape that this was not written for


def _recorded(check: pa.Check, column: str | None) -> pl.Expr:
    if check.element_wise:
        if column is None:
            raise _NotRecordableError("a check by value is on one column")
        return pl.col(column).map_elements(check._check_fn, return_dtype=pl.Boolean)  # noqa: SLF001
    data = PolarsData(_Recorder(), column or "*")  # type: ignore[arg-type]
    selection = check._check_fn(data, **check._check_kwargs)  # noqa: SLF001
    expressions = selection.expressions if isinstance(selection, _Selection) else ()
    if not expressions or not all(isinstance(item, pl.Expr) for item in expressions):
        raise _NotRecordableError("it is not a selection of expressions")
    return expressions[0] if len(expressions) == 1 else pl.all_horizontal(*expressions)


def _is_transparent(node: Any) -> bool:
    if isinstance(node, list):
        return all(_is_transparent(item) for item in node)
    ((kind, body),) = node.items()
    if kind == "Literal":
        return not isinstance(body, dict) or set(body) <= _SCALARS
    if kind == "Function":
        return _is_transparent_function(body["function"], body["input"])
    if kind == "Alias":
        return _is_transparent(body[0] if isinstance(body, list) else body["expr"])
    return kind == "Column" or all(_is_transparent(body[name]) for name in _OPERANDS[kind])


def _is_transparent_function(function: Any, inputs: list[Any]) -> bool:
    if isinstance(function, str):
        function = {function: None}
    ((family, member),) = function.items()
    if family in _FUNCTION_FAMILIES:
        return _is_by_value(member) and _is_transparent(inputs)
    if family != "Boolean":
        return family in _FUNCTIONS and _is_transparent(inputs)
    name = member if isinstance(member, str) else next(iter(member))
    if name == "IsIn":  # among values that are given; a column would be searched as a whole
        return _is_transparent(inputs[0]) and "Literal" in inputs[1]
    return name in _BOOLEANS and _is_transparent(inputs)


def _is_by_value(member: Any) -> bool:
    """Not a whole column joined to one text, nor a format guessed from the first value there is."""
    if not isinstance(member, dict):
        return True
    if "Strptime" in member:
        return member["Strptime"][1]["format"] is not None
    return "ConcatVertical" not in member
