"""`mesh policy`: which policies there are, whether they hold together, and what they come to."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session, find_product

if TYPE_CHECKING:
    from mesh.access.checking import PolicyReport
    from mesh.access.deciding import Decider
    from mesh.access.policies import Policy
    from mesh.access.testing import Outcome
    from mesh.errors import Problem
    from mesh.products.collection import Organization
    from mesh.settings import Settings

app = typer.Typer(help="What policies say, and to whom.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_policies(context: typer.Context, as_json: Json = False) -> None:
    """List every policy: Mesh's own, the organisation's, and the domains'."""
    from mesh.cli.console import add_row, print_json, print_table, table

    settings, organization = _tree(context)
    policies = _decider(settings, organization).policies
    if as_json:
        print_json([_told(policy) for policy in policies])
        return
    wrapping = ["actions", "reason", "where"]
    made = table("policy", "effect", "actions", "reason", "where", wrapping=wrapping)
    for policy in policies:
        add_row(
            made, policy.id, policy.effect, ", ".join(policy.actions), policy.reason, policy.source
        )
    print_table(made)


@app.command("check")
def check_policies(context: typer.Context, as_json: Json = False) -> None:
    """Check every policy against the mesh, and run the policy tests.

    Prints every problem with its file and line, and ends with exit code 1 when there is one or a
    test fails. Notes, which do not fail, tell of policies that never decide, that say what others
    say, and of permits that a forbid always beats: everyone, every port and every column of this
    mesh is asked about, for every purpose, place and moment that a policy names.
    """
    from mesh.access.checking import check_policies as checked
    from mesh.access.tree import test_files
    from mesh.cli.console import print_json

    settings, organization = _tree(context)
    report = checked(settings, organization, test_files(settings))
    if as_json:
        print_json(_as_json(report, settings))
    else:
        _print_report(report, settings)
    if not report.is_sound:
        raise typer.Exit(1)


