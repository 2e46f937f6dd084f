"""The queries of SQL rules: which SQL a contract may ask of its own data.

Owns the allow-list. One query, over the product's own rows and nothing else: no other table, no
file, no function that is not listed here, no recursion, no second statement. What was checked is
what is run: the text is written anew from the syntax that was looked at. Reading SQL is sqlglot's,
in DuckDB's dialect; where it runs is `contracts.sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from mesh.contracts.model import Contract, Rule

_MOST_TOKENS = 5_000
_TABLE_WORDS = ("table", "object", "model", "schema", "dataset", "project", "catalog", "database")
_COLUMN_WORDS = ("column", "property", "field")
_PLACEHOLDER = re.compile(
    rf"[\"'`]?\$?\{{({'|'.join((*_TABLE_WORDS, *_COLUMN_WORDS))})\}}[\"'`]?", re.IGNORECASE
)
# Syntax that a query may have. A new word of sqlglot's is refused until it stands here.
_SYNTAX: tuple[type[exp.Expr], ...] = (
    exp.Select, exp.Subquery, exp.SetOperation, exp.With, exp.CTE, exp.TableAlias, exp.From,
    exp.Join, exp.Table, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit,
    exp.Offset, exp.Fetch, exp.Distinct, exp.Qualify, exp.Window, exp.WindowSpec, exp.Filter,
    exp.WithinGroup, exp.Column, exp.Identifier, exp.Star, exp.Alias, exp.Literal, exp.Boolean,
    exp.Null, exp.Paren, exp.Tuple, exp.Binary, exp.Unary, exp.Between, exp.In, exp.Interval,
    exp.IntervalSpan, exp.Var, exp.DataType, exp.DataTypeParam, exp.Bracket, exp.Array, exp.Slice,
    exp.Dot, exp.Rollup, exp.Cube, exp.GroupingSets, exp.IgnoreNulls, exp.RespectNulls,
    exp.HavingMax, exp.Values,
)  # fmt: skip
# sqlglot's keys of functions, and below the names of those that it has no class for.
_FUNCTIONS = frozenset({
    "abs", "all", "and", "any", "anyvalue", "approxdistinct", "argmax", "argmin", "arrayagg",
    "arrayconcat", "arraycontains", "arraymax", "arraymin", "arraysize", "arraysum", "avg",
    "case", "cast", "ceil", "chr", "coalesce", "concat", "concatws", "corr", "count", "countif",
    "covarpop", "covarsamp", "cumedist", "currentdate", "currenttime", "currenttimestamp",
    "currenttimestampltz", "date", "dateadd", "datediff", "datefromparts", "datestrtodate",
    "datesub", "datetotimestr", "datetrunc", "day", "dayofmonth", "dayofweek", "dayofyear",
    "denserank", "endswith", "exists", "exp", "explode", "extract", "first", "firstvalue",
    "floor", "greatest", "groupconcat", "hour", "if", "ilike", "initcap", "isinf", "isnan",
    "kurtosis", "lag", "last", "lastday", "lastvalue", "lead", "least", "left", "length",
    "levenshtein", "like", "ln", "log", "logicaland", "logicalor", "lower", "max", "md5",
    "median", "min", "minute", "mod", "mode", "month", "not", "nthvalue", "ntile", "nullif", "or",
    "pad", "percentilecont", "percentiledisc", "percentrank", "pow", "quantile", "quarter",
    "rank", "regexpcount", "regexpextract", "regexpfullmatch", "regexpilike", "regexplike",
    "regexpreplace", "replace", "reverse", "right", "round", "rownumber", "second", "sign",
    "skewness", "sortarray", "space", "split", "splitpart", "sqrt", "startswith", "stddev",
    "stddevpop", "stddevsamp", "strposition", "strtodate", "strtotime", "structextract",
    "substring", "sum", "timestamp", "timestampdiff", "timestamptrunc", "timetostr", "timetounix",
    "tochar", "trim", "trunc", "trycast", "tsordstodate", "tsordstotime", "tsordstotimestamp",
    "unicode", "unixseconds", "unixtotime", "unnest", "upper", "variance", "variancepop", "week",
    "weekofyear", "xor", "year",
})  # fmt: skip
_BY_NAME = frozenset({"now", "date_part", "datepart", "isfinite", "bit_count", "fsum", "entropy"})
_STARTS = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN})


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
        tree = _parsed(_filled(rule.arguments["query"], names[0], column))
        for node in tree.walk():
            _check(node)
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
            _refuse(f"`{match[0]}` stands for no column: the rule is on the whole table")
        found: str = exp.to_identifier(table if is_table else column, quoted=True).sql("duckdb")
        return found

    return _PLACEHOLDER.sub(name, query)


def _parsed(query: str) -> exp.Expr:
    try:
        tokens = sqlglot.tokenize(query, read="duckdb")
        if len(tokens) > _MOST_TOKENS:
            _refuse(f"it has more than {_MOST_TOKENS:,} words")
        if not tokens or tokens[0].token_type not in _STARTS:
            _refuse(
                f"it begins with {tokens[0].text!r}, not with SELECT" if tokens else "it is empty"
            )
        statements = [tree for tree in sqlglot.parse(query, read="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        text = str(error).splitlines()[0] or "it is nested too deeply"
        message = f"it cannot be read: {text}"
        raise ValueError(message) from error
    if len(statements) != 1:
        _refuse(f"it has {len(statements)} statements, and may have one")
    if not isinstance(statements[0], exp.Query):
        _refuse(f"it is {statements[0].key.upper()}, and may only be a SELECT")
    return statements[0]


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.ParameterizedAgg):
        if node.name.lower() not in _BY_NAME:
            _refuse(f"function {node.name or node.this} is not one that a rule may call")
    elif isinstance(node, exp.Func) and not isinstance(node, exp.Binary):
        if node.key not in _FUNCTIONS:
            _refuse(f"function {node.sql_name().lower()} is not one that a rule may call")
    elif not isinstance(node, _SYNTAX) and node.key not in _FUNCTIONS:
        _refuse(f"{node.key.upper()} is not part of the SQL that a rule may use")
    elif isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
        _refuse("it may only read")
    elif isinstance(node, exp.With) and node.args.get("recursive"):
        _refuse("it may not be recursive")


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)


def _bind(tree: exp.Expr, names: tuple[str, ...]) -> None:
    """Make every table the product's rows, or a query of its own. Raises ValueError."""
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    known = {name.lower() for name in names}
    for table in [*tree.find_all(exp.Table)]:
        if not isinstance(table.this, exp.Identifier):
            _refuse(f"`{table.sql('duckdb')}` is no table")
        name = table.name.lower()
        if name in own and not table.db:
            continue
        if name not in known:
            _refuse(f"it reads {table.name!r}; the product's own rows are {names[0]!r}")
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
