"""`mesh audit PRODUCT`: published rows against the contract of the working tree. Writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product

if TYPE_CHECKING:
    from mesh.orchestration.auditing import Audit

BROKEN = 2
"""Exit code when a rule of severity error is broken."""


def audit(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    version: Annotated[
        int | None, typer.Option(min=0, help="Version of the table; the latest by default.")
    ] = None,
    partitions: Annotated[
        str,
        typer.Option(
            help="Only these values of the table's partition column: `A..B`, or `A,B`. Rules on"
            " the whole set are asked of these rows together."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check what is published against the contract as it is written now. Writes nothing.

    Every rule is asked, in one pass and in bounded memory. Ends with exit code 2 when a rule of
    severity error is broken.
    """
    from mesh.cli.console import print_json
    from mesh.lake import Lake
    from mesh.orchestration.auditing import audit as audited
    from mesh.products.choosing import Choice

    session = Session.of(context)
    settings = session.settings()
    found = audited(
        find_product(session.organization(), product),
        Lake.of(settings),
        settings.publishing,
        version=version,
        partitions=Choice.parse(partitions) if partitions else None,
    )
    if as_json:
        print_json(found.as_json())
    else:
        _print(found)
    if not found.holds:
        raise typer.Exit(BROKEN)


def _print(found: Audit) -> None:
    from mesh.cli.console import block, count, say, stdout

    place = f" in {found.environment}" if found.environment else ""
    parts = f", partitions {_some(found.partitions)}" if found.partitions else ""
    say(
        f"{found.product}: version {found.table_version} of the table{place}{parts} against "
        f"contract {found.contract_version}",
        "bold",
    )
    for name in found.added:
        say(f"{name} is new: every row is null in it", "dim")
    if found.left_out:
        tests = count(len(found.left_out), "data test")
        say(f"{tests} of dbt not asked: `mesh preview {found.product}` builds and tests", "dim")
    verdict = found.verdict
    if verdict.reasons:
        step = "mend these rows with a run, or ask less of them"
        stdout().print(block(verdict.describe(found.product, next_step=step)))
        return
    rules = count(len(verdict.findings), "rule")
    warned = len(verdict.failures)
    kept = f"{len(verdict.findings) - warned} of {rules}" if warned else rules
    others = "; the others only warn" if warned else ""
    say(f"{kept} hold for all {count(verdict.rows, 'row')}{others}", "green")
    for item in verdict.failures:
        verb = "breaks" if item.failed == 1 else "break"
        rows = f"{count(item.failed, 'row')} {verb}"
        broken = rows if item.rule.counts_rows else "broken:"
        say(f"warning: {broken} `{item.rule.text}`{': ' if item.message else ''}{item.message}")


def _some(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names):,})"
