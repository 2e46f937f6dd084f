"""`mesh plan`: what would change if this working tree were deployed, and who would be hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import MeshError, Problem

if TYPE_CHECKING:
    from mesh.engines.probing import Probe
    from mesh.lake import Lake
    from mesh.products.kept import Declared
    from mesh.products.plans import Plan
    from mesh.products.plans.digests import Judged
    from mesh.products.plans.impact import Made
    from mesh.products.state import MeshState
    from mesh.settings import Settings

UNSOUND, BREAKING, OUTDATED = 1, 2, 3
"""Exit codes: the mesh has problems, a change must not be deployed, a plan no longer holds."""


def plan(
    context: typer.Context,
    against: Annotated[
        str,
        typer.Option(
            help="Environment or git reference to compare with; `env:NAME` and `git:REF` say which."
            " By default this environment, or the last commit where nothing is published.",
        ),
    ] = "",
    check: Annotated[
        str, typer.Option("--check", help="Say whether the plan of this digest still holds.")
    ] = "",
    with_data: Annotated[
        bool,
        typer.Option("--data", help="Ask published rows about the changes that they decide."),
    ] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown for a pull request.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what would change if this working tree were deployed: contracts, and who is hit.

    Ends with exit code 2 when a policy forbids a change, or when one breaks consumers without a new
    major beside it and nobody has approved exactly this plan (`mesh decision`); 1 when the mesh has
    problems, and 3 when the plan that `--check` names no longer holds.
    """
    from mesh.cli.against import state_against
    from mesh.products.plans import make
    from mesh.products.plans.digests import Judged

    asked = Judged.parse(check) if check else None
    if as_markdown and as_json:
        raise MeshError(
            "--markdown and --json cannot both be printed", hint="leave one of them out"
        )
    settings = Session.of(context).settings()
    declared, problems = _declared(settings)
    before, after = state_against(settings, against), declared.state
    if asked is not None:
        _check(asked, before, after, settings, as_json=as_json)
        return
    probing = Probing(declared)
    found = make(before, after, probing)
    problems += probing.problems
    if with_data:
        found = _proved(found, declared, before)
    problems += _elsewhere(before, settings)
    _keep(found.digest, before, after, settings)
    found, needed = _decided(found, before, settings)
    found, unsound = _as_policy_says(found, declared)
    problems += unsound
    _print(found, problems, as_json=as_json, as_markdown=as_markdown)
    if not as_json and not as_markdown:
        _print_needed(needed, found.digest)
    if found.failures:
        raise typer.Exit(BREAKING)
    if problems:
        raise typer.Exit(UNSOUND)


def _as_policy_says(found: Plan, declared: Declared) -> tuple[Plan, list[Problem]]:
    """The plan with what policy says of it, and what is wrong with policies themselves.

    Last of all: what was decided about a breaking change decides nothing about access.
    """
    from mesh.access.guardrails import with_broken
    from mesh.access.planning import with_refused
    from mesh.cli.deciding import policy_of_tree
    from mesh.errors import PolicyError

    organization = declared.organization
    if organization.broken:
        return found, []
    try:
        said = policy_of_tree(declared.settings, organization)
    except PolicyError as error:
        return found, list(error.problems)
    return with_broken(with_refused(found, said.refused), said.broken), said.unfit


def _proved(found: Plan, declared: Declared, before: MeshState) -> Plan:
    """The plan with what the rows that are published in the environment say of it."""
    from mesh.orchestration.proving import proved

    settings = declared.settings
    lake = _lake_of(before, settings)
    return proved(found, declared.runnable, lake, settings.publishing)


def _lake_of(before: MeshState, settings: Settings) -> Lake:
    """The lake of the environment that is compared with; this environment's for a commit."""
    from mesh.lake import Lake

    return Lake.of(_compared_with(before, settings))


def _compared_with(before: MeshState, settings: Settings) -> Settings:
    """The settings of the environment that is compared with; this environment's for a commit."""
    from mesh.settings import load

    word, _, name = before.origin.partition(" ")
    is_environment = word == "environment" and name != settings.environment
    return load(settings.root, environment=name) if is_environment else settings


def _elsewhere(before: MeshState, settings: Settings) -> list[Problem]:
    """That the environment's catalog has another repository's organisation, where it has."""
    from mesh.catalog.store import Catalog
    from mesh.products.organization import organization_told, other_organization

    chosen = _compared_with(before, settings)
    told = organization_told(chosen)
    is_asked = told is not None and chosen.organization == "auto"
    if not is_asked or not before.origin.startswith("environment "):
        return []
    with Catalog.of(chosen) as catalog:
        others = catalog.policies.others(*told) if told else []
    return [other_organization(chosen, others)] if others else []


