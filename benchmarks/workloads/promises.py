"""Lineitem's promises without Mesh: the same rules, in each peer's own words.

Owns the rules as plain values, and their projections to Pandera (Polars and pandas), pointblank,
Great Expectations and ODCS. A test of the house holds the values to the contract in `lineitem`.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

_FIRST, _LAST = dt.date(1992, 1, 1), dt.date(1998, 12, 31)
KEY = ["l_orderkey", "l_linenumber"]
TYPES = {
    "l_orderkey": "long", "l_partkey": "long", "l_suppkey": "long", "l_linenumber": "int",
    "l_quantity": "decimal", "l_extendedprice": "decimal", "l_discount": "decimal",
    "l_tax": "decimal", "l_returnflag": "string", "l_linestatus": "string", "l_shipdate": "date",
    "l_commitdate": "date", "l_receiptdate": "date", "l_shipinstruct": "string",
    "l_shipmode": "string", "l_comment": "string",
}  # fmt: skip
AT_LEAST: dict[str, Any] = {"l_orderkey": 1, "l_partkey": 1, "l_suppkey": 1}
ABOVE: dict[str, Any] = {"l_extendedprice": 0}
BETWEEN: dict[str, tuple[Any, Any]] = {
    "l_linenumber": (1, 7), "l_quantity": (1, 50), "l_discount": (0, 1), "l_tax": (0, 1),
    "l_shipdate": (_FIRST, _LAST), "l_commitdate": (_FIRST, _LAST),
}  # fmt: skip
ONE_OF = {
    "l_returnflag": ["A", "N", "R"],
    "l_linestatus": ["F", "O"],
    "l_shipinstruct": ["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"],
    "l_shipmode": ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"],
}
MATCHES = {"l_shipmode": "^[A-Z ]+$"}
LENGTH = {"l_comment": (1, 44)}
GREATER = [("l_receiptdate", "l_shipdate"), ("l_extendedprice", "l_tax")]
"""Across columns: the first is greater than the second."""


def _checks(name: str, check: Any, exact: Any = lambda value: value) -> list[Any]:
    """A column's checks in Pandera's words, the same for every backend."""
    found = []
    if name in AT_LEAST:
        found.append(check.ge(exact(AT_LEAST[name])))
    if name in ABOVE:
        found.append(check.gt(exact(ABOVE[name])))
    if name in BETWEEN:
        found.append(check.in_range(*map(exact, BETWEEN[name])))
    if name in ONE_OF:
        found.append(check.isin(ONE_OF[name]))
    if name in MATCHES:
        found.append(check.str_matches(MATCHES[name]))
    if name in LENGTH:
        found.append(check.str_length(*LENGTH[name]))
    return found


def pandera_polars() -> Any:
    """Pandera's schema for a Polars frame."""
    import pandera.polars as pa
    import polars as pl

    types = {
        "long": pl.Int64, "int": pl.Int32, "decimal": pl.Decimal(15, 2), "string": pl.String,
        "date": pl.Date,
    }  # fmt: skip

    def greater(left: str, right: str) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(pl.col(left) > pl.col(right)))

    columns = {
        name: pa.Column(types[type_], _checks(name, pa.Check)) for name, type_ in TYPES.items()
    }
    across = [greater(left, right) for left, right in GREATER]
    return pa.DataFrameSchema(columns, checks=across, unique=KEY, strict=True)


def pandera_pandas(types: dict[str, Any], exact: Any = lambda value: value) -> Any:
    """Pandera's schema for a pandas frame of these dtypes; `exact` makes a bound comparable."""
    import pandera.pandas as pa

    def greater(left: str, right: str) -> Any:
        return pa.Check(lambda frame: frame[left] > frame[right])

    columns = {
        name: pa.Column(types[type_], _checks(name, pa.Check, exact))
        for name, type_ in TYPES.items()
    }
    across = [greater(left, right) for left, right in GREATER]
    return pa.DataFrameSchema(columns, checks=across, unique=KEY, strict=True)


def pointblank_plan(frame: Any) -> Any:
    """Pointblank's plan: each rule as a step.

    Its comparisons ask decimals for NaN, which Polars refuses, so decimals and text lengths are
    told as expressions, which it also takes.
    """
    import pointblank as pb
    import polars as pl

    schema = pb.Schema(columns=[(name, str(type_)) for name, type_ in frame.schema.items()])
    plan = pb.Validate(frame).col_schema_match(schema)
    plan = plan.col_vals_not_null(columns=list(TYPES)).rows_distinct(columns_subset=KEY)
    for name, low in AT_LEAST.items():
        plan = plan.col_vals_ge(name, low)
    for name, low in ABOVE.items():
        plan = plan.col_vals_expr(pl.col(name) > low)
    for name, (low, high) in BETWEEN.items():
        if TYPES[name] == "decimal":
            plan = plan.col_vals_expr(pl.col(name).is_between(low, high))
        else:
            plan = plan.col_vals_between(name, low, high)
    for name, known in ONE_OF.items():
        plan = plan.col_vals_in_set(name, known)
    for name, pattern in MATCHES.items():
        plan = plan.col_vals_regex(name, pattern)
    for name, (low, high) in LENGTH.items():
        plan = plan.col_vals_expr(pl.col(name).str.len_chars().is_between(low, high))
    for left, right in GREATER:
        plan = plan.col_vals_expr(pl.col(left) > pl.col(right))
    return plan


