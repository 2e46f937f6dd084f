"""What a publication of changes goes on from.

Owns the promise that nothing is consumed twice: a publication that was made of the changes since an
earlier one may land only right after that one. Whatever else landed meanwhile, another run of the
same product first of all, made its rows stale.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.catalog.landed import receipt_of
from mesh.errors import CommitConflictError
from mesh.lake import Snapshot
from mesh.lake.log import made_by


@dataclass(frozen=True, slots=True)
class Increment:
    """Where a publication of changes stands.

    `seen` is the version of the product's own table when its inputs were chosen, None when there
    was no table. `is_whole` says that it was made of everything, and takes the place of what is
    there. `notes` are for the receipt.
    """

    product: str
    partition: str = ""
    seen: int | None = None
    is_whole: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_rebuild(self) -> bool:
        """Whether it takes the place of rows that were published before."""
        return self.is_whole and self.seen is not None

    def require_latest(self, base: Snapshot) -> None:
        """Raise CommitConflictError when the product was published since its inputs were chosen."""
        seen = -1 if self.seen is None else self.seen
        for commit in made_by(base.table.store, base.version, after=seen):
            if commit.restored is not None:
                raise self._conflict(f"version {commit.restored} was restored meanwhile")
            receipt = receipt_of(commit)
            if receipt is None or (receipt.replay is not None and not self.is_whole):
                continue  # a replay consumes no changes
            if self.is_whole or receipt.partition == self.partition:
                raise self._conflict(f"run {receipt.run_id} published it meanwhile")

    def _conflict(self, what: str) -> CommitConflictError:
        hint = "run it again: it goes on from there"
        return CommitConflictError(what, where=self.product, hint=hint)
