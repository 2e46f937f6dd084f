"""What whoever reads a retired product is told.

Owns the warning. The table's own log says whether a product ended, so that reading asks no catalog.
"""

from __future__ import annotations

from mesh.catalog.model import RetirementRecord
from mesh.catalog.retirements_in_lake import retirement_of
from mesh.reading.snapshot import PinnedInput


class RetiredWarning(UserWarning):
    """The product that is read was retired: its rows are as they were, and go one day."""


def end_of(pinned: PinnedInput, *, is_latest: bool) -> RetirementRecord | None:
    """The end of the product of which a version is read; None while it lives.

    An end is in the log after every version that has rows, so the latest version is asked.
    """
    known = pinned.opened if is_latest else None
    return retirement_of(known or pinned.table.snapshot())
