"""`mesh repair`: what is damaged of a product, and mending what can be mended."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session

if TYPE_CHECKING:
    from mesh.upkeep.repair import Finding, Repaired


def repair(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    is_applied: Annotated[
        bool, typer.Option("--apply", help="Do what can be done, instead of only saying it.")
    ] = False,
    is_deep: Annotated[
        bool, typer.Option("--deep", help="Decode every data file, rather than compare sizes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is damaged of a product: log, data files, quarantine, place in the catalog.

    Changes nothing without `--apply`, and destroys nothing with it: a table goes back to its last
    whole version or lets go of lost files in a commit that says so, damaged files of the log are
    kept below `_mesh/damaged`. Ends with exit code 1 while something is damaged.
    """
    from mesh.cli.console import print_json
    from mesh.upkeep.repair import Remedy, Repaired, diagnose
    from mesh.upkeep.repair import repair as mend

    session = Session.of(context)
    name = session.product_id(product)
    workspace = session.workspace()
    diagnosis = diagnose(name, workspace.lake, workspace.catalog, is_deep=is_deep)
    done = Repaired()
    findings = diagnosis.findings()
    if is_applied and findings:
        done = mend(diagnosis, workspace.lake, workspace.catalog)
    open_ones = [
        finding
        for finding in findings
        if finding.remedy is Remedy.NONE
        or (not is_applied and finding.remedy is not Remedy.NEEDLESS)
    ]
    if as_json:
        told = {"product": str(name), "findings": [asdict(finding) for finding in findings]}
        print_json({**told, "is_applied": is_applied, **asdict(done)})
    else:
        _print(str(name), findings, done, is_applied=is_applied)
    if open_ones:
        raise typer.Exit(1)


def _print(name: str, findings: list[Finding], done: Repaired, *, is_applied: bool) -> None:
    from mesh.cli.console import count, say

    for finding in findings:
        say(f"{finding.table}: {finding.what}")
        say(f"  {finding.remedy}{f' ({finding.hint})' if finding.hint else ''}", "dim")
    if not findings:
        say(f"{name} is whole", "dim")
        return
    for url, version in done.versions.items():
        say(f"made version {version} of {url}")
    for path in done.kept_aside:
        say(f"kept {path}")
    if done.recorded:
        say(f"recorded {count(done.recorded, 'receipt')}")
    if not is_applied:
        say(f"{count(len(findings), 'finding')}; `mesh repair {name} --apply` mends", "dim")
