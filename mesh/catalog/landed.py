"""Receipts as the lake has them, newest first, read from the log entry by entry.

Owns the question "what did this product publish last". Asks the lake, never the catalog's database:
a receipt that is in the log has landed, and one that is not has not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from mesh.catalog.receipts import CONTRACTS_FOLDER, RECEIPT_KEY, Receipt
from mesh.contracts.model import Contract
from mesh.errors import StorageError
from mesh.lake import Commit, Snapshot
from mesh.lake.log import made_by


def landed_receipts(snapshot: Snapshot) -> Iterator[Receipt]:
    """The receipts of the publications that a snapshot shows, newest first.

    What a restore undid is left out.
    """
    for commit in made_by(snapshot.table.store, snapshot.version):
        if (receipt := receipt_of(commit)) is not None:
            yield receipt


def receipt_of(commit: Commit) -> Receipt | None:
    """The receipt that a commit carries; None for a commit that is no publication."""
    text = commit.metadata.get(RECEIPT_KEY)
    if text is None:
        return None
    return Receipt.from_json(json.loads(text)).with_table_version(commit.version)


def published_key(snapshot: Snapshot) -> tuple[str, ...]:
    """The key that the contract promised under which a snapshot was last published.

    Empty when there is none, or nobody can tell.
    """
    for receipt in landed_receipts(snapshot):
        path = f"{CONTRACTS_FOLDER}/{receipt.contract_digest}.json"
        try:
            text = snapshot.table.store.read(path)
        except StorageError:
            return ()
        return Contract.from_json(json.loads(text)).key
    return ()
