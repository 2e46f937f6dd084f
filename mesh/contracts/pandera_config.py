"""What a contract's `Config` says beside Pandera's own options.

Owns the rules that are stated there, because no field has a word for them: what may be one of them,
and the order in which rules are told.
"""

from __future__ import annotations

from mesh.contracts.model import Contract, Rule
from mesh.contracts.stated_rules import plain, why_not
from mesh.errors import Problem

OWN_OPTIONS = frozenset({"version", "row_count", "name", "description", "rules", "rule_order"})
"""Options of `Config` that are Mesh's."""
_HINT = "rules = [mesh.metric(…), mesh.sql(…), mesh.compare(…), mesh.Rule(…)]"


def stated_rules(model: type, contract: Contract) -> tuple[list[Rule], list[Problem]]:
    """The rules that a model's `Config` states, and what is wrong with others there."""
    stated = getattr(model, "__mesh_rules__", ())
    if not isinstance(stated, list | tuple):
        return [], [Problem(f"rules is {stated!r}, not a list of rules", hint=_HINT)]
    rules: list[Rule] = []
    problems: list[Problem] = []
    for item in stated:
        if not isinstance(item, Rule):
            problems.append(Problem(f"{item!r} is not a rule", hint=_HINT))
            continue
        try:
            rules.append(plain(item))
        except ValueError as error:
            problems.append(Problem(f"`{item.text}`: {error}"))
            continue
        if why := why_not(rules[-1], contract):
            problems.append(Problem(f"`{item.text}` cannot be a rule: {why}"))
    return rules, problems


def in_order(rules: tuple[Rule, ...], model: type) -> tuple[Rule, ...]:
    """The rules in the order that `rule_order` has their ids in; the others come last."""
    places = {name: place for place, name in enumerate(getattr(model, "__mesh_rule_order__", ()))}
    return tuple(sorted(rules, key=lambda rule: places.get(rule.id, len(places))))
