"""`mesh check`: everything that is wrong with a mesh, at once, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import DefinitionError, MeshError, Problem

if TYPE_CHECKING:
    from mesh.products.collection import Organization
    from mesh.settings import Settings

WORKSPACE = "workspace.yaml"


def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check manifests, contracts, inputs, references, names and SQL models of every domain.

    Prints every problem with its path, and ends with exit code 1 when there is one.
    """
    from mesh.cli.console import print_json

    settings = Session.of(context).settings()
    organization, problems = _checked(settings)
    if as_json:
        print_json(_as_json(organization, problems))
    else:
        _print(organization, problems)
    if problems:
        raise typer.Exit(1)


def _checked(settings: Settings) -> tuple[Organization | None, list[Problem]]:
    from mesh.products.collection import load_organization
    from mesh.products.consistency import check as problems_of

    try:
        organization = load_organization(settings)
    except DefinitionError as error:
        return None, list(error.problems)
    problems = [*problems_of(organization), *location_problems(organization, settings)]
    return organization, [_relative(problem, settings) for problem in problems]


def location_problems(organization: Organization, settings: Settings) -> list[Problem]:
    """Domains that Dagster would not find, because `workspace.yaml` does not list them."""
    import yaml

    file = settings.root / WORKSPACE
    if not file.is_file():
        return []
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
        entries = [entry["python_module"] for entry in found["load_from"]]
        listed = {entry["location_name"] for entry in entries}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        reason = f"it cannot be read: {type(error).__name__}: {error}"
        return [Problem(reason, where=str(file), hint="list python_module entries in load_from")]
    names = [domain.name for domain in organization.domains]
    names += [domain.name for domain in organization.broken]
    return [
        Problem(f"domain {name!r} has no code location", where=str(file), hint="add it")
        for name in names
        if name not in listed
    ]


def _relative(problem: Problem, settings: Settings) -> Problem:
    """The same problem, with its path as it is seen from the mesh's folder."""
    where = problem.where.removeprefix(f"{settings.root}/")
    return Problem(problem.what, where, problem.hint)


def _as_json(organization: Organization | None, problems: list[Problem]) -> dict[str, Any]:
    return {
        "is_sound": not problems,
        "domains": [domain.name for domain in organization.domains] if organization else [],
        "products": list(organization.products) if organization else [],
        "problems": [
            {"what": problem.what, "where": problem.where, "hint": problem.hint}
            for problem in problems
        ],
    }


def _print(organization: Organization | None, problems: list[Problem]) -> None:
    from mesh.cli.console import count, print_error, say

    for problem in problems:
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if problems:
        print_error(MeshError(count(len(problems), "problem")))
    if organization is not None and not problems:
        domains = count(len(organization.domains), "domain")
        products = count(len(organization.products), "product")
        say(f"{domains} and {products} hold together", "green")
