"""Rules that are stated whole, as `Rule` values or as what `Rule.as_json` writes.

Owns which of them the gate can decide: a check that is known, a query that may be asked, a product
that may be referred to. Checks in Python are no such rules: a function is in no document.
"""

from __future__ import annotations

from dataclasses import replace

from mesh.contracts.model import Contract, Rule, Scope, Severity
from mesh.contracts.queries import Query
from mesh.contracts.rules import SET_CHECKS, Target
from mesh.contracts.sandbox import binding_problem
from mesh.contracts.value_checks import VALUE_CHECKS
from mesh.errors import DefinitionError
from mesh.naming import ProductId


def plain(rule: Rule) -> Rule:
    """The rule with its words as the model has them. Raises ValueError for an unknown word."""
    return replace(
        rule,
        columns=tuple(rule.columns),
        severity=Severity(rule.severity),
        scope=Scope.SET if rule.check in SET_CHECKS else Scope(rule.scope),
    )


def why_not(rule: Rule, contract: Contract) -> str:
    """Why a rule cannot be decided; empty when it can.

    That its columns are there, and of a type that it can be asked of, is `contracts.soundness`.
    """
    if rule.check == "custom":
        return "a check in Python is a method with @mesh.check or @mesh.dataframe_check"
    if rule.check not in VALUE_CHECKS.keys() | SET_CHECKS and not _is_panderas(rule.check):
        return f"there is no check {rule.check!r}"
    unknown = [name for name in rule.columns if name not in contract.column_names]
    if unknown:
        return ""  # told with the other rules' columns
    if rule.check == "sql":
        return _why_not_asked(rule, contract)
    return _why_not_referred(rule) if rule.check == "references" else ""


def _why_not_asked(rule: Rule, contract: Contract) -> str:
    try:
        query = Query.of(rule, contract)
    except ValueError as error:
        return str(error)
    return binding_problem(query, contract, is_number=True)


def _why_not_referred(rule: Rule) -> str:
    target = Target.of(rule)
    try:
        ProductId.parse(target.product)
    except DefinitionError:
        return f"{target} is no column of a product: write domain.product_v1.column"
    if len(target.columns) != len(rule.columns):
        return f"{target} has not as many columns as {', '.join(rule.columns)}"
    return ""


def _is_panderas(check: str) -> bool:
    import pandera.polars as pa

    return bool(pa.Check.is_builtin_check(check))
