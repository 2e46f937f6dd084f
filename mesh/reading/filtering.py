"""Conditions in SQL and lists of columns: which rows and columns are meant.

Owns the checks of what people type: an unknown column is answered with near names, and a condition
that cannot be decided is refused before any data is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mesh.errors import MeshError, UnknownColumnError

_TIMES = "write times as text, in UTC: observed_at >= '2013-02-12 08:00:00'"
_EXAMPLE = "write a SQL condition, such as \"wind_speed_mph > 40 and origin = 'JFK'\""


def columns_of(text: str, frame: pl.LazyFrame, where: str) -> list[str]:
    """The names in `a,b`. Raises UnknownColumnError, and MeshError for a name given twice."""
    known = frame.collect_schema().names()
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UnknownColumnError(name, known, where=where)
    if len(set(names)) < len(names):
        raise MeshError(f"--columns {text!r} names a column twice", where=where)
    return names


def filtered(frame: pl.LazyFrame, condition: str, where: str) -> pl.LazyFrame:
    """The rows for which a SQL condition holds.

    Raises UnknownColumnError, and MeshError when it is not a condition on these columns.
    """
    require_condition(frame.collect_schema(), condition, where)
    return _where(frame, condition)


def require_condition(schema: pl.Schema, condition: str, where: str) -> None:
    """Raise UnknownColumnError or MeshError for what is no condition on these columns."""
    for name in columns_in(condition, where):
        if name not in schema:
            raise UnknownColumnError(name, schema.names(), where=where)
    try:
        # Polars finds out about types only when rows pass through: here, none.
        _where(pl.LazyFrame(schema=schema), condition).collect()
    except pl.exceptions.PolarsError as error:
        is_about_time = isinstance(error, pl.exceptions.SchemaError) and "Datetime" in str(error)
        raise _refused(condition, where, error, _TIMES if is_about_time else _EXAMPLE) from error


def marked(frame: pl.LazyFrame, condition: str, mark: str) -> pl.LazyFrame:
    """Every row, with a column `mark` that says whether the condition holds; null is no."""
    context = pl.SQLContext(rows=frame)
    query = f'SELECT *, COALESCE((\n{condition}\n), FALSE) AS "{mark}" FROM rows'  # noqa: S608 -- read-only, and the user's own machine # nosec B608
    return context.execute(query)


def columns_in(condition: str, where: str) -> Sequence[str]:
    """The columns that a SQL condition speaks of, in order. Raises MeshError when it is none."""
    try:
        expression = pl.sql_expr(condition)
    except pl.exceptions.PolarsError as error:
        raise _refused(condition, where, error, _EXAMPLE) from error
    return list(dict.fromkeys(expression.meta.root_names()))


def _where(frame: pl.LazyFrame, condition: str) -> pl.LazyFrame:
    # `sql_expr` alone does not compare times with text; a whole query does. That the condition is
    # one expression was settled by `columns_in`.
    context = pl.SQLContext(rows=frame)
    return context.execute(f"SELECT * FROM rows WHERE (\n{condition}\n)")  # noqa: S608 -- read-only, and the user's own machine # nosec B608


def _refused(condition: str, where: str, error: Exception, hint: str) -> MeshError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return MeshError(f"--where {condition!r} cannot be decided: {reason}", where=where, hint=hint)
