"""Tests of policies, in `*.policy-test.yaml`: who asks for what, and what should come of it.

Owns the shape of the files, and the comparison. Decisions are those of `mesh.access.deciding`, rows
are decided by Cedar itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from mesh.access.deciding import Decider
from mesh.access.hiding import parse_mask
from mesh.access.model import Action, Agreement, Ask, Port, PrincipalKind, View
from mesh.access.row_deciding import rows_seen
from mesh.contracts import yaml_files
from mesh.errors import ManifestError, Problem, did_you_mean, near_names
from mesh.products.domain import AttributeValue, Part, Text, problem_of, read_yaml

_AGREED = "policy-test"


class ExpectedRows(Part):
    """Sample rows: values by column, those that are left out are null."""

    seen: tuple[dict[str, Any], ...] = Field(default=(), description="Rows that are seen.")
    left_out: tuple[dict[str, Any], ...] = Field(default=(), description="Rows that are not.")


class Expected(Part):
    """What should come of it. What is left out is not looked at."""

    allowed: bool = Field(description="Whether it is allowed at all.")
    masked: dict[str, Text] | None = Field(
        default=None, description="All columns behind a mask, and which: `tail_number: hash`."
    )
    hidden: tuple[Text, ...] | None = Field(
        default=None, description="All columns that are left out."
    )
    seen: tuple[Text, ...] | None = Field(
        default=None, description="Columns that are seen as they are, among others."
    )
    rows: ExpectedRows | None = Field(default=None, description="Rows that are seen or left out.")
    why: tuple[Text, ...] = Field(
        default=(), description="Ids of policies that have a say, among others."
    )

    @field_validator("masked")
    @classmethod
    def _masks_exist(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for text in (value or {}).values():
            parse_mask(text)
        return value


class Agreed(Part):
    """The agreement under which it is asked for."""

    columns: tuple[Text, ...] | None = Field(
        default=None, description="Its columns; all that are not guarded if left out."
    )
    purpose: str = Field(default="", description="Its purpose; that of the request if left out.")


class PolicyTest(Part):
    """One test."""

    name: Text = Field(description="What is tested, as a sentence.")
    who: Text = Field(description="An address, a service or a product.")
    groups: tuple[Text, ...] = Field(default=(), description="Groups of the identity provider.")
    attributes: dict[str, AttributeValue] = Field(
        default_factory=dict, description="Attributes that the identity provider claims."
    )
    what: Text = Field(description="The product: `operations.flights_v1`.")
    action: Action | None = Field(
        default=None, description="`read`, or of a product `use`, if left out; or `publish`."
    )
    purpose: str = Field(default="", description="What for.")
    columns: tuple[Text, ...] | None = Field(default=None, description="Columns; all if left out.")
    agreement: Agreed | None = Field(default=None, description="An agreement to ask under.")
    environment: str = Field(default="", description="The environment; the present one if empty.")
    region: str = Field(default="", description="The region; the present one if empty.")
    now: datetime | None = Field(default=None, description="When; now if left out.")
    expect: Expected = Field(description="What should come of it.")


class PolicyTests(Part):
    """A file of policy tests, `*.policy-test.yaml`, beside policies."""

    tests: tuple[PolicyTest, ...] = Field(description="The tests.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test: nothing to tell when it passed."""

    name: str
    where: str
    failures: tuple[str, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """What is not as the test says."""
        return [Problem(f"{self.name}: {failure}", self.where) for failure in self.failures]


def read_tests(file: Path) -> list[tuple[PolicyTest, int]]:
    """The tests of a file, each with its line. Raises ManifestError with every problem."""
    data, lines = read_yaml(file)
    try:
        found = PolicyTests.model_validate(data)
    except ValidationError as error:
        problems = [problem_of(file, item, lines, PolicyTests) for item in error.errors()]
        raise ManifestError(problems) from error
    return [
        (test, yaml_files.line_of(lines, ("tests", str(number))))
        for number, test in enumerate(found.tests)
    ]


def run_test(test: PolicyTest, where: str, decider: Decider, ports: Sequence[Port]) -> Outcome:
    """Ask what a test asks, and compare."""
    by_name = {port.name: port for port in ports}
    port = by_name.get(test.what)
    if port is None:
        near = did_you_mean(near_names(test.what, by_name))
        return Outcome(
            test.name, where, (f"there is no product {test.what!r}; {near}".rstrip("; "),)
        )
    unknown = _named(test) - {*port.contract.column_names}
    if unknown:
        return Outcome(
            test.name, where, (f"{port.name} has no column {', '.join(sorted(unknown))}",)
        )
    return Outcome(test.name, where, tuple(_failures(test, _ask(test, port, decider), decider)))


def _named(test: PolicyTest) -> set[str]:
    """Every column that a test speaks of."""
    expect, agreed = test.expect, test.agreement
    rows = (*expect.rows.seen, *expect.rows.left_out) if expect.rows else ()
    return {
        *(test.columns or ()),
        *(agreed.columns or () if agreed else ()),
        *(expect.masked or {}),
        *(expect.hidden or ()),
        *(expect.seen or ()),
        *(name for row in rows for name in row),
    }


def _ask(test: PolicyTest, port: Port, decider: Decider) -> Ask:
    who = decider.directory.principal(test.who, test.groups, test.attributes)
    usual = Action.USE if who.kind is PrincipalKind.PRODUCT else Action.READ
    agreed = test.agreement
    now = test.now or datetime.now(UTC)
    return Ask(
        who,
        test.action or usual,
        port,
        test.purpose,
        test.columns,
        Agreement(_AGREED, port.name, who.name, agreed.purpose or test.purpose, agreed.columns)
        if agreed
        else None,
        test.environment,
        test.region,
        now if now.tzinfo else now.replace(tzinfo=UTC),
    )


def _failures(test: PolicyTest, ask: Ask, decider: Decider) -> Iterator[str]:
    expect = test.expect
    decision = decider.check(ask)
    told = f": {decision.denial.what}" if decision.denial else ""
    if decision.is_allowed != expect.allowed:
        yield f"it is {'allowed' if decision.is_allowed else 'denied'}{told}"
        return
    policies = {note.id for note in decision.notes}
    if ask.action is Action.READ and decision.is_allowed:
        view = decider.view(ask)
        policies |= {n.id for c in (*view.columns, *view.hidden) for n in c.notes}
        yield from _column_failures(expect, view)
    if expect.rows is not None:
        yield from _row_failures(expect.rows, ask, decider)
    if missing := [id_ for id_ in expect.why if id_ not in policies]:
        yield f"{', '.join(missing)} had no say: those that had are {', '.join(sorted(policies))}"


def _column_failures(expect: Expected, view: View) -> Iterator[str]:
    masked = {column.name: column.mask for column in view.columns if column.mask}
    hidden = {column.name for column in view.hidden}
    if expect.masked is not None:
        wanted = {name: parse_mask(text) for name, text in expect.masked.items()}
        for name in sorted(wanted.keys() | masked.keys()):
            if wanted.get(name) != masked.get(name):
                found = _mask_text(masked.get(name))
                yield f"{name} is {found}, not {_mask_text(wanted.get(name))}"
    if expect.hidden is not None and hidden != {*expect.hidden}:
        yield f"hidden are {', '.join(sorted(hidden)) or 'no columns'}"
    plain = {column.name for column in view.columns} - masked.keys()
    if missing := [name for name in expect.seen or () if name not in plain]:
        yield f"{', '.join(missing)} is not seen as it is"


def _row_failures(expect: ExpectedRows, ask: Ask, decider: Decider) -> Iterator[str]:
    whole = decider.completed(ask)
    for rows, is_wanted in ((expect.seen, True), (expect.left_out, False)):
        for row, is_seen in zip(rows, rows_seen(decider.policies, whole, rows), strict=True):
            if is_seen != is_wanted:
                yield f"the row {row} is {'seen' if is_seen else 'left out'}"


def _mask_text(mask: Any) -> str:
    if mask is None:
        return "as it is"
    return f"{mask.kind}:{mask.argument}" if mask.argument else str(mask.kind)
