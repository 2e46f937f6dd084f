"""`mesh contract export`: a product's contract in another form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mesh.cli.session import Session, find_product
from mesh.errors import MeshError


def export(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    *,
    form: Annotated[str, typer.Option("--format", help="The form: odcs.")] = "odcs",
    standard: Annotated[str, typer.Option(help="Version of ODCS: 3.0.2, 3.1.0 or 3.2.0.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of standard output.")
    ] = None,
) -> None:
    """Write a product's contract as others read it."""
    import yaml

    if form != "odcs":
        raise MeshError(f"there is no format {form!r}", where="--format", hint="odcs")
    made = _odcs(context, product, standard)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MeshError(f"it cannot be written: {error.strerror}", where=str(output)) from error


def _odcs(context: typer.Context, name: str, standard: str) -> dict[str, Any]:
    from mesh.cli.console import warn
    from mesh.contracts.odcs.converting import moved
    from mesh.contracts.odcs.writing import DEFAULT, VERSIONS
    from mesh.lake import Lake
    from mesh.products.odcs_document import odcs_document

    session = Session.of(context)
    organization, settings = session.organization(), session.settings()
    found = find_product(organization, name)
    said = str(found.contract.document.get("apiVersion", "")).removeprefix("v")
    version = standard or (said if said in VERSIONS else DEFAULT)
    if version not in VERSIONS:
        raise MeshError(
            f"there is no ODCS {version!r} that Mesh writes",
            where="--standard",
            hint=f"versions are {', '.join(VERSIONS)}",
        )
    made = odcs_document(
        found,
        organization.domain(found.id.domain).manifest,
        version=version,
        table_url=Lake.of(settings).table(found.id).url,
        environment=settings.environment,
    )
    for path in moved(made):
        warn(f"note: ODCS {version} has no key for {path}: it is kept in customProperties")
    return made