def expectations() -> list[Any]:
    """Great Expectations' expectations, for a pandas frame."""
    import great_expectations.expectations as gx

    found: list[Any] = [gx.ExpectTableColumnsToMatchSet(column_set=list(TYPES), exact_match=True)]
    found += [gx.ExpectColumnValuesToNotBeNull(column=name) for name in TYPES]
    found.append(gx.ExpectCompoundColumnsToBeUnique(column_list=KEY))
    between = {
        **{name: {"min_value": low} for name, low in AT_LEAST.items()},
        **{name: {"min_value": low, "strict_min": True} for name, low in ABOVE.items()},
        **{
            name: {"min_value": low, "max_value": high} for name, (low, high) in BETWEEN.items()
        },
    }  # fmt: skip
    found += [
        gx.ExpectColumnValuesToBeBetween(column=name, **ends) for name, ends in between.items()
    ]
    found += [
        gx.ExpectColumnValuesToBeInSet(column=name, value_set=known)
        for name, known in ONE_OF.items()
    ]
    found += [
        gx.ExpectColumnValuesToMatchRegex(column=name, regex=pattern)
        for name, pattern in MATCHES.items()
    ]
    found += [
        gx.ExpectColumnValueLengthsToBeBetween(column=name, min_value=low, max_value=high)
        for name, (low, high) in LENGTH.items()
    ]
    found += [
        gx.ExpectColumnPairValuesAToBeGreaterThanB(column_A=left, column_B=right)
        for left, right in GREATER
    ]
    return found


def odcs(files: str) -> dict[str, Any]:
    """An ODCS contract on the Parquet files of a written table."""
    across = [
        {
            "type": "sql",
            "query": f"SELECT count(*) FROM lineitem WHERE NOT {left} > {right}",  # noqa: S608 -- own names
            "mustBe": 0,
        }
        for left, right in GREATER
    ]
    return {
        "kind": "DataContract",
        "apiVersion": "v3.1.0",
        "id": "tpch.lineitem",
        "name": "lineitem",
        "version": "1.0.0",
        "status": "active",
        "servers": [{"server": "local", "type": "local", "path": files, "format": "parquet"}],
        "schema": [
            {
                "name": "lineitem",
                "physicalType": "table",
                "properties": [_odcs_property(name) for name in TYPES],
                "quality": across,
            }
        ],
    }


_ODCS_TYPES = {
    "long": ("integer", "BIGINT"), "int": ("integer", "INTEGER"),
    "decimal": ("number", "DECIMAL(15,2)"), "string": ("string", "VARCHAR"),
    "date": ("date", "DATE"),
}  # fmt: skip


def _odcs_property(name: str) -> dict[str, Any]:
    logical, physical = _ODCS_TYPES[TYPES[name]]
    options: dict[str, Any] = {}
    if name in AT_LEAST:
        options["minimum"] = AT_LEAST[name]
    if name in ABOVE:
        options["exclusiveMinimum"] = ABOVE[name]
    if name in BETWEEN:
        options["minimum"], options["maximum"] = map(_plain, BETWEEN[name])
    if name in MATCHES:
        options["pattern"] = MATCHES[name]
    if name in LENGTH:
        options["minLength"], options["maxLength"] = LENGTH[name]
    found: dict[str, Any] = {
        "name": name, "logicalType": logical, "physicalType": physical, "required": True,
    }  # fmt: skip
    if options:
        found["logicalTypeOptions"] = options
    if name in KEY:
        found |= {"primaryKey": True, "primaryKeyPosition": KEY.index(name) + 1}
    if name in ONE_OF:
        arguments = {"validValues": ONE_OF[name]}
        rule = {"type": "library", "metric": "invalidValues", "arguments": arguments, "mustBe": 0}
        found["quality"] = [rule]
    return found


def write_odcs(files: str, path: Path) -> Path:
    """The ODCS contract as a file."""
    import yaml

    path.write_text(yaml.safe_dump(odcs(files), sort_keys=False), encoding="utf-8")
    return path


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value


def money(value: object) -> object:
    """A bound as a decimal where it is a number: decimals of pandas compare with nothing else."""
    return Decimal(value) if isinstance(value, int) else value
