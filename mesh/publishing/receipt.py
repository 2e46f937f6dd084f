"""Receipts in the lake: how a commit carries its own evidence, and how it is found again.

The lake is the truth: everything here is read from the table's history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mesh.catalog.receipts import CONTRACTS_FOLDER, RECEIPT_KEY, Receipt, transaction_of
from mesh.contracts.model import Contract
from mesh.lake import Commit, Snapshot, Table

ATTEMPT_KEY = "mesh.attempt"
"""Key in a commit's metadata that names the attempt whose files it shows: two processes may try one
publication at once, and one process twice."""


def keep_contract(table: Table, contract: Contract) -> None:
    """Keep a contract beside the table, once, so that its history can be read from the lake."""
    text = json.dumps(contract.as_json(), sort_keys=True, indent=1)
    table.store.put_once(f"{CONTRACTS_FOLDER}/{contract.digest}.json", text.encode())


def landed_attempts(table: Table) -> Iterator[tuple[int, str]]:
    """Version and attempt of every publication in a table's history, newest first."""
    for commit in table.commits():
        if (attempt := commit.metadata.get(ATTEMPT_KEY)) is not None:
            yield commit.version, attempt


def receipts_in(table: Table) -> Iterator[Receipt]:
    """The receipts that a table's commits carry, newest first, without commits of others."""
    for commit in table.commits():
        if (receipt := receipt_of(commit)) is not None:
            yield receipt


def receipt_of(commit: Commit) -> Receipt | None:
    """The receipt that a commit carries; None for a commit that is no publication."""
    text = commit.metadata.get(RECEIPT_KEY)
    if text is None:
        return None
    return Receipt.from_json(json.loads(text)).with_table_version(commit.version)


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
