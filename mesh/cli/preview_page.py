"""A preview as people read it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mesh.cli import console
from mesh.cli.grid import print_rows
from mesh.cli.profile_page import print_profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh.orchestration.comparing import Comparison, RowChanges
    from mesh.orchestration.previewing import Preview

_LONGEST = 24


def print_preview(found: Preview) -> None:
    """Print what would be published: from what, rows, profile, what would change, the verdict."""
    partition = f", partition {found.partition}" if found.partition else ""
    console.say(f"{found.product}{partition}: what a run would make now", "bold")
    for used in found.inputs:
        place = f" of {used.environment}" if used.environment else ""
        console.say(f"reads {used.product} version {used.version}{place}", "dim")
    if found.sliced is not None:
        console.say(f"reads only {found.sliced}", "cyan")
    for note in found.notes:
        console.say(note, "dim")
    console.say()
    if found.head.height:
        console.say(f"{console.count(found.profile.rows, 'row')}, of which the first are", "cyan")
        print_rows(found.head, hint="`--json` has them")
    else:
        console.say(console.count(found.profile.rows, "row"), "cyan")
    console.say("profile; ~ is estimated", "cyan")
    print_profile(found.profile)
    _print_comparison(found)
    console.say()
    _print_verdict(found)
    console.say("nothing was published", "dim")


def _print_comparison(found: Preview) -> None:
    compared = found.compared
    if compared is None:
        console.say("nothing is published yet to compare it with", "cyan")
        return
    place = f" of {compared.environment}" if compared.environment else ""
    console.say(
        f"against version {compared.table_version}{place}, "
        f"which has {console.count(compared.rows_published, 'row')}",
        "cyan",
    )
    for line in comparison_lines(compared):
        console.say(f"  {line}")


def comparison_lines(compared: Comparison) -> Iterator[str]:
    """What differs, in words."""
    yield from _column_lines(compared)
    yield from _row_lines(compared.rows)
    yield from compared.notes


def _column_lines(compared: Comparison) -> Iterator[str]:
    for word in ("added", "removed", "retyped"):
        names = getattr(compared, word)
        if names:
            yield f"columns {word}: {', '.join(names)}"


def _row_lines(rows: RowChanges | None) -> Iterator[str]:
    if rows is None:
        return
    counts = [(rows.added, "added"), (rows.removed, "removed"), (rows.changed, "changed")]
    told = [f"{number:,} {word}" for number, word in counts if number is not None]
    yield f"rows by {', '.join(rows.key)}: {', '.join(told)}, {rows.same:,} the same"
    for name, number in sorted(rows.columns.items(), key=lambda item: -item[1]):
        yield f"  {name} differs in {console.count(number, 'row')}"
    for example in rows.examples:
        key = ", ".join(f"{name} = {_short(value)}" for name, value in example.key.items())
        changes = (
            f"{n} {_short(was)} → {_short(now)}" for n, (was, now) in example.columns.items()
        )
        yield f"  {key}: {', '.join(changes)}"


def _print_verdict(found: Preview) -> None:
    verdict = found.verdict
    if not verdict.is_accepted:
        step = f"mend the transform or its source, then `mesh preview {found.product}` again"
        console.stdout().print(console.block(verdict.describe(found.product, next_step=step)))
        return
    rejected = f", {verdict.rejected:,} would go to quarantine" if verdict.rejected else ""
    console.say(f"{console.count(verdict.accepted, 'row')} would be published{rejected}", "green")
    for item in verdict.failures:
        mark = "" if item.rule.is_blocking else "warning: "
        verb = "breaks" if item.failed == 1 else "break"
        rows = f"{console.count(item.failed, 'row')} {verb}"
        broken = rows if item.rule.counts_rows else "broken:"
        console.say(f"{mark}{broken} `{item.rule.text}`", "yellow")


def _short(value: Any) -> str:
    text = console.one_line(console.shown(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
