"""What each column of a SQL model is made from, found in its text.

Owns the use of sqlglot for it. A column whose origins sqlglot cannot name is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mesh.engines.dbt_workspace import SCHEMA

if TYPE_CHECKING:
    from sqlglot.lineage import Node

DIALECT = "duckdb"


def lineage_of(
    queries: Mapping[str, str], model: str, tables: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[tuple[str, str]]]:
    """The origins of each output column of a model, as (product, column); without unknown ones.

    Args:
        queries: the SQL of the model, and of the models that it stands on, by name.
        model: whose columns are asked for.
        tables: the columns of each input, which is named `domain.product_v1`.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    schema: dict[str, dict[str, dict[str, str]]] = {}
    for name, columns in tables.items():
        domain, _, table = name.partition(".")
        # The types play no part in it; every column has one.
        schema.setdefault(domain, {})[table] = dict.fromkeys(columns, "varchar")
    try:
        texts = {f"{SCHEMA}.{name}": text for name, text in queries.items()}
        parsed = {n: sqlglot.parse_one(text, dialect=DIALECT) for n, text in texts.items()}
        below: dict[str, exp.Query | Callable[[], exp.Query]] = {
            name: item for name, item in parsed.items() if isinstance(item, exp.Query)
        }
        query = exp.expand(parsed[f"{SCHEMA}.{model}"], below, dialect=DIALECT)
        nodes = lineage(None, query, schema, dialect=DIALECT, trim_selects=False)
    except (SqlglotError, ValueError, RecursionError):
        return {}
    found = {name: _origins(node, tables) for name, node in nodes.items()}
    return {name: origins for name, origins in found.items() if origins is not None}


def _origins(top: Node, tables: Mapping[str, Sequence[str]]) -> frozenset[tuple[str, str]] | None:
    """The columns of inputs that a column ends in; None where one cannot be named."""
    from sqlglot import exp

    found: set[tuple[str, str]] = set()
    for node in top.walk():
        if node.downstream:
            continue
        if isinstance(node.source, exp.Table):
            name = f"{node.source.db}.{node.source.name}"
            own = node.name.rpartition(".")[2].strip('"')
            if name not in tables or own not in tables[name]:
                return None
            found.add((name, own))
        elif node.expression.find(exp.Column, exp.Star, exp.Columns) and not _counts_rows(node):
            return None
    return frozenset(found)


def _counts_rows(node: Node) -> bool:
    from sqlglot import exp

    return all(isinstance(star.parent, exp.Count) for star in node.expression.find_all(exp.Star))