@app.command("test")
def run_policy_tests(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Files of tests; all `*.policy-test.yaml` beside policies if none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the tests of policies, and end with exit code 1 when one fails."""
    from mesh.access.checking import run_tests
    from mesh.access.tree import ports_of, test_files
    from mesh.cli.console import print_json

    settings, organization = _tree(context)
    decider = _decider(settings, organization)
    chosen = files or test_files(settings)
    problems, outcomes = run_tests(settings, decider, ports_of(organization), chosen)
    if as_json:
        print_json({"problems": _problems(problems), "tests": [asdict(o) for o in outcomes]})
    else:
        _print_outcomes(problems, outcomes)
    if problems or any(outcome.failures for outcome in outcomes):
        raise typer.Exit(1)


@app.command("explain")
def explain(
    context: typer.Context,
    product: Annotated[str, typer.Argument(help="The product; the major may be left out.")],
    who: Annotated[str, typer.Option("--as", help="Who asks: an address, a service or a product.")],
    purpose: Annotated[str, typer.Option(help="What for.")] = "",
    columns: Annotated[str, typer.Option(help="Only these columns, separated by commas.")] = "",
    as_json: Json = False,
) -> None:
    """Explain what somebody sees of a product: the columns, the rows, and which policies say so."""
    from mesh.access.explaining import explained
    from mesh.access.model import Action, Ask, PrincipalKind
    from mesh.access.tree import port_of
    from mesh.cli.console import print_json
    from mesh.cli.deciding import tree_decider

    settings, organization = _tree(context)
    with tree_decider(settings, organization) as decider:
        principal = decider.directory.principal(who)
        is_product = principal.kind is PrincipalKind.PRODUCT
        ask = Ask(
            principal,
            Action.USE if is_product else Action.READ,
            port_of(find_product(organization, product)),
            purpose,
            tuple(name.strip() for name in columns.split(",")) if columns else None,
        )
        told = explained(decider, ask)
    if as_json:
        print_json(told)
    else:
        _print_explained(told)


def _tree(context: typer.Context) -> tuple[Settings, Organization]:
    """The mesh as it is declared. Raises what broke a domain: its ports would be missing."""
    from mesh.errors import DefinitionError

    session = Session.of(context)
    organization = session.organization()
    broken = [problem for item in organization.broken for problem in item.problems]
    if problems := [*organization.problems, *broken]:
        raise DefinitionError(problems)
    return session.settings(), organization


def _decider(settings: Settings, organization: Organization) -> Decider:
    from mesh.access.tree import decider_of_tree

    return decider_of_tree(settings, organization)


def _told(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "effect": policy.effect,
        "actions": list(policy.actions),
        "reason": policy.reason,
        "remedy": policy.remedy,
        "mask": asdict(policy.mask) if policy.mask else None,
        "layer": str(policy.layer),
        "domain": policy.domain,
        "source": policy.source,
        "text": policy.text,
    }


def _problems(found: list[Problem]) -> list[dict[str, str]]:
    return [asdict(problem) for problem in found]


def _as_json(report: PolicyReport, settings: Settings) -> dict[str, Any]:
    return {
        "is_sound": report.is_sound,
        "policies": [policy.id for policy in report.policies or ()],
        "problems": _problems([_relative(p, settings) for p in report.problems]),
        "notes": _problems([_relative(note, settings) for note in report.notes]),
        "tests": [asdict(outcome) for outcome in report.outcomes],
        "asked": report.asked,
        "untried": report.untried,
    }


def _relative(problem: Problem, settings: Settings) -> Problem:
    from dataclasses import replace

    return replace(problem, where=problem.where.removeprefix(f"{settings.root}/"))


def _print_report(report: PolicyReport, settings: Settings) -> None:
    from mesh.cli.console import count, say, warn

    for note in report.notes:
        warn(f"note: {_relative(note, settings)}")
    if report.untried:
        left = count(report.untried, "combination")
        warn(f"note: {left} of purposes, regions, environments and moments not tried")
    problems = [_relative(problem, settings) for problem in report.problems]
    _print_outcomes(problems, list(report.outcomes))
    if report.is_sound and report.policies is not None:
        policies, asked = len(report.policies), count(report.asked, "request")
        say(f"the {policies} policies hold together, asked {asked}", "green")


def _print_outcomes(problems: list[Problem], outcomes: list[Outcome]) -> None:
    from mesh.cli.console import count, print_error, say
    from mesh.errors import MeshError

    failed = [problem for outcome in outcomes for problem in outcome.problems]
    for problem in (*problems, *failed):
        print_error(MeshError(problem.what, where=problem.where, hint=problem.hint))
    if problems:
        print_error(MeshError(count(len(problems), "problem")))
    passed = sum(not outcome.failures for outcome in outcomes)
    if failed:
        print_error(MeshError(f"{len(outcomes) - passed} of {count(len(outcomes), 'test')} failed"))
    elif outcomes:
        say(f"{count(passed, 'test')} passed", "green")


def _print_explained(told: dict[str, Any]) -> None:
    from mesh.cli.console import add_row, print_table, say, table

    verb, who, product = told["action"], told["who"], told["product"]
    is_allowed = told["is_allowed"]
    if is_allowed:
        say(f"{who} may {verb} {product}", "bold green")
    else:
        say(told["why"], "bold red")
        if told["remedy"]:
            say(f"  try: {told['remedy']}", "cyan")
    if told["agreement"]:
        say(f"  under agreement {told['agreement']['id']}")
    for note in told["policies"]:
        say(f"  {note['id']}: {note['reason']} ({note['source']})")
    if "columns" not in told:
        return
    if told["if_agreed"]:
        say("under an agreement it would see:")
    say(f"rows: {told['rows']}")
    made = table("column", "seen", "policy", "reason", wrapping=["reason"])
    for column in told["columns"]:
        ids = ", ".join(note["id"] for note in column["policies"])
        reasons = "; ".join(note["reason"] for note in column["policies"])
        add_row(made, column["column"], column["seen"], ids, reasons)
    print_table(made)
