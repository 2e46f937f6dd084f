"""Receipts in the lake: how a commit carries its own evidence, and how it is found again.

The lake is the truth: everything here is read from the table's history.
"""

from __future__ import annotations

from collections.abc import Iterator

from mesh.catalog.landed import receipt_of
from mesh.catalog.receipts import Receipt, transaction_of
from mesh.lake import Snapshot, Table

ATTEMPT_KEY = "mesh.attempt"
"""Key in a commit's metadata that names the attempt whose files it shows: two processes may try one
publication at once, and one process twice."""


def receipts_in(table: Table) -> Iterator[Receipt]:
    """The receipts that a table's commits carry, newest first, without commits of others."""
    for commit in table.commits():
        if (receipt := receipt_of(commit)) is not None:
            yield receipt


def first_receipt(snapshot: Snapshot | None, publication: str) -> Receipt | None:
    """The receipt of a publication that has landed by a snapshot; None when it has not."""
    transaction = transaction_of(publication)
    if snapshot is None or not snapshot.has_transaction(transaction):
        return None
    commit = snapshot.commit_of(transaction)
    receipt = receipt_of(commit) if commit is not None else None
    if receipt is not None and receipt.publication_id == publication:
        return receipt
    found = (receipt_of(commit) for commit in snapshot.commits())
    return next((r for r in found if r is not None and r.publication_id == publication), None)
