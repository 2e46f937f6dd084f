"""`mesh maintain`: the upkeep of tables, planned first and done when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import MeshError, StorageError, UnknownProductError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from mesh.naming import ProductId
    from mesh.products.collection import Organization
    from mesh.settings import Settings
    from mesh.upkeep.reporting import Report, Work


def maintain(
    context: typer.Context,
    products: Annotated[
        list[str] | None, typer.Argument(help="Products; all of them by default.")
    ] = None,
    is_applied: Annotated[
        bool, typer.Option("--apply", help="Do it; without this, only say what there is to do.")
    ] = False,
    older_than: Annotated[
        str,
        typer.Option(
            help="Age of a file before it can be a leftover, such as `30m` or `1d`, instead of the "
            "setting `upkeep.leftovers_after`."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Join small files, order rows, remove what retention ends and what crashes left behind.

    Publications and readers may go on meanwhile: what a product's retention, a receipt or a pinned
    reader needs is kept, and the reasons are told.
    """
    from mesh.catalog.sync import sync
    from mesh.cli.console import print_json
    from mesh.upkeep.maintenance import Upkeep
    from mesh.upkeep.products import products_of
    from mesh.upkeep.reporting import Report

    session = Session.of(context)
    organization, workspace = session.organization(), session.workspace()
    settings = _with_age(workspace.settings, older_than)
    # What is kept for others' receipts, and what has ended, is known from the catalog: it has to be
    # up to date.
    sync(workspace.catalog, workspace.lake, [p.id for p in organization.products.values()])
    looked = products_of(organization, workspace.catalog)
    known = [*looked.declared, *looked.left_alone]
    chosen = [find_known(name, organization, known) for name in products or ()] or sorted(known)
    upkeep = Upkeep(workspace.lake, workspace.catalog, settings)
    act = upkeep.apply if is_applied else upkeep.plan
    reports, failed = [], False
    for product in chosen:
        if product in looked.left_alone:
            reports.append(Report(str(product), problem=looked.left_alone[product]))
            continue
        try:
            reports.append(act(product, looked.declared[product]))
        except StorageError as error:  # one damaged table keeps no other from its upkeep
            reports.append(Report(str(product), problem=str(error)))
            failed = True
    if as_json:
        found = [report.as_json() for report in reports]
        print_json({"is_applied": is_applied, "products": found})
    else:
        _print(reports, is_applied=is_applied)
    if failed:
        raise typer.Exit(1)


def find_known(name: str, organization: Organization, known: Sequence[ProductId]) -> ProductId:
    """The product of a name, declared or only known from what it published.

    Raises UnknownProductError with near names.
    """
    found = {str(product): product for product in known}.get(name)
    try:
        return found or find_product(organization, name).id
    except UnknownProductError as error:
        raise UnknownProductError(name, [str(product) for product in known]) from error


def _with_age(settings: Settings, age: str) -> Settings:
    """The settings with another age of leftovers. Raises MeshError for what is none."""
    from mesh.products.ports import parse_duration

    if not age:
        return settings
    try:
        parse_duration(age)
    except ValueError as error:
        raise MeshError(str(error), where="--older-than") from error
    upkeep = settings.upkeep.model_copy(update={"leftovers_after": age})
    return settings.model_copy(update={"upkeep": upkeep})


def _print(reports: Sequence[Report], *, is_applied: bool) -> None:
    from mesh.cli.console import print_table, say, table, warn
    from mesh.upkeep.reporting import in_words

    for report in reports:
        if report.problem:
            warn(f"{report.product} is left alone: {report.problem}")
    found = [(report, work) for report in reports for work in report.works]
    if found:
        made = table(
            "product", "work", "files", "size", "rows", "why", right=("files", "size", "rows")
        )
        for report, work in found:
            _add(made, report, work)
        print_table(made)
        _print_kept([report for report in reports if report.works])
    for _, work in found:
        if work.versions:
            verb = "cannot" if is_applied else "could not"
            say(f"{verb} be read any more: versions {in_words(work.versions)}", "dim")
    if not found:
        say("nothing is to be done", "dim")
    elif not is_applied:
        say("nothing was changed: `--apply` does it", "dim")


def _add(made: Table, report: Report, work: Work) -> None:
    from mesh.cli.console import add_row, size

    name = report.product if work.part == "table" else f"{report.product}, {work.part}"
    rows = f"{work.rows:,}" if work.rows else "-"
    files = f"{work.files:,}" if work.files else "-"
    add_row(made, name, work.action, files, size(work.bytes) if work.files else "-", rows, work.why)


def _print_kept(reports: Sequence[Report]) -> None:
    from mesh.cli.console import say
    from mesh.upkeep.reporting import in_words

    for report in reports:
        for kept in report.kept:
            of = "" if kept.part == "table" else f", {kept.part}"
            say(f"{report.product}{of} keeps {in_words(kept.versions)}: {kept.reason}", "dim")
