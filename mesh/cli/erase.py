"""`mesh erase`: a person's rows, removed from every version of a product and its quarantine."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mesh.catalog.model import ErasureRecord
    from mesh.upkeep.erasure import Plan


def erase(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    where: Annotated[
        str, typer.Option(help='A SQL condition on its rows, such as `"customer_id = 17"`.')
    ],
    why: Annotated[
        str,
        typer.Option(help="The reason, which is recorded: name a request, and no person."),
    ],
    by: Annotated[str, typer.Option(help="Who erases; the user by default.")] = "",
    is_applied: Annotated[
        bool, typer.Option("--apply", help="Do it; without this, only say what there is to erase.")
    ] = False,
    older_than: Annotated[
        str,
        typer.Option(
            help="Age at which a file that no version shows is a crash's leftover, instead of the "
            "setting `upkeep.leftovers_after`."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase rows from the current and every earlier version, and from quarantine, and prove it.

    Earlier versions that held such rows cannot be read afterwards. Everything that is left is
    searched anew, and what was done is recorded without any value. Products that were made from
    this one are named: each is erased from by itself.
    """
    from mesh.cli.console import print_json
    from mesh.products.ports import parse_duration
    from mesh.upkeep.erasure import Erasure

    session = Session.of(context)
    workspace = session.workspace()
    workspace.register(session.organization().domains)
    settings = workspace.settings
    try:
        age = parse_duration(older_than or settings.upkeep.leftovers_after)
    except ValueError as error:
        raise MeshError(str(error), where="--older-than") from error
    name = session.product_id(product)
    erasure = Erasure(workspace.lake, workspace.catalog, name, where, settings.publishing, age)
    plan = erasure.plan()
    if not is_applied:
        print_json(plan.as_json()) if as_json else _print_plan(plan)
        return
    record = erasure.apply(why=why, by=by or getpass.getuser())
    if as_json:
        print_json({"id": record.id, **record.content, "copies": plan.as_json()["copies"]})
    else:
        _print_record(record, plan)


def _print_plan(plan: Plan) -> None:
    from mesh.cli.console import count, say
    from mesh.upkeep.reporting import in_words

    for part in plan.parts:
        of = plan.product if part.part == "table" else f"{plan.product}, {part.part}"
        say(f"{of}: {count(part.rows, 'row')} of the current version", "bold")
        lying = count(part.rows_in_files, "row")
        say(f"  {lying} in {count(part.files, 'file')}, of every version")
        if part.versions:
            say(f"  could not be read any more: versions {in_words(part.versions)}")
    _print_copies(plan)
    say("nothing was changed: `--apply` erases", "dim")


def _print_record(record: ErasureRecord, plan: Plan) -> None:
    from mesh.cli.console import count, say

    parts: list[Mapping[str, Any]] = record.content["parts"]
    rows = sum(part["rows"] for part in parts)
    files = sum(part["files_deleted"] for part in parts)
    say(f"{record.product}: {count(rows, 'row')} erased, {count(files, 'file')} deleted", "bold")
    for proof in record.content["proof"]:
        searched = f"{count(proof['files'], 'file')} with {count(proof['rows'], 'row')}"
        say(f"  {proof['part']}: {searched} searched anew, {proof['found']} found")
    say(f"  recorded as erasure {record.id}")
    _print_copies(plan)


def _print_copies(plan: Plan) -> None:
    from mesh.cli.console import say

    for copy in plan.copies:
        read = f"which reads {', '.join(copy.columns)}" if copy.columns else "without these columns"
        say(f"  made from it: {copy.product}, {read}")
