"""Rules of a contract as `Config` of a Pandera model states them.

Owns the words for each: `mesh.metric`, `mesh.sql` and `mesh.compare` where these give exactly this
rule, and `mesh.Rule` with everything that is not as usual for the others.
"""

from __future__ import annotations

from mesh.contracts import measures, value_rules
from mesh.contracts.measures import Bound
from mesh.contracts.model import Rule, Scope, Severity
from mesh.contracts.projections.python_text import call, literal, named
from mesh.contracts.rules import SET_CHECKS

_INDENT = 12


def stated(rule: Rule) -> str:
    """A rule as source, to stand in a list in `Config`."""
    found = {"metric": _metric, "sql": _sql, "compare": _compare}.get(rule.check)
    return (found(rule) if found else None) or _whole(rule)


def _metric(rule: Rule) -> str | None:
    said, bound = rule.arguments, Bound.of(rule)
    made = measures.metric(
        said["metric"],
        bound,
        columns=rule.columns,
        unit=said["unit"],
        arguments=said["arguments"],
        severity=rule.severity,
        dimension=rule.dimension,
        description=rule.description,
    )
    if not _is(rule, made):
        return None
    options = {
        "columns": rule.columns,
        "unit": said["unit"] if said["unit"] != "rows" else "",
        "arguments": said["arguments"],
        **_terms(rule),
    }
    arguments = [literal(said["metric"]), _bound(bound), *named(_given(options))]
    return call("mesh.metric", arguments, indent=_INDENT)


def _sql(rule: Rule) -> str | None:
    said, bound = rule.arguments, Bound.of(rule)
    column = rule.columns[0] if rule.columns else ""
    for name in (rule.text.removesuffix(f" {bound}"), rule.id.removeprefix(f"{column}_")):
        made = measures.sql(
            name,
            said["query"],
            bound,
            table=said["table"],
            column=column,
            severity=rule.severity,
            dimension=rule.dimension,
            description=rule.description,
        )
        if _is(rule, made):
            options = {"table": said["table"], "column": column, **_terms(rule)}
            arguments = [literal(name), literal(said["query"]), _bound(bound)]
            return call("mesh.sql", [*arguments, *named(_given(options))], indent=_INDENT)
    return None


def _compare(rule: Rule) -> str | None:
    left, right = rule.columns
    options = {**_terms(rule), "is_null_ignored": rule.is_null_ignored}
    made = value_rules.compare(
        left,
        rule.arguments["operator"],
        right,
        severity=rule.severity,
        dimension=rule.dimension,
        description=rule.description,
        is_null_ignored=rule.is_null_ignored,
    )
    if not _is(rule, made):
        return None
    if rule.is_null_ignored:
        del options["is_null_ignored"]
    words = [literal(left), literal(rule.arguments["operator"]), literal(right)]
    return call("mesh.compare", [*words, *named(_given(options, keep=False))], indent=_INDENT)


def _whole(rule: Rule) -> str:
    options: dict[str, object] = {"id": rule.id, "text": rule.text, "check": rule.check}
    options |= _given({"columns": rule.columns, "arguments": dict(rule.arguments), **_terms(rule)})
    if rule.scope is Scope.SET and rule.check not in SET_CHECKS:
        options["scope"] = "set"
    if not rule.is_null_ignored:
        options["is_null_ignored"] = False
    return call("mesh.Rule", named(options), indent=_INDENT)


def _terms(rule: Rule) -> dict[str, object]:
    return {
        "severity": "warning" if rule.severity is Severity.WARNING else "",
        "dimension": rule.dimension,
        "description": rule.description,
    }


def _given(options: dict[str, object], *, keep: bool = True) -> dict[str, object]:
    """The options that say something."""
    return {
        name: value for name, value in options.items() if value or (not keep and value is False)
    }


def _bound(bound: Bound) -> str:
    return f"mesh.Bound({literal(bound.operator)}, {literal(bound.value)})"


def _is(rule: Rule, made: Rule) -> bool:
    return rule.as_json() == made.as_json()
