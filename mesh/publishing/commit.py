"""From staged files to one new version of the table.

Owns what happens when another writer was first: the change is planned again on the version that
won, and keys are compared again, until it lands or there were too many. What each write mode adds
and removes is `mesh.publishing.modes`. What a contract's version holds is decided here, too: two
writers with two contents of one version meet in the log, where one of them is first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mesh.errors import CommitConflictError
from mesh.lake import Snapshot
from mesh.lake.table import Change
from mesh.products.declaration import DataProduct
from mesh.products.modes import Overwrite
from mesh.publishing.contract_history import require_unchanged
from mesh.publishing.increment import Increment
from mesh.publishing.landing import MAX_ATTEMPTS, land, require_layout, wait, widened_columns
from mesh.publishing.modes import KeysTaken, Planned, Planning
from mesh.publishing.modes.widening import widened
from mesh.publishing.quarantine import keep
from mesh.publishing.replaying import Replaying
from mesh.publishing.stage import Stage


@dataclass(frozen=True, slots=True)
class Landed:
    """The version that was made, and what it was planned to be."""

    version: int
    planned: Planned


@dataclass(frozen=True, slots=True)
class AlreadyLanded:
    """The same publication is in the table already."""


CommitOutcome = Landed | AlreadyLanded | KeysTaken


@dataclass(slots=True)
class Commit:
    """One publication's way into its table."""

    planning: Planning
    transaction: str
    metadata_of: Callable[[Planned, Snapshot | None], dict[str, str]]
    configuration: dict[str, str]
    increment: Increment | None = None
    replaying: Replaying | None = None

    def run(self, seen: Snapshot | None = None) -> CommitOutcome:
        """Land it. Raises CommitConflictError when others kept winning.

        `seen` is the table as it was lately, which spares reading its log again.
        """
        for attempt in range(MAX_ATTEMPTS):
            base, seen = self.stage.table.refreshed(seen), None
            wider: tuple[str, ...] = ()
            if base is not None:
                if base.has_transaction(self.transaction):
                    return AlreadyLanded()
                if self.increment is not None:
                    self.increment.require_latest(base)
                require_unchanged(self.product, base)
                if self.replaying is not None:
                    self.replaying.require_unchanged(base)
                wider = self._require_fit(base)
            rewritten = self.stage.beside()
            try:
                stays = None if self._is_whole else base
                planned = self.planning.plan(stays, rewritten, f"kept{attempt}")
                if isinstance(planned, KeysTaken):
                    return planned
                if base is not None:
                    planned = widened(planned, base.files, wider, rewritten, self.planning.settings)
                self._keep_beside(planned)
                version = land(self._change(planned, base), base, *planned.stages)
                return Landed(version, planned)
            except CommitConflictError:
                if attempt == MAX_ATTEMPTS - 1:
                    raise
            finally:
                rewritten.discard()
            wait(attempt)
        raise AssertionError

    @property
    def _is_whole(self) -> bool:
        """Whether nothing of the table stays."""
        is_rebuilt = self.increment is not None and self.increment.is_whole
        return is_rebuilt or isinstance(self.product.write, Overwrite)

    @property
    def product(self) -> DataProduct:
        """What is published."""
        return self.planning.product

    @property
    def stage(self) -> Stage:
        """Its staged rows."""
        return self.planning.stage

    def _keep_beside(self, planned: Planned) -> None:
        """Before the commit, as with the quarantine: a row beside counts once that has landed."""
        if planned.beside is not None:
            try:
                keep(planned.beside, planned.beside.publication)
            finally:
                planned.beside.discard()

    def _require_fit(self, base: Snapshot) -> tuple[str, ...]:
        """Refuse a table that is not laid out as the product says, or would not take its rows.

        Returns the columns that get a wider type. An overwrite brings its own.
        """
        require_layout(base, self.stage)
        return () if self._is_whole else widened_columns(base, self.stage)

    def _change(self, planned: Planned, base: Snapshot | None) -> Change:
        return Change(
            adds=planned.adds,
            schema=self.stage.schema,
            partition_by=self.stage.partition_by,
            metadata=self.metadata_of(planned, base),
            transaction=self.transaction,
            removes=planned.removes,
            is_overwrite=self._is_whole,
            is_evolving=True,
            configuration=self.configuration,
            description=self.product.description,
        )
