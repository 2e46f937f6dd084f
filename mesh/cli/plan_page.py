"""A plan as people read it on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.cli import console
from mesh.contracts.evolution import Change, Standing
from mesh.products.plans.model import Action, Plan, ProductPlan

_STYLES = {Standing.BREAKING: "red", Standing.RISKY: "yellow", Standing.COMPATIBLE: ""}
_SHOWN = 12
"""Products that are built anew, and are named; the others are counted."""


def print_plan(plan: Plan) -> None:
    """Print everything that would change, the summary first and the verdict last."""
    console.say(f"{plan.after} against {plan.before}", "bold")
    console.say(summary(plan))
    for domain in plan.unknown:
        console.warn(f"domain {domain} cannot be loaded, and is not judged")
    for item in plan.products:
        _print_product(item)
    _print_domains(plan)
    _print_lines("service levels out of reach", map(str, plan.shortfalls))
    _print_rebuilt(plan)
    console.say()
    _print_verdict(plan)
    console.say(f"digest {plan.digest}", "dim")


def summary(plan: Plan) -> str:
    """A plan in a line: `1 product changed, 3 hit, 4 built anew`."""
    if plan.is_empty:
        return "nothing would change"
    counts = [(sum(1 for _ in plan.of(action)), str(action)) for action in Action]
    parts = [f"{console.count(number, 'product')} {word}" for number, word in counts if number]
    if plan.domains:
        parts.append(f"{console.count(len(plan.domains), 'domain')} changed")
    parts += [f"{len(plan.hit):,} hit", f"{len(plan.rebuilt):,} built anew"]
    return ", ".join(parts)


def heading(item: ProductPlan) -> str:
    """A product in a line: what happens, its versions, and the bump."""
    if item.action is Action.ADDED:
        follows = f", the major after {item.follows}" if item.follows else ""
        return f"{item.name} {item.version_after}: added{follows}"
    if item.action is Action.REMOVED:
        return f"{item.name} {item.version_before}: removed"
    if not item.changes:
        return f"{item.name}: only its version changed, {versions(item)}"
    return (
        f"{item.name} {versions(item)}: {item.consumer} for consumers, "
        f"needs {bump(item.needed)}, made {bump(item.made)}"
    )


def versions(item: ProductPlan) -> str:
    """`1.0.0 → 1.1.0`, or one version that stays."""
    if item.version_before == item.version_after:
        return item.version_after
    return f"{item.version_before} → {item.version_after}"


def bump(step: str) -> str:
    """A bump with its article: `a major bump`, `no bump`."""
    return "no bump" if step == "none" else f"a {step} bump"


def _print_product(item: ProductPlan) -> None:
    console.say()
    console.say(heading(item), f"bold {_STYLES[item.consumer]}".strip())
    if item.evolution is not None and item.follows and item.evolution.changes:
        console.say(f"what changed since {item.follows}:", "dim")
        _print_changes(item.evolution.changes)
    elif item.changes:
        _print_changes(item.changes)
    _print_lines("who is hit", map(str, item.hits))
    _print_lines("who has moved with this change", item.moved)


def _print_changes(changes: Iterable[Change]) -> None:
    made = console.table("change", "consumers", "producer", "bump", "why", wrapping=["why"])
    for change in changes:
        cells = (_short(change.title), change.consumer, change.producer, change.bump, change.why)
        console.add_row(made, *map(str, cells), style=_STYLES[change.consumer])
    console.print_table(made)


def _short(text: str, longest: int = 90) -> str:
    line = console.one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _print_domains(plan: Plan) -> None:
    for domain in plan.domains:
        console.say()
        console.say(f"domain {domain.name}: {domain.action}", "bold")
        if domain.changes:
            _print_changes(domain.changes)
        if domain.changes and domain.consumers:
            _print_lines("who reads its products", domain.consumers)


def _print_lines(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        console.say(f"{title}:", "cyan")
        for line in found:
            console.say(f"  {line}")


def _print_rebuilt(plan: Plan) -> None:
    if not plan.rebuilt:
        return
    console.say()
    lines = [f"{name}: {reason}" for name, reason in plan.rebuilt.items()]
    more = [f"and {len(lines) - _SHOWN:,} more (--json names all)"] if len(lines) > _SHOWN else []
    _print_lines("built anew, in this order", [*lines[:_SHOWN], *more])


def _print_verdict(plan: Plan) -> None:
    for name, text in plan.warnings:
        console.say(f"look at {name}: {text}", "yellow")
    for name, text in plan.failures:
        console.say(f"not to be deployed: {name}: {text}", "bold red")
    if not plan.failures:
        console.say("it may be deployed", "green")
