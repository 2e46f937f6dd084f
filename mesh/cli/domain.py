"""`mesh domain`: domains as documents of the Open Data Product Standard, out and in."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import InvalidNameError, MeshError, Problem
from mesh.naming import domain_name_problems

if TYPE_CHECKING:
    from mesh.cli.scaffold import Plan
    from mesh.settings import Settings

app = typer.Typer(help="Exchange domains as ODPS documents.", no_args_is_help=True)


@app.command("export")
def export(
    context: typer.Context,
    domain: Annotated[str, typer.Argument(help="The domain's name.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of standard output.")
    ] = None,
) -> None:
    """Write a domain as ODPS 1.0.0: what it reads and publishes, by major, its team and support."""
    import yaml

    from mesh.products.odps import domain_document

    organization = Session.of(context).organization()
    made = domain_document(organization.domain(domain), organization)
    text = yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=100)
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MeshError(f"it cannot be written: {error.strerror}", where=str(output)) from error


@app.command("import")
def import_domain(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The ODPS file, such as sales.odps.yaml.")],
    *,
    name: Annotated[str, typer.Option(help="The domain's name; the document's by default.")] = "",
) -> None:
    """Begin a domain from an ODPS document, which stays beside it as it is.

    Team and support go into `domain.yaml` as far as the document names them. Nothing is written
    when anything is wrong.
    """
    from mesh.cli.console import say
    from mesh.products.domain import NAMED_ROLES
    from mesh.products.odps import people_of, read_document

    settings = Session.of(context).settings()
    document = read_document(file)
    chosen = _name(name, document)
    plan = _planned(file, chosen, document, settings)
    for path in plan.write():
        shown = path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
        say(f"{'changed' if path in plan.changed else 'wrote  '} {shown}")
    for port in document.get("outputPorts", ()):
        say(f"to be published: {port['name']} {port['version']}", "dim")
    if missing := sorted(set(NAMED_ROLES) - set(people_of(document))):
        roles = ", ".join(role.replace("_", " ") for role in missing)
        say(f"next: put the {roles} into domains/{chosen}/domain.yaml")
    say(f"then `mesh new product {chosen}.…` or `mesh contract import` for each output port")


def _name(asked: str, document: dict[str, Any]) -> str:
    said = asked or str(document.get("name") or document["id"])
    name = asked or re.sub(r"[^a-z0-9]+", "_", said.lower()).strip("_")
    if problems := domain_name_problems(name):
        raise InvalidNameError(
            Problem(f"{said!r} gives no domain's name: {p.what}", hint="--name NAME")
            for p in problems
        )
    return name


def _planned(file: Path, name: str, document: dict[str, Any], settings: Settings) -> Plan:
    from mesh.cli.scaffold import Plan, plan_domain
    from mesh.products.collection import MANIFEST
    from mesh.products.odps import FILE

    plan = plan_domain(name, settings)
    folder = settings.path(settings.domains) / name
    manifest = _manifest(plan.new[folder / MANIFEST], document)
    new = {**plan.new, folder / MANIFEST: manifest, folder / FILE: file.read_text("utf-8")}
    return Plan(new, plan.changed)


def _manifest(text: str, document: dict[str, Any]) -> str:
    """The manifest of a new domain with what the document says in its place."""
    import yaml

    from mesh.products.odps import people_of

    made = yaml.safe_load(text)
    description, team = document.get("description") or {}, document.get("team") or {}
    made["title"] = str(document.get("name") or made["title"])
    made["purpose"] = str(description.get("purpose") or made["purpose"])
    made["kind"] = "aggregate" if document.get("inputPorts") else "source-aligned"
    made["team"] |= {"name": str(team.get("name") or made["team"]["name"]), **people_of(document)}
    mailto = [
        str(item["url"]).removeprefix("mailto:")
        for item in document.get("support", ())
        if str(item["url"]).startswith("mailto:")
    ]
    made["contact"] |= {"email": mailto[0]} if mailto else {}
    for key in ("usage", "limitations"):
        if description.get(key):
            made["terms"][key] = str(description[key])
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    return head + yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=100)
