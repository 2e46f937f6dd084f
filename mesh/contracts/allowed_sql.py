"""Which SQL may be asked of rows that somebody else answers for.

Owns the allow-list. One query, and in it no file, no function that is not listed here, no
recursion, no second statement, nothing that writes. Knows no tables: who asks for the syntax looks
at them. Reading SQL is sqlglot's, in DuckDB's dialect.
"""

from __future__ import annotations

from typing import NoReturn

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

_MOST_TOKENS = 5_000
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


def parsed(query: str, also: tuple[type[exp.Expr], ...] = ()) -> exp.Expr:
    """The syntax of a query, all of which may be used. Raises ValueError that says what may not.

    `also` is syntax that whoever asks takes care of.
    """
    tree = _query(query)
    for node in tree.walk():
        if not isinstance(node, also):
            _check(node)
    return tree


def refuse(what: str) -> NoReturn:
    """Raise ValueError."""
    raise ValueError(what)


def _query(query: str) -> exp.Expr:
    try:
        tokens = sqlglot.tokenize(query, read="duckdb")
        if len(tokens) > _MOST_TOKENS:
            refuse(f"it has more than {_MOST_TOKENS:,} words")
        if not tokens or tokens[0].token_type not in _STARTS:
            refuse(
                f"it begins with {tokens[0].text!r}, not with SELECT" if tokens else "it is empty"
            )
        statements = [tree for tree in sqlglot.parse(query, read="duckdb") if tree is not None]
    except (SqlglotError, RecursionError) as error:
        text = str(error).splitlines()[0] or "it is nested too deeply"
        message = f"it cannot be read: {text}"
        raise ValueError(message) from error
    if len(statements) != 1:
        refuse(f"it has {len(statements)} statements, and may have one")
    if not isinstance(statements[0], exp.Query):
        refuse(f"it is {statements[0].key.upper()}, and may only be a SELECT")
    return statements[0]


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.ParameterizedAgg):
        if node.name.lower() not in _BY_NAME:
            refuse(f"function {node.name or node.this} is not one that a query may call")
    elif isinstance(node, exp.Func) and not isinstance(node, exp.Binary):
        if node.key not in _FUNCTIONS:
            refuse(f"function {node.sql_name().lower()} is not one that a query may call")
    elif not isinstance(node, _SYNTAX) and node.key not in _FUNCTIONS:
        refuse(f"{node.key.upper()} is not part of the SQL that a query may use")
    elif isinstance(node, exp.Select) and (node.args.get("into") or node.args.get("locks")):
        refuse("it may only read")
    elif isinstance(node, exp.With) and node.args.get("recursive"):
        refuse("it may not be recursive")
