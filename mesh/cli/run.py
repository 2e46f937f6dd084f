"""`mesh run`: publish products, in the order of their inputs.

Owns the choice of products and what a run is called. What is told about it is in `progress` and
`summary`; Dagster is told by `reporter`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.reporter import Reporter
from mesh.cli.session import Session, find_product
from mesh.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mesh.naming import ProductId
    from mesh.orchestration.execution import Run
    from mesh.orchestration.running import RunSummary
    from mesh.orchestration.workspace import Workspace
    from mesh.products.collection import Organization
    from mesh.products.declaration import DataProduct

MOST_WORKERS = 4
"""Products at a time, unless more are asked for: each publication has threads of its own."""


def run(
    context: typer.Context,
    products: Annotated[
        list[str] | None,
        typer.Argument(help="Products to publish; the major may be left out."),
    ] = None,
    *,
    domain: Annotated[
        list[str] | None,
        typer.Option("--domain", help="Publish this domain's products; may be repeated."),
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Publish every product.")] = False,
    partition: Annotated[
        str, typer.Option(help="Publish one partition of products that have them; default: all.")
    ] = "",
    partitions: Annotated[
        str, typer.Option(help="Publish these partitions, in order: `A..B`, or `A,B`.")
    ] = "",
    since: Annotated[
        str,
        typer.Option(help="Publish the partitions from a day on, such as 2026-01-31, in order."),
    ] = "",
    is_downstream: Annotated[
        bool, typer.Option("--downstream", help="Publish also what is made from the products.")
    ] = False,
    run_id: Annotated[
        str, typer.Option(help="Name of the run: the same again publishes nothing twice.")
    ] = "",
    full_refresh: Annotated[
        bool,
        typer.Option(
            "--full-refresh",
            help="Read incremental inputs as a whole, and replace what was made of them.",
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, help="Products at a time; 0 is as many as suits the machine.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    no_report: Annotated[
        bool, typer.Option("--no-report", help="Leave the run out of Dagster's event log.")
    ] = False,
) -> None:
    """Publish products in the order of their inputs, several at a time.

    Each partition is a publication of its own: after a failure, the same `--run-id` goes on with
    the first that is missing.

    Ends with exit code 1 when anything was refused, failed, or had to be left out.
    """
    from mesh.cli.console import warn
    from mesh.orchestration.execution import Run

    if not (products or domain or is_all):
        raise typer.BadParameter("name products, or use --domain NAME or --all")
    if sum(map(bool, (partition, partitions, since))) > 1:
        raise typer.BadParameter("use one of --partition, --partitions and --since")
    session = Session.of(context)
    organization = session.organization()
    chosen = choose(organization, products or (), domain or (), is_all=is_all)
    named = [find_product(organization, name).id for name in products or ()]
    if is_downstream:
        chosen = _with_downstream(organization, chosen)
    backfilled = _partitions(chosen, named, partitions=partitions, since=since)
    workspace = session.workspace()
    workspace.register(organization.domains)
    if (problem := workspace.unregistered) is not None:
        warn(str(problem))
    with Reporter(is_wanted=not no_report) as reporter:
        run = Run(
            run_id or new_run_id(),
            partition,
            is_full_refresh=full_refresh,
            partitions=backfilled,
        )
        summary = _run(workspace, chosen, run, workers=workers, as_json=as_json)
        _tell(session, summary, organization, is_all=is_all, as_json=as_json)
        reporter.report(workspace.settings, organization, summary)
    if not summary.is_successful or (is_all and organization.broken):
        raise typer.Exit(1)


def choose(
    organization: Organization,
    products: Sequence[str],
    domains: Sequence[str],
    *,
    is_all: bool,
) -> list[DataProduct]:
    """The products that were asked for, once each.

    Raises UnknownProductError with near names, UnknownDomainError, or what broke it.
    """
    chosen = [find_product(organization, name) for name in products]
    for name in domains:
        chosen += organization.domain(name).products
    if is_all:
        chosen += organization.products.values()
    if not chosen and not organization.broken:
        raise MeshError("there is no product to run", hint="`mesh new product DOMAIN.NAME`")
    return list({product.id: product for product in chosen}.values())


def _with_downstream(
    organization: Organization, chosen: Sequence[DataProduct]
) -> list[DataProduct]:
    from mesh.orchestration.backfilling import downstream

    return downstream(chosen, list(organization.products.values()))


def _partitions(
    chosen: Sequence[DataProduct], named: Sequence[ProductId], *, partitions: str, since: str
) -> dict[str, tuple[str, ...]]:
    """The partitions of each product that a backfill is about; none for all of them."""
    from mesh.orchestration.backfilling import partitions_among, partitions_since
    from mesh.products.choosing import Choice

    about = named or [product.id for product in chosen if product.partitions is not None]
    if since:
        return partitions_since(chosen, about, since)
    return partitions_among(chosen, about, Choice.parse(partitions)) if partitions else {}


def new_run_id() -> str:
    """A name for a run that was given none: when it began, and four random letters."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _run(
    workspace: Workspace,
    chosen: Sequence[DataProduct],
    run: Run,
    *,
    workers: int,
    as_json: bool,
) -> RunSummary:
    from mesh.cli.interruption import leaving_at_once
    from mesh.cli.progress import Progress
    from mesh.orchestration.openlineage.emission import abort_all
    from mesh.orchestration.running import run_products

    with (
        Progress(len(chosen), is_error=as_json) as progress,
        leaving_at_once(progress.stop, last_words=abort_all),
    ):
        return run_products(
            workspace,
            chosen,
            run,
            workers=workers or min(workspace.settings.publishing.workers, MOST_WORKERS),
            on_event=progress,
        )


def _tell(
    session: Session,
    summary: RunSummary,
    organization: Organization,
    *,
    is_all: bool,
    as_json: bool,
) -> None:
    from mesh.cli import summary as telling
    from mesh.cli.console import print_json

    broken = organization.broken if is_all else ()
    if as_json:
        print_json(telling.as_json(summary, organization, broken))
    else:
        telling.print_summary(summary, organization)
    telling.print_blocks(summary, broken, is_debug=session.is_debug)
    if summary.run.partitions and not summary.is_successful:
        telling.print_resumption(summary)
