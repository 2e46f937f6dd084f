"""What a publication of rows from quarantine is held to.

Owns which rules are asked of the rows themselves, and the promise that they were chosen on what is
there still: a replay lands only while the product was not published, and nothing left its
quarantine, since its rows were chosen. So no two replays publish a row twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.catalog.landed import receipt_of
from mesh.catalog.quarantine_in_lake import EVENT_KEY
from mesh.catalog.receipts import Replay
from mesh.contracts.model import Contract, Scope
from mesh.errors import CommitConflictError
from mesh.lake import Snapshot, Table
from mesh.lake.log import made_by

OF_THE_ROWS = frozenset({"unique", "references"})
"""Rules on the whole that speak of single rows. The others are about all rows of a product."""


@dataclass(frozen=True, slots=True)
class Replaying:
    """A publication of rows that waited in quarantine.

    `seen` is the version of the product's table when they were chosen, `replay` what the receipt
    says of where they come from, and `quarantine` the table that they were chosen in.
    """

    quarantine: Table
    seen: int
    replay: Replay

    def require_unchanged(self, base: Snapshot) -> None:
        """Raise CommitConflictError when the rows would be chosen otherwise now."""
        for commit in made_by(base.table.store, base.version, after=self.seen):
            if (receipt := receipt_of(commit)) is not None or commit.restored is not None:
                what = f"run {receipt.run_id} published it" if receipt else "it was restored"
                raise self._conflict(f"{what} meanwhile")
        rejected, chosen_at = self.quarantine.snapshot(), self.replay.quarantine_version
        for commit in made_by(self.quarantine.store, rejected.version, after=chosen_at):
            if EVENT_KEY in commit.metadata:
                raise self._conflict("rows left its quarantine meanwhile")

    def _conflict(self, what: str) -> CommitConflictError:
        return CommitConflictError(what, where=self.quarantine.url, hint="replay again")


def rules_of_rows(contract: Contract) -> Contract:
    """The contract with the rules that rows can break by themselves, and no others."""
    kept = (r for r in contract.rules if r.scope is Scope.ROW or r.check in OF_THE_ROWS)
    return replace(contract, rules=tuple(kept))


def rules_of_the_whole(contract: Contract) -> Contract:
    """The contract with the rules that only a whole table can break: not its key's."""
    key = set(contract.key)
    kept = (
        rule
        for rule in contract.rules
        if rule.scope is Scope.SET
        and rule.check != "references"
        and not (rule.check == "unique" and set(rule.columns) == key)
    )
    return replace(contract, rules=tuple(kept))
