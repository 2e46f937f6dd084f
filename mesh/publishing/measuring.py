"""ODCS's metrics: values that are null, missing, invalid or repeated, and rows, each one number.

Owns how each is counted on the accepted rows, and how a number is compared with what it has to be.
Nulls, missing and invalid values are counted while the data streams; repeated ones by their hashes.
As `not_null` has it, NaN is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from mesh.contracts import wording
from mesh.contracts.arrow import arrow_schema
from mesh.contracts.measures import Bound
from mesh.contracts.model import Contract, Rule
from mesh.contracts.stored_values import restored
from mesh.contracts.value_checks import ValueCheck, is_found
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import GateError
from mesh.publishing.counting import MAX_SAMPLES
from mesh.publishing.set_parts import Asked, Parts, StagedRows
from mesh.publishing.uniqueness import Uniqueness

_PLACES = 6  # datacontract-cli's, so that a third is 33.333333 %
Samples = tuple[Mapping[str, Any], ...]


def metric_parts(rule: Rule, asked: Asked) -> Parts:
    """How a metric is measured and decided. Raises GateError for one that cannot be."""
    name = rule.arguments["metric"]
    if name == "rowCount":
        return None, lambda _, rows: measured(rule, rows, rows)
    if name == "duplicateValues":
        return _duplicates(rule, asked)
    try:
        condition = metric_condition(rule, asked.contract)
    except (ValueError, TypeError, OverflowError, KeyError, pl.exceptions.PolarsError) as error:
        text = str(error).splitlines()[0]
        raise GateError(f"`{rule.text}` cannot be measured: {text}") from error
    counted = asked.counts.of(condition, asked.shown(rule))
    return None, lambda _, rows: measured(rule, counted.rows, rows, tuple(counted.samples))


def metric_condition(rule: Rule, contract: Contract) -> pl.Expr:
    """What is true of the rows that a metric counts. Raises ValueError, TypeError."""
    types = dict(pl.DataFrame(arrow_schema(contract, rule.columns).empty_table()).schema)
    if not rule.columns or rule.arguments["metric"] not in _CONDITIONS:
        message = f"{rule.arguments['metric']} is of columns, and it names none"
        raise ValueError(message)
    counted = _CONDITIONS[rule.arguments["metric"]]
    own = rule.arguments.get("arguments") or {}
    return pl.any_horizontal(
        counted(name, own, types, contract.column(name).type) for name in rule.columns
    ).fill_null(value=False)


Types = Mapping[str, pl.DataType]


def _is_null(name: str, _: Mapping[str, Any], types: Types, __: str) -> pl.Expr:
    return ~ValueCheck("not_null").expression((name,), types)


def _is_missing(name: str, own: Mapping[str, Any], types: Types, data_type: str) -> pl.Expr:
    named = [value for value in own.get("missingValues") or () if value is not None]
    is_null = _is_null(name, own, types, data_type)
    return is_null | _is_in(name, named, types, data_type) if named else is_null


def _is_invalid(name: str, own: Mapping[str, Any], types: Types, data_type: str) -> pl.Expr:
    is_valid = []
    if own.get("validValues") is not None:
        named = [value for value in own["validValues"] if value is not None]
        is_valid.append(_is_in(name, named, types, data_type))
    if own.get("pattern") is not None:
        text = pl.col(name) if types[name] == pl.String else pl.col(name).cast(pl.String)
        is_valid.append(is_found(own["pattern"], text))
    if not is_valid:
        message = "invalidValues needs validValues or a pattern"
        raise ValueError(message)
    return ~_is_null(name, own, types, data_type) & ~pl.all_horizontal(is_valid)


def _is_in(name: str, values: Sequence[Any], types: Types, data_type: str) -> pl.Expr:
    read = restored("isin", {"allowed_values": list(values)}, data_type)["allowed_values"]
    if types[name] == pl.String:
        read = [value if isinstance(value, str) else str(value) for value in read]
    return pl.col(name).is_in(pl.Series(read, dtype=types[name], strict=True).implode())


_CONDITIONS: Mapping[str, Callable[[str, Mapping[str, Any], Types, str], pl.Expr]] = {
    "nullValues": _is_null,
    "missingValues": _is_missing,
    "invalidValues": _is_invalid,
}


def _duplicates(rule: Rule, asked: Asked) -> Parts:
    """Values, or groups of values, that several rows have; with a null in them they are none."""
    if not rule.columns:
        raise GateError(f"`{rule.text}` cannot be measured: it names no columns")
    keys = Uniqueness(rule.columns, asked.key_memory_bytes, is_null_apart=True)

    def decide(accepted: StagedRows, rows: int) -> Finding:
        found = keys.repeated(lambda: accepted.frames(rule.columns))
        samples = found.head(MAX_SAMPLES).drop("_mesh_count", strict=False).to_dicts()
        return measured(rule, found.height, rows, tuple(samples))

    return keys, decide


def measured(rule: Rule, found: int, rows: int, samples: Samples = ()) -> Finding:
    """The finding on a number that was measured among so many rows."""
    share = round(100 * found / rows, _PLACES) if rows else 0.0
    is_share = rule.arguments["unit"] == "percent"
    bound, value = Bound.of(rule), share if is_share else found
    if bound.holds(value):
        return Finding(rule, Outcome.PASSED, measured=value)
    nouns = {"rowCount": wording.rows(found), "duplicateValues": f"{found:,} repeated values"}
    told = nouns.get(rule.arguments["metric"], f"{found:,} of {wording.rows(rows)}")
    told = f"{told} ({share:g} %)" if is_share else told
    wanted = f"{bound} %" if is_share else str(bound)
    message = f"measured {told}, wanted {wanted}"
    return Finding(rule, Outcome.FAILED, 1, samples=samples, message=message, measured=value)