def _decided(found: Plan, before: MeshState, settings: Settings) -> tuple[Plan, dict[str, str]]:
    """The plan with what was decided about it, and what of it has been asked for, by product.

    The catalog is asked only about a plan that breaks something, and is not made for that.
    """
    from mesh.cli.against import has_catalog

    chosen = _compared_with(before, settings)
    if not found.failures or not has_catalog(chosen, chosen.environment):
        return found, {}
    from mesh.access.changes import decided
    from mesh.catalog.cases import CaseState
    from mesh.catalog.store import Catalog
    from mesh.products.decision_rights import ChangeKind

    with Catalog.open(chosen.catalog_url, chosen.catalog.token) as catalog:
        cases = catalog.decisions.cases(ChangeKind.BREAKING_CHANGE)
    settled = decided(found, cases)
    waiting = {
        case.subject: case.id
        for case in cases
        if case.state is CaseState.OPEN and case.asked["plan"] == found.digest
    }
    broken = dict.fromkeys(name for name, _ in settled.failures)
    return settled, {name: waiting.get(name, "") for name in broken}


def _print_needed(needed: dict[str, str], digest: str) -> None:
    """Say who has to decide about what breaks, or that it is asked for."""
    from mesh.cli.console import say

    for name, case in needed.items():
        ask = f"`mesh decision request breaking_change {name} --plan {digest} --why …` asks for it"
        waits = f"`mesh decision show {case}` tells who is asked" if case else ask
        say(f"or with a decision about {name}: {waits}", "cyan")


def _declared(settings: Settings) -> tuple[Declared, list[Problem]]:
    """The working tree, and everything that is wrong with it. Raises ManifestError."""
    from mesh.cli.check import deprecations
    from mesh.products.consistency import check
    from mesh.products.kept import look

    declared = look(settings)
    ended, _ = deprecations(declared.organization, settings)
    return declared, [
        Problem(p.what, p.where.removeprefix(f"{settings.root}/"), p.hint)
        for p in (*check(declared.organization), *ended)
    ]


class Probing:
    """How products are made, found by probing those that are asked about, each once."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        products = declared.organization.products
        self._contracts = {name: product.contract for name, product in products.items()}
        self._probes: dict[str, Probe] = {}

    def __call__(self, name: str) -> Made | None:
        """What a product is made from; None when it could not be found out."""
        from mesh.products.plans.impact import Made

        found = self._probe(name)
        if found.unknown:
            return None
        is_complete = bool(found.reads) and all(r.is_complete for r in found.reads.values())
        return Made(found.lineage, found.shaping, found.read if is_complete else None)

    @property
    def problems(self) -> list[Problem]:
        """What keeps products that were asked about from running."""
        return [problem for _, p in sorted(self._probes.items()) for problem in p.problems]

    def _probe(self, name: str) -> Probe:
        from mesh.engines.probing import probe

        if name not in self._probes:
            self._probes[name] = probe(self._declared.runnable(name), self._contracts)
        return self._probes[name]


def _print(found: Plan, problems: list[Problem], *, as_json: bool, as_markdown: bool) -> None:
    import sys

    from mesh.cli.console import print_error, print_json

    if as_json:
        print_json({**found.as_json(), "problems": [_plain(problem) for problem in problems]})
        return
    if as_markdown:
        from mesh.cli.plan_markdown import markdown

        sys.stdout.write(markdown(found, problems))
        return
    from mesh.cli.plan_page import print_plan

    for problem in problems:
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    print_plan(found)


def _plain(problem: Problem) -> dict[str, Any]:
    return {"what": problem.what, "where": problem.where, "hint": problem.hint}


def _check(
    asked: Judged, before: MeshState, after: MeshState, settings: Settings, *, as_json: bool
) -> None:
    """Say whether a plan holds, and what moved since; ends with exit code 3 when it does not."""
    from mesh.cli.console import print_json, say
    from mesh.cli.plans_kept import moved_since

    moved = moved_since(asked, before, after, settings)
    if asked.rows and not moved and asked.rows != _rows_asked(before, after, settings):
        moved = ["the rows that were asked are not those that are published"]
    if as_json:
        print_json({"holds": not moved, "digest": str(asked), "moved": moved})
    elif not moved:
        say(f"the plan holds: {before.origin} and {after.origin} are what it judged", "green")
    else:
        say("the plan no longer holds", "bold red")
        for line in moved:
            say(f"  {line}")
        say("make it anew: mesh plan", "cyan")
    if moved:
        raise typer.Exit(OUTDATED)


def _rows_asked(before: MeshState, after: MeshState, settings: Settings) -> str:
    from mesh.orchestration.proving import rows_asked
    from mesh.products.plans import make

    return rows_asked(make(before, after), _lake_of(before, settings))


def _keep(digest: str, before: MeshState, after: MeshState, settings: Settings) -> None:
    from mesh.cli.plans_kept import keep

    keep(digest, before, after, settings)
