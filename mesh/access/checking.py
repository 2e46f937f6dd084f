"""Everything about the policies of a working tree: problems, notes, and what their tests say.

Owns the order in which it is looked at. Policies that are not sound are not asked anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mesh.access.deciding import Decider
from mesh.access.fitting import mask_problems
from mesh.access.judging import policy_notes
from mesh.access.model import Port
from mesh.access.policies import Policies
from mesh.access.survey import Place, survey
from mesh.access.testing import Outcome, read_tests, run_test
from mesh.access.tree import decider_of_tree, ports_of
from mesh.errors import DefinitionError, PolicyError, Problem
from mesh.products.collection import Organization
from mesh.products.policy_files import told_path
from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What was found. Notes and numbers are for people: `asked` counts requests that were tried.

    `untried` counts combinations of purposes, places and moments that were not.
    """

    policies: Policies | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    asked: int = 0
    untried: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether there is no problem, and every test passed."""
        return not self.problems and not any(outcome.failures for outcome in self.outcomes)


def check_policies(
    settings: Settings, organization: Organization, files: Sequence[Path]
) -> PolicyReport:
    """Look at everything, with the tests in these files."""
    try:
        decider = decider_of_tree(settings, organization)
    except PolicyError as error:
        return PolicyReport(problems=error.problems)
    ports = ports_of(organization)
    place = Place(settings.environment, settings.region)
    found = survey(decider.policies, ports, decider.directory, place)
    problems, outcomes = run_tests(settings, decider, ports, files)
    return PolicyReport(
        decider.policies,
        (*mask_problems(decider.policies, found), *problems),
        tuple(policy_notes(decider.policies, found)),
        tuple(outcomes),
        found.asked,
        found.untried,
    )


def run_tests(
    settings: Settings, decider: Decider, ports: Sequence[Port], files: Sequence[Path]
) -> tuple[list[Problem], list[Outcome]]:
    """The outcomes of the tests in these files, and problems of files that are no tests."""
    problems: list[Problem] = []
    outcomes: list[Outcome] = []
    for file in files:
        try:
            tests = read_tests(file)
        except DefinitionError as error:
            problems += error.problems
            continue
        for test, line in tests:
            where = f"{told_path(file, settings.root)}:{line}"
            outcomes.append(run_test(test, where, decider, ports))
    return problems, outcomes
