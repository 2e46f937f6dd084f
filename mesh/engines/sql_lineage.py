"""What each column of a SQL model is made from and how, and what decides about its rows.

Owns the use of sqlglot for it: names are resolved scope by scope, down to the tables. A column
whose origins cannot be named is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mesh.catalog.derivation import Derivation, Origin, Origins, deciding, derived, united
from mesh.engines.dbt_workspace import SCHEMA
from mesh.naming import CHANGE_COLUMNS

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class SqlLineage:
    """Origins by output column, without those of unknown ones; `rows` None where not known."""

    columns: Mapping[str, Origins] = field(default_factory=dict)
    rows: Origins | None = None


def lineage_of(
    queries: Mapping[str, str], model: str, tables: Mapping[str, Sequence[str]]
) -> SqlLineage:
    """The origins of each output column of a model, as columns of products.

    Args:
        queries: the SQL of the model, and of the models that it stands on, by name.
        model: whose columns are asked for.
        tables: the columns of each input, which is named `domain.product_v1`.
    """
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import build_scope

    try:
        top = build_scope(_qualified(queries, model, tables))
        if top is None:
            return SqlLineage()
        resolving = _Resolving(tables)
        found = {name: origins for name, origins in resolving.columns(top) if origins is not None}
        return SqlLineage(found, resolving.rows)
    except (SqlglotError, ValueError, RecursionError):
        return SqlLineage()


def _qualified(
    queries: Mapping[str, str], model: str, tables: Mapping[str, Sequence[str]]
) -> exp.Expr:
    """The model with everything that it stands on inside, and every name with its table."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.qualify import qualify

    found: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in tables.items():
        domain, _, table = name.partition(".")
        # The types play no part in it; every column has one.
        found.setdefault(domain, {})[table] = dict.fromkeys(columns, "varchar")
    schema: dict[str, object] = {**found}
    texts = {f"{SCHEMA}.{name}": text for name, text in queries.items()}
    parsed = {n: sqlglot.parse_one(text, dialect=DIALECT) for n, text in texts.items()}
    below: dict[str, exp.Query | Callable[[], exp.Query]] = {
        name: item for name, item in parsed.items() if isinstance(item, exp.Query)
    }
    query = exp.expand(parsed[f"{SCHEMA}.{model}"], below, dialect=DIALECT)
    return qualify(
        query, dialect=DIALECT, schema=schema, validate_qualify_columns=False, identify=False
    )


class _UnknownError(Exception):
    """An origin that cannot be named."""


