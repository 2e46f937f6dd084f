"""The end of a product as its table's log has it: the last commit that says anything.

Owns the key in the commit's metadata. The lake is the truth here, too: a publication looks here,
and a catalog that was lost has it back.
"""

from __future__ import annotations

import json

from mesh.catalog.model import RetirementRecord
from mesh.catalog.receipts import RECEIPT_KEY
from mesh.lake import Commit, Snapshot

RETIREMENT_KEY = "mesh.retirement"
"""Key in a commit's metadata that says that the product ended."""


def retirement_in(commit: Commit) -> RetirementRecord | None:
    """The end that a commit tells of; None for any other commit."""
    text = commit.metadata.get(RETIREMENT_KEY)
    return None if text is None else RetirementRecord.from_json(json.loads(text))


def retirement_of(snapshot: Snapshot) -> RetirementRecord | None:
    """The end of a product; None while it lives. Nothing is published after an end."""
    for commit in snapshot.commits():
        if (found := retirement_in(commit)) is not None:
            return found
        if RECEIPT_KEY in commit.metadata:
            return None
    return None
