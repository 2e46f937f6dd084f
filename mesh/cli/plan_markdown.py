"""A plan as Markdown for a pull request: the summary first, tables, and details folded.

Owns that nothing which a contract says can become markup: a description may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mesh.cli.console import count, one_line, visible
from mesh.cli.plan_page import heading, summary, versions
from mesh.contracts.evolution import Change, Standing
from mesh.errors import Problem
from mesh.products.plans.model import Action, Plan, ProductPlan

_MARKS = {Standing.BREAKING: "🔴", Standing.RISKY: "🟡", Standing.COMPATIBLE: "🟢"}
_ESCAPED = str.maketrans({char: f"\\{char}" for char in r"\`*_{}[]<>#|~!@"})


def markdown(plan: Plan, problems: Iterable[Problem] = ()) -> str:
    """The plan as a Markdown document."""
    return "\n".join([*_document(plan, list(problems)), ""])


def _document(plan: Plan, problems: list[Problem]) -> Iterator[str]:
    yield f"## {_verdict(plan, problems)}"
    yield ""
    yield f"{_text(plan.after)} against {_text(plan.before)}: {summary(plan)}."
    yield from _list("Not to be deployed", (f"{n}: {text}" for n, text in plan.failures))
    yield from _list("Problems of the mesh", (f"{p.where}: {p.what}" for p in problems))
    yield from _list("To look at", (f"{n}: {text}" for n, text in plan.warnings))
    yield from _list("Not judged, as they cannot be loaded", plan.unknown)
    yield from _overview(plan)
    for item in plan.products:
        yield from _product(item)
    for domain in plan.domains:
        if domain.changes:
            title = f"domain {domain.name}: {domain.action}"
            yield from _folded(title, [*_changes(domain.changes), *_reads(domain.consumers)])
    if plan.rebuilt:
        lines = [f"- {_code(name)}: {_text(reason)}" for name, reason in plan.rebuilt.items()]
        yield from _folded(f"{count(len(lines), 'product')} built anew, in this order", lines)
    yield ""
    yield f"Digest `{plan.digest}`: `mesh plan --check` says whether this still holds."


def _verdict(plan: Plan, problems: list[Problem]) -> str:
    if plan.failures:
        return "🔴 Breaks consumers"
    if problems:
        return "🔴 The mesh has problems"
    if plan.is_empty:
        return "🟢 Nothing would change"
    return "🟡 May be deployed, with things to look at" if plan.warnings else "🟢 May be deployed"


def _overview(plan: Plan) -> Iterator[str]:
    if not plan.products:
        return
    yield ""
    yield "| product | what | version | for consumers | bump needed | bump made | hit |"
    yield "| --- | --- | --- | --- | --- | --- | ---: |"
    for item in plan.products:
        hit = len({found.consumer for found in item.hits})
        is_changed = item.action is Action.CHANGED
        standing = f"{_MARKS[item.consumer]} {item.consumer}"
        bumps = (item.needed, item.made) if is_changed else ("", "")
        cells = [_code(item.name), item.action, _text(versions(item)), standing, *bumps, hit]
        yield f"| {' | '.join(map(str, cells))} |"


def _product(item: ProductPlan) -> Iterator[str]:
    if item.hits:
        yield ""
        yield f"**Hit by {_code(item.name)}**"
        yield ""
        yield from (f"- {_MARKS[hit.standing]} {_text(str(hit))}" for hit in item.hits)
    changes = item.changes
    if item.follows and item.evolution is not None:
        changes = item.evolution.changes
    if changes or item.moved:
        moved = _list("Moved with this change", item.moved)
        yield from _folded(heading(item), [*_changes(changes), *moved])


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    yield "| change | consumers | producer | bump | why |"
    yield "| --- | --- | --- | --- | --- |"
    for change in changes:
        cells = [
            _text(change.title),
            f"{_MARKS[change.consumer]} {change.consumer}",
            f"{_MARKS[change.producer]} {change.producer}",
            str(change.bump),
            _text(change.why),
        ]
        yield f"| {' | '.join(cells)} |"


def _reads(consumers: Iterable[str]) -> Iterator[str]:
    yield from _list("Who reads its products", consumers)


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"<details><summary>{_html(title)}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"


def _list(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield ""
        yield f"**{title}**"
        yield ""
        yield from (f"- {_text(line)}" for line in found)


def _text(text: str) -> str:
    """Any text as plain words of one line, whatever it holds."""
    return one_line(visible(text)).translate(_ESCAPED)


def _code(text: str) -> str:
    return f"`{one_line(visible(text)).replace('`', '')}`"


def _html(text: str) -> str:
    plain = one_line(visible(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