@dataclass(slots=True)
class _Resolving:
    """Scopes of one query, each resolved once."""

    tables: Mapping[str, Sequence[str]]
    _found: dict[int, list[tuple[str, Origins | None]]] = field(default_factory=dict)
    _rows: set[Origin] = field(default_factory=set)
    _are_rows_known: bool = True

    @property
    def rows(self) -> Origins | None:
        """The columns that decide about rows, in every scope that was resolved."""
        return frozenset(self._rows) if self._are_rows_known else None

    def columns(self, scope: Scope) -> list[tuple[str, Origins | None]]:
        """The output columns of a scope, in their order, with their origins."""
        if id(scope) not in self._found:
            self._found[id(scope)] = []  # a recursive query meets itself here, as unknown
            self._found[id(scope)] = self._resolved(scope)
        return self._found[id(scope)]

    def _resolved(self, scope: Scope) -> list[tuple[str, Origins | None]]:
        from sqlglot import exp

        if scope.set_operation_scopes:
            first, *others = (self.columns(part) for part in scope.set_operation_scopes)
            places = zip(first, *others, strict=True)
            return [(place[0][0], united(origins for _, origins in place)) for place in places]
        query = scope.expression
        if not isinstance(query, exp.Select):
            return []
        self._look_at_rows(scope, query)
        return [(item.alias_or_name, self._of(item, scope)) for item in query.selects]

    def _look_at_rows(self, scope: Scope, query: exp.Select) -> None:
        from sqlglot import exp

        for _, source in scope.selected_sources.values():
            if not isinstance(source, exp.Table):
                self.columns(source)
        for part, how in _clauses(query):
            found = deciding(self._of(part, scope), how)
            self._are_rows_known = self._are_rows_known and found is not None
            self._rows |= found or set()

    def _of(self, expression: exp.Expr, scope: Scope) -> Origins | None:
        try:
            return self._origins(expression, scope)
        except _UnknownError:
            return None

    def _origins(self, expression: exp.Expr, scope: Scope) -> Origins:
        """What an expression is made of. Raises _UnknownError."""
        from sqlglot import exp

        if isinstance(expression, exp.Column):
            return self._column(expression, scope)
        if isinstance(expression, exp.Query):
            return self._subquery(expression, scope)
        if isinstance(expression, exp.Star | exp.Columns):
            if isinstance(expression.parent, exp.Count):
                return frozenset()
            raise _UnknownError
        found: set[Origin] = set()
        for child, how in _children(expression):
            found |= derived(self._origins(child, scope), how) or set()
        return frozenset(found)

    def _column(self, column: exp.Column, scope: Scope) -> Origins:
        from sqlglot import exp

        if not column.table:
            return self._own(column.name, scope)
        source = scope.sources.get(column.table)
        if source is None and scope.parent is not None:  # of a query around this one
            return self._column(column, scope.parent)
        if source is None:
            raise _UnknownError
        if isinstance(source, exp.Table):
            name = f"{source.db}.{source.name}"
            own = _same_name(column.name, self.tables.get(name, ()))
            is_kept = own not in CHANGE_COLUMNS
            return frozenset({(name, own, Derivation.IDENTITY)} if is_kept else ())
        known = dict(self.columns(source))
        origins = known.get(_same_name(column.name, known))
        if origins is None:
            raise _UnknownError
        return origins

    def _own(self, name: str, scope: Scope) -> Origins:
        """An output column of the scope itself, by which it is ordered, say."""
        from sqlglot import exp

        query = scope.expression
        selects = query.selects if isinstance(query, exp.Select) else []
        chosen = {item.alias_or_name: item for item in selects}
        item = chosen[_same_name(name, chosen)]
        if isinstance(item, exp.Column) and not item.table:
            raise _UnknownError
        return self._origins(item, scope)

    def _subquery(self, query: exp.Query, scope: Scope) -> Origins:
        inner = query.unnest()
        found = next((s for s in scope.subquery_scopes if s.expression is inner), None)
        origins = united(origins for _, origins in self.columns(found)) if found else None
        if origins is None:
            raise _UnknownError
        return origins


def _children(expression: exp.Expr) -> Iterator[tuple[exp.Expr, Derivation]]:
    """The expressions that one is made of, and what these are to it."""
    from sqlglot import exp

    special = _DECIDING.get(type(expression).__name__, {})
    plain = Derivation.TRANSFORMATION
    if isinstance(expression, exp.Alias | exp.Paren | exp.Filter | exp.Window | exp.Subquery):
        plain = Derivation.IDENTITY
    elif isinstance(expression, exp.AggFunc):
        plain = Derivation.AGGREGATION
    for name, value in expression.args.items():
        if isinstance(expression, exp.Window) and isinstance(value, exp.Order):
            value = [item.this for item in value.expressions]  # noqa: PLW2901 -- not a sort
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expr):
                yield child, special.get(name, plain)


_DECIDING: Mapping[str, Mapping[str, Derivation]] = {
    "Case": {"this": Derivation.CONDITIONAL},
    "Filter": {"expression": Derivation.CONDITIONAL},
    "If": {"this": Derivation.CONDITIONAL},
    "Order": {"expressions": Derivation.SORT},
    "Window": {"partition_by": Derivation.WINDOW, "order": Derivation.WINDOW},
}
"""Parts of expressions that decide about a value, and are not in it."""


def _clauses(query: exp.Select) -> Iterator[tuple[exp.Expr, Derivation]]:
    """The parts of a query that decide which rows there are, and in which order."""
    clauses = {
        "where": Derivation.FILTER,
        "group": Derivation.GROUP_BY,
        "having": Derivation.FILTER,
        "qualify": Derivation.FILTER,
        "order": Derivation.SORT,
    }
    for name, how in clauses.items():
        if (clause := query.args.get(name)) is not None:
            yield clause, how
    for join in query.args.get("joins") or ():
        if (condition := join.args.get("on")) is not None:
            yield condition, Derivation.JOIN
    if query.args.get("distinct") is not None:
        yield from ((item, Derivation.GROUP_BY) for item in query.selects)


def _same_name(name: str, names: Iterable[str]) -> str:
    """The one of these names that DuckDB means, which does not tell cases apart."""
    known = {known.lower(): known for known in names}
    if name.lower() not in known:
        raise _UnknownError
    return known[name.lower()]
