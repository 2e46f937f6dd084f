"""Whether a contract's rules can be kept at all.

Owns the search for rules that cannot be decided on what their columns hold, and for promises that
contradict each other. Reads no data: rules are tried on an empty frame, and on the values that the
contract itself allows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import polars as pl

from mesh.contracts.arrow import arrow_schema
from mesh.contracts.expressions import keeps_of
from mesh.contracts.model import Column, Contract, Rule, Scope
from mesh.errors import GateError, Problem

_ALLOWING = {"isin": "allowed_values", "equal_to": "value"}
_NARROWING = frozenset({"isin", "notin", "equal_to", "not_equal_to"})


def soundness_problems(contract: Contract) -> list[Problem]:
    """Everything about a contract that no data could satisfy. `where` is a column, or `Config`."""
    problems = [*_name_problems(contract)]
    empty = pl.DataFrame(arrow_schema(contract).empty_table())
    answers = _answers_together(contract, empty)
    types, decidable = empty.schema, defaultdict[tuple[str, ...], list[Rule]](list)
    for rule in contract.rules:
        found = [*_rule_problems(rule, contract, empty, answers)]
        problems += found
        is_asked = rule.scope is Scope.ROW and rule.is_blocking and rule.check != "custom"
        if not found and is_asked:
            decidable[rule.columns].append(rule)
    for column in contract.columns:
        if own := decidable.get((column.name,)):
            problems += _contradictions(column, own, contract, types)
    return problems


def _name_problems(contract: Contract) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    names = set(contract.column_names)
    for column in contract.columns:
        other = seen.setdefault(column.name.lower(), column.name)
        if other != column.name:
            what = f"it differs from column {other!r} only in upper and lower case"
            yield Problem(what, column.name, "rename one of them: Delta takes both for the same")
        if column.renamed_from in names:
            what = f"renamed_from names {column.renamed_from!r}, which is a column still"
            yield Problem(what, column.name, "leave renamed_from out, or drop the other column")


def _answers_together(contract: Contract, empty: pl.DataFrame) -> Mapping[str, pl.DataType]:
    """The type that each rule on rows answers, all asked at once; nothing when one cannot be.

    One selection of twenty rules costs what a selection of one does.
    """
    known = set(contract.column_names)
    try:
        return empty.select(
            keeps_of(rule, contract).alias(rule.id)
            for rule in contract.row_rules
            if known.issuperset(rule.columns)
        ).schema
    except (GateError, pl.exceptions.PolarsError):
        return {}


def _rule_problems(
    rule: Rule, contract: Contract, empty: pl.DataFrame, answers: Mapping[str, pl.DataType]
) -> Iterator[Problem]:
    where = rule.columns[0] if rule.columns else "Config"
    unknown = [name for name in rule.columns if name not in contract.column_names]
    if unknown:
        hint = f"columns are {', '.join(contract.column_names)}"
        yield Problem(f"`{rule.text}` names {', '.join(unknown)}, not a column", "Config", hint)
    elif rule.check == "row_count":
        low, high = rule.arguments["at_least"], rule.arguments["at_most"]
        if (high is not None and high < (low or 0)) or (low is not None and low < 0):
            yield Problem(f"`{rule.text}` cannot be kept", "Config", "at_least ≤ at_most")
    elif rule.scope is Scope.ROW:
        try:
            answer = answers.get(rule.id)
            if answer is None:
                answer = empty.select(keeps_of(rule, contract)).dtypes[0]
        except GateError as error:
            yield Problem(error.what, where)
        except pl.exceptions.PolarsError as error:
            text = str(error).splitlines()[0]
            yield Problem(f"`{rule.text}` cannot be a rule: {text}", where)
        else:
            if answer != pl.Boolean:
                yield Problem(f"`{rule.text}` answers {answer}, not yes or no", where)


def _contradictions(
    column: Column, rules: list[Rule], contract: Contract, types: Mapping[str, pl.DataType]
) -> Iterator[Problem]:
    """Rules that leave a column no value, or that refuse a value which another names."""
    for allowing in rules:
        values = _allowed(allowing, column.name, types[column.name])
        if values is None:
            continue
        if values.is_empty():
            yield Problem(f"`{allowing.text}` allows nothing", column.name)
            return
        masks = values.to_frame().select(
            keeps_of(rule, contract).alias(rule.id) for rule in rules if rule is not allowing
        )
        for rule in rules:
            if rule.id in masks.columns and rule.check not in _NARROWING:
                refused = values.filter(~masks.get_column(rule.id))
                if not refused.is_empty():
                    what = f"`{allowing.text}` names {refused[0]!r}, which `{rule.text}` refuses"
                    yield Problem(what, column.name, "leave it out, or widen the other rule")
                    return
        if masks.width and not masks.select(pl.all_horizontal(pl.all()).any()).item():
            texts = ", ".join(f"`{rule.text}`" for rule in rules if rule.check in _NARROWING)
            yield Problem(f"no value keeps all of {texts}", column.name)
            return


def _allowed(rule: Rule, name: str, data_type: pl.DataType) -> pl.Series | None:
    """The values that a rule names as allowed; None when it names none, or none of this type."""
    if rule.check not in _ALLOWING:
        return None
    named = rule.arguments[_ALLOWING[rule.check]]
    values = [named] if rule.check == "equal_to" else list(named)
    try:
        return pl.Series(name, values, dtype=data_type, strict=True).drop_nulls()
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return None
