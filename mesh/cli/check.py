"""`mesh check`: everything that is wrong with a mesh, at once, without running it.

Transforms are looked at as well (`mesh.engines.probing`): what keeps one from running is a problem;
a column that is declared and not read, a transform that cannot be looked at, or a rule of an ODCS
document that Mesh does not enforce, is a note.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import DefinitionError, MeshError, Problem

if TYPE_CHECKING:
    from mesh.engines.probing import Probe
    from mesh.products.collection import Organization
    from mesh.settings import Settings

WORKSPACE = "workspace.yaml"


def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check manifests, contracts, inputs, references, names, transforms and SQL of every domain.

    Prints every problem with its path, and ends with exit code 1 when there is one. Transforms are
    called with inputs that have no rows: an output that cannot fulfil its contract is found before
    any run. Notes, such as columns that are declared and not read, do not fail.
    """
    from mesh.cli.console import print_json

    settings = Session.of(context).settings()
    found = _checked(settings)
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)
    if found.problems:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Checked:
    """What a check found. Notes do not make a mesh unsound."""

    organization: Organization | None
    problems: list[Problem]
    notes: list[Problem]
    probes: list[Probe]


def _checked(settings: Settings) -> Checked:
    from mesh.products.collection import load_organization
    from mesh.products.consistency import check as problems_of
    from mesh.products.odcs_file import unenforced

    try:
        organization = load_organization(settings)
    except DefinitionError as error:
        return Checked(None, list(error.problems), [], [])
    probes = probed(organization)
    refusing, lacking = policy_problems(organization, settings)
    ended, told = deprecations(organization, settings)
    problems = [
        *problems_of(organization),
        *refusing,
        *ended,
        *location_problems(organization, settings),
        *(problem for item in probes for problem in item.problems),
    ]
    notes = [*told, *lacking, *(note for item in probes for note in item.notes)]
    for product in organization.products.values():
        notes += unenforced(product)
    return Checked(
        organization,
        [_relative(problem, settings) for problem in problems],
        [_relative(note, settings) for note in notes],
        probes,
    )


def policy_problems(
    organization: Organization, settings: Settings
) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with policies, or forbidden by them; and what is only to be noted.

    Notes are agreements that are missing, and guardrails that warn or are waived. Nothing is
    said while a domain that policies may name does not load.
    """
    from mesh.cli.deciding import policy_of_tree
    from mesh.errors import PolicyError

    if organization.broken:
        return [], []
    try:
        said = policy_of_tree(settings, organization)
    except PolicyError as error:
        return list(error.problems), []
    problems = [item.problem for item in said.refused if item.is_final]
    notes = [item.problem for item in said.refused if not item.is_final]
    problems += [item.problem for item in said.broken if item.is_error] + said.unfit
    return problems, [*notes, *(item.problem for item in said.broken if not item.is_error)]


def probed(organization: Organization) -> list[Probe]:
    """The probe of every product, in the order of their names."""
    from mesh.engines.probing import probe

    contracts = {name: product.contract for name, product in organization.products.items()}
    return [probe(product, contracts) for _, product in sorted(organization.products.items())]


def deprecations(
    organization: Organization, settings: Settings
) -> tuple[list[Problem], list[Problem]]:
    """Problems and notes of consumers whose inputs have a last day.

    The catalog is asked who read what in time once a day is over, and is not made for that.
    """
    from mesh.cli.against import has_catalog
    from mesh.products.deprecation import deprecated_inputs

    today = datetime.now(UTC).date()
    over = [p for p in organization.products.values() if p.deprecated and p.deprecated < today]
    earlier: dict[str, set[str]] = {}
    if over and has_catalog(settings, settings.environment):
        from mesh.catalog.store import Catalog

        with Catalog.of(settings) as catalog:
            for product in over:
                earlier[str(product.id)] = {
                    use.product
                    for use in catalog.uses(str(product.id))
                    if product.deprecated and use.published_at.date() <= product.deprecated
                }
    return deprecated_inputs(organization, today, earlier)


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


def _as_json(found: Checked) -> dict[str, Any]:
    organization = found.organization
    return {
        "is_sound": not found.problems,
        "domains": [domain.name for domain in organization.domains] if organization else [],
        "products": list(organization.products) if organization else [],
        "problems": [asdict(problem) for problem in found.problems],
        "notes": [asdict(note) for note in found.notes],
        "probes": [item.as_json() for item in found.probes],
    }


def _print(found: Checked) -> None:
    from mesh.cli.console import count, print_error, say, warn

    organization, problems = found.organization, found.problems
    for note in found.notes:
        warn(f"note: {note}")
    for problem in problems:
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if problems:
        print_error(MeshError(count(len(problems), "problem")))
    if organization is not None and not problems:
        domains = count(len(organization.domains), "domain")
        products = count(len(organization.products), "product")
        say(f"{domains} and {products} hold together", "green")
