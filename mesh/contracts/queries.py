"""The queries of SQL rules: which SQL a contract may ask of its own data.

One query, over the product's own rows and nothing else: no other table. What it may say is in
`contracts.allowed_sql`. What was checked is what is run: the text is written anew from the syntax
that was looked at. Where it runs is `contracts.sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from mesh.contracts.allowed_sql import parsed, refuse
from mesh.contracts.model import Contract, Rule

_TABLE_WORDS = ("table", "object", "model", "schema", "dataset", "project", "catalog", "database")
_COLUMN_WORDS = ("column", "property", "field")
_PLACEHOLDER = re.compile(
    rf"[\"'`]?\$?\{{({'|'.join((*_TABLE_WORDS, *_COLUMN_WORDS))})\}}[\"'`]?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was checked: its text, the name of its table, and the columns that it names.

    `columns` are all of the contract's where it says `*`.
    """

    text: str
    table: str
    columns: tuple[str, ...]

    @classmethod
    def of(cls, rule: Rule, contract: Contract) -> Query:
        """The query of a `sql` rule. Raises ValueError that says what it may not do."""
        names = _tables(rule, contract)
        column = rule.columns[0] if rule.columns else ""
        tree = parsed(_filled(rule.arguments["query"], names[0], column))
        _bind(tree, names)
        return cls(tree.sql("duckdb", comments=False), names[0], _columns(tree, contract))


def _tables(rule: Rule, contract: Contract) -> tuple[str, ...]:
    """The names by which a query may know the product's rows; by the first it is run."""
    physical = [
        str(table["physicalName"])
        for table in contract.document.get("schema") or ()
        if isinstance(table, Mapping)
        and table.get("name") == contract.table
        and table.get("physicalName")
    ]
    named = [rule.arguments["table"], contract.table, *physical]
    # ODCS's physical names may be qualified; a query's qualifiers are let go of.
    names = [name.rpartition(".")[2] for name in named if name]
    return tuple(dict.fromkeys(names)) or ("rows",)


def _filled(query: str, table: str, column: str) -> str:
    """The query with ODCS's placeholders filled in, such as `${table}` and `{property}`."""

    def name(match: re.Match[str]) -> str:
        is_table = match[1].lower() in _TABLE_WORDS
        if not is_table and not column:
            refuse(f"`{match[0]}` stands for no column: the rule is on the whole table")
        found: str = exp.to_identifier(table if is_table else column, quoted=True).sql("duckdb")
        return found

    return _PLACEHOLDER.sub(name, query)


def _bind(tree: exp.Expr, names: tuple[str, ...]) -> None:
    """Make every table the product's rows, or a query of its own. Raises ValueError."""
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    known = {name.lower() for name in names}
    for table in [*tree.find_all(exp.Table)]:
        if not isinstance(table.this, exp.Identifier):
            refuse(f"`{table.sql('duckdb')}` is no table")
        name = table.name.lower()
        if name in own and not table.db:
            continue
        if name not in known:
            refuse(f"it reads {table.name!r}; the product's own rows are {names[0]!r}")
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(names[0], quoted=True))
        table.set("db", None)
        table.set("catalog", None)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)


def _columns(tree: exp.Expr, contract: Contract) -> tuple[str, ...]:
    if any(not _is_counted(star) for star in tree.find_all(exp.Star)):
        return contract.column_names
    words = {word.lower() for word in _words(tree)}
    # A query without any column still has rows to count.
    return (
        tuple(n for n in contract.column_names if n.lower() in words) or contract.column_names[:1]
    )


def _words(tree: exp.Expr) -> Iterator[str]:
    return (identifier.name for identifier in tree.find_all(exp.Identifier))


def _is_counted(star: exp.Expr) -> bool:
    return isinstance(star.parent, exp.Count)
