"""The one decision point: who may read, use or publish a product, and what of it they see.

Owns the evaluation of policies, and what is told of it. Everything that is not permitted is denied;
so is what a policy fails to decide, because Cedar passes over a `forbid` that fails. Asked in the
same way at plan, run and serve time.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mesh.access.agreed_rows import both, rows_of
from mesh.access.decision_keys import MOST, key_of_ask
from mesh.access.evaluating import Evaluator, Finding
from mesh.access.hiding import most_hiding
from mesh.access.model import (
    Action,
    Agreement,
    Ask,
    ColumnView,
    Mask,
    MaskKind,
    PolicyNote,
    Port,
    Principal,
    RowFilter,
    View,
)
from mesh.access.policies import Policies, Policy
from mesh.access.principals import Directory
from mesh.access.wording import Denial, denial_of, unseen_input
from mesh.contracts.model import Contract
from mesh.errors import AccessDeniedError, DecisionError, UnknownColumnError
from mesh.recent import Recent

_DROP = Mask(MaskKind.DROP)


class Agreements(Protocol):
    """Who finds the agreement under which somebody asks."""

    def covering(
        self,
        principal: Principal,
        port: Port,
        purpose: str,
        columns: Sequence[str] | None,
        now: datetime,
    ) -> Agreement | None:
        """The agreement that covers it now, if there is one."""
        ...


class RowFiltering(Protocol):
    """Who makes a row filter of the policies that forbid rows."""

    def __call__(self, policies: Sequence[Policy], ask: Ask) -> RowFilter | None:
        """Which rows are seen; None for all of them.

        `ask` is complete. Raises AccessDeniedError where a policy cannot be decided row by row.
        """
        ...


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something may be done, and the policies that had a say."""

    is_allowed: bool
    notes: tuple[PolicyNote, ...] = ()
    denial: Denial | None = None

    def require(self) -> None:
        """Raise AccessDeniedError unless it is allowed."""
        if self.denial is not None:
            raise self.denial.error()


class Decider:
    """Decides by the policies of one mesh. May be shared by threads.

    `environment` and `region` stand in for what a request does not say of itself. Raises
    PolicyError for policies that are not sound.
    """

    def __init__(
        self,
        policies: Policies,
        directory: Directory,
        agreements: Agreements,
        *,
        rows: RowFiltering,
        environment: str = "",
        region: str = "",
    ) -> None:
        self.policies = policies.require_sound()
        self.directory = directory
        self._agreements = agreements
        self._rows = rows
        self._environment = environment
        self._region = region
        self._evaluator = Evaluator(policies)
        self._digest = policies.digest
        self._views: Recent[Hashable, View | Denial] = Recent(MOST)

    def view(self, ask: Ask) -> View:
        """What is seen of a port. Raises AccessDeniedError, UnknownColumnError.

        Of columns that are not asked for, nothing is said.
        """
        whole = self.completed(ask)
        found = self._views.get(key_of_ask(whole), lambda: self._decided(whole))
        if isinstance(found, Denial):
            raise found.error()
        return found

    def check(self, ask: Ask) -> Decision:
        """Whether a port may be read, published, or used as an input.

        A product uses what it declares as it is: every column whole, and every row.
        """
        whole = self.completed(ask)
        if whole.action is Action.PUBLISH:
            finding = self._evaluator.port(whole)
            denial = denial_of(whole, finding, self.directory)
            return Decision(denial is None, finding.notes, denial)
        found = self._views.get(key_of_ask(whole), lambda: self._decided(whole))
        if isinstance(found, Denial):
            return Decision(is_allowed=False, notes=found.notes, denial=found)
        if whole.action is Action.USE and not found.is_whole:
            unseen = unseen_input(whole, found)
            return Decision(is_allowed=False, notes=unseen.notes, denial=unseen)
        return Decision(is_allowed=True, notes=found.notes)

    def completed(self, ask: Ask) -> Ask:
        """The request with the agreement that covers it, and with where it is made.

        Raises UnknownColumnError.
        """
        _require_columns(ask.columns, ask.port.contract)
        agreement = ask.agreement
        if agreement is None and ask.action is not Action.PUBLISH:
            agreement = self._agreements.covering(
                ask.principal, ask.port, ask.purpose, ask.columns, ask.now
            )
        return replace(
            ask,
            agreement=agreement,
            environment=ask.environment or self._environment,
            region=ask.region or self._region,
            now=ask.now.replace(second=0, microsecond=0),
        )

    def _decided(self, ask: Ask) -> View | Denial:
        finding = self._evaluator.port(ask)
        denial = denial_of(ask, finding, self.directory)
        if denial is not None:
            return denial
        shown: list[ColumnView] = []
        hidden: list[ColumnView] = []
        for name, seen in self._evaluator.columns(ask):
            if seen.errors:
                return Denial.failed(ask, seen, f"column {name}")
            column = self._column(name, seen)
            is_hidden = column.mask is not None and column.mask.kind is MaskKind.DROP
            (hidden if is_hidden else shown).append(column)
        filtering = self._evaluator.row_policies(ask)
        try:
            rows = self._rows(filtering, ask) if filtering else None
            narrowing = [p.note for p in filtering if rows and self._rows([p], ask)]
            rows = both(rows, rows_of(ask.agreement, ask.port.contract))
        except (AccessDeniedError, DecisionError, UnknownColumnError) as error:
            notes = tuple(policy.note for policy in filtering)
            return Denial(error.what, error.where, error.hint, notes, is_failure=True)
        return View(
            ask.port,
            ask.principal,
            tuple(shown),
            tuple(hidden),
            rows,
            ask.agreement,
            (*finding.notes, *narrowing),
            self._digest,
        )

    def _column(self, name: str, seen: Finding) -> ColumnView:
        """How a column is seen: as it is, or under the mask of those that hides most."""
        if seen.is_allowed:
            return ColumnView(name)
        masks = [policy.mask or _DROP for policy in seen.policies]
        return ColumnView(name, most_hiding(masks) if masks else _DROP, seen.notes)


def _require_columns(columns: Sequence[str] | None, contract: Contract) -> None:
    for name in columns or ():
        if name not in contract.column_names:
            raise UnknownColumnError(name, contract.column_names)
