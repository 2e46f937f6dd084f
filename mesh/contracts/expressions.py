"""Rules as vectorised Polars expressions.

Owns the way from a rule to an expression that says, row by row, whether it is kept. The expressions
are Pandera's own: a check's function is called with a recorder in place of the frame, and what it
asks to select is taken over, so that the compiled rule cannot drift from Pandera's meaning.

`is_row_wise` reads a Polars expression's serialised tree, which Polars does not promise to keep;
what it does not recognise is decided on the whole set instead, which is slower and always right.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from pandera.api.polars.types import PolarsData

if TYPE_CHECKING:
    import pandera.polars as pa

_TRANSPARENT = frozenset(
    {"BinaryExpr", "Ternary", "Cast", "Alias", "Literal", "Column", "Function"}
)
_FUNCTION_FAMILIES = frozenset({"StringExpr", "TemporalExpr", "ListExpr", "StructExpr", "Pow"})
_FUNCTIONS = frozenset(
    {
        "Abs",
        "Ceil",
        "Clip",
        "Coalesce",
        "FillNull",
        "Floor",
        "Negate",
        "Round",
        "RoundSF",
        "Sign",
        "Hash",
    }
)
_BOOLEANS = frozenset(
    {
        "AllHorizontal",
        "AnyHorizontal",
        "IsBetween",
        "IsFinite",
        "IsIn",
        "IsInfinite",
        "IsNan",
        "IsNotNan",
        "IsNotNull",
        "IsNull",
        "Not",
    }
)


class _NotRecordableError(Exception):
    """A check used its frame for more than one selection."""


@dataclass(frozen=True, slots=True)
class _Selection:
    expressions: tuple[Any, ...]


class _Recorder:
    """Stands in for a lazy frame, and keeps what a check selects from it."""

    def select(self, *expressions: Any) -> _Selection:
        return _Selection(expressions)

    def __getattr__(self, name: str) -> Any:
        raise _NotRecordableError(name)


def recorded_expression(check: pa.Check, column: str | None) -> pl.Expr | None:
    """What a Pandera check selects, as one expression; None when it does anything else."""
    if check.element_wise:
        return _element_wise(check, column)
    data = PolarsData(_Recorder(), column or "*")  # type: ignore[arg-type]
    try:
        selection = check._check_fn(data, **check._check_kwargs)  # noqa: SLF001
    except (_NotRecordableError, AttributeError, TypeError):
        return None
    if not isinstance(selection, _Selection):
        return None
    expressions = selection.expressions
    if not expressions or not all(isinstance(item, pl.Expr) for item in expressions):
        return None
    return expressions[0] if len(expressions) == 1 else pl.all_horizontal(*expressions)


def is_row_wise(expression: pl.Expr) -> bool:
    """Whether each row's result depends on that row's values alone."""
    if expression.meta.has_multiple_outputs():
        return False
    try:
        tree = json.loads(expression.meta.serialize(format="json"))
    except (ValueError, pl.exceptions.PolarsError):
        return False
    return bool(expression.meta.root_names()) and _is_transparent(tree)


def keeps(expression: pl.Expr, *, is_null_ignored: bool) -> pl.Expr:
    """The expression as a plain yes or no, with Pandera's treatment of a null answer."""
    return expression.fill_null(is_null_ignored)


def has_value(column: str, *, is_float: bool) -> pl.Expr:
    """Pandera's own idea of a value that is there: neither null nor NaN."""
    expression = pl.col(column).is_not_null()
    return (
        expression & pl.col(column).is_not_nan().fill_null(value=True) if is_float else expression
    )


def _element_wise(check: pa.Check, column: str | None) -> pl.Expr | None:
    if column is None:
        return None
    return pl.col(column).map_elements(check._check_fn, return_dtype=pl.Boolean)  # noqa: SLF001


def _is_transparent(node: Any) -> bool:
    if isinstance(node, list):
        return all(_is_transparent(item) for item in node)
    if not isinstance(node, dict) or len(node) != 1:
        return False
    ((kind, body),) = node.items()
    if kind not in _TRANSPARENT:
        return False
    if kind in {"Column", "Literal"}:
        return True
    if kind == "Function":
        return _is_known_function(body["function"]) and _is_transparent(body["input"])
    if kind == "Alias":
        return _is_transparent(body[0] if isinstance(body, list) else body["expr"])
    if kind == "Cast":
        return _is_transparent(body["expr"])
    names = ("left", "right") if kind == "BinaryExpr" else ("predicate", "truthy", "falsy")
    return all(_is_transparent(body[name]) for name in names)


def _is_known_function(function: Any) -> bool:
    if isinstance(function, str):
        return function in _FUNCTIONS
    ((family, member),) = function.items()
    if family == "Boolean":
        return (member if isinstance(member, str) else next(iter(member))) in _BOOLEANS
    return family in _FUNCTION_FAMILIES or family in _FUNCTIONS
