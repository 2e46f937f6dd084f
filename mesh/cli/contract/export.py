"""`mesh contract export`: a product's contract in another form.

Owns which contract is meant, now or as it was published, and where the text goes. The forms are
`mesh.cli.contract.forms`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesh.cli.contract.forms import Exported, Form, written
from mesh.cli.session import Session, find_product
from mesh.errors import MeshError, UnknownContractVersionError

if TYPE_CHECKING:
    from mesh.catalog.model import ContractRecord
    from mesh.contracts.model import Contract
    from mesh.naming import ProductId
    from mesh.products.collection import Domain


def export(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    form: Annotated[Form, typer.Option("--format", help="What to write it as.")] = Form.ODCS,
    standard: Annotated[str, typer.Option(help="Version of ODCS: 3.0.2, 3.1.0 or 3.2.0.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of standard output.")
    ] = None,
    version: Annotated[
        str,
        typer.Option("--contract-version", help="An earlier version, as it was published."),
    ] = "",
) -> None:
    """Write a product's contract as others read it.

    JSON Schema is of one row; the ODCS document, the Pandera module and dbt's YAML load back as the
    same contract. What a form has no words for is told in it.
    """
    session = Session.of(context)
    organization = session.organization()
    found = find_product(organization, product)
    domain = organization.domain(found.id.domain)
    published = _published(session, found.id, domain) if version or form is Form.MARKDOWN else []
    if version:
        found = replace(found, contract=_chosen(published, version, str(found.id)))
    history = tuple(f"{item.version}, since {item.first_seen:%Y-%m-%d}" for item in published)
    text = written(Exported(found, organization, session.settings(), standard, history), form)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)


def _published(session: Session, product: ProductId, domain: Domain) -> list[ContractRecord]:
    """The contracts that the product has had, oldest first."""
    workspace = session.workspace()
    workspace.register([domain])
    return workspace.catalog.contract_versions(str(product))


def _chosen(published: list[ContractRecord], version: str, product: str) -> Contract:
    """The latest contract of that version. Raises UnknownContractVersionError."""
    for record in reversed(published):
        if record.version == version:
            return record.contract
    known = dict.fromkeys(record.version for record in published)
    raise UnknownContractVersionError(version, list(known), where=product)


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise MeshError(f"it cannot be written: {error.strerror}", where=str(file)) from error
    finally:
        unfinished.unlink(missing_ok=True)
