"""Contracts that a product was published under, as its table keeps them.

Owns the promise that a version of a contract has one content for ever. The log decides: the newest
receipt says which version was published last and with which content, a publication may have that
version with that content or a higher one, and lands only right after the snapshot on which this was
looked at. So of two writers with two contents of one version, one is first, and the other is told.
A contract is kept beside the table before it is published under: what a crash leaves there without
a receipt was never published, and binds nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from mesh.catalog.landed import receipt_of
from mesh.catalog.model import RetirementRecord
from mesh.catalog.receipts import CONTRACTS_FOLDER, Receipt
from mesh.catalog.retirements_in_lake import retirement_in
from mesh.contracts.differing import Differing, differing
from mesh.contracts.model import Contract, Version
from mesh.errors import ContractChangedError, RetiredError
from mesh.lake import Commit, Snapshot, Table
from mesh.products.declaration import DataProduct


def keep_contract(table: Table, contract: Contract, base: Snapshot | None) -> None:
    """Keep a contract beside the table, once, so that its history can be read from the lake.

    Nothing is asked of the store when the latest publication was under the same.
    """
    latest = None if base is None else newest_receipt(base)
    if latest is None or latest.contract_digest != contract.digest:
        text = json.dumps(contract.as_json(), sort_keys=True, indent=1)
        table.store.put_once(_path(contract.digest), text.encode())


def newest_receipt(snapshot: Snapshot) -> Receipt | None:
    """The receipt that was written last, whether a restore undid it or not; None for none."""
    return next(_receipts(snapshot), None)


def published_contract(table: Table, digest: str) -> Contract | None:
    """The contract of a digest, as the table keeps it; custom rules come without their function."""
    found = table.store.find(_path(digest))
    if found is None:
        return None
    try:
        return Contract.from_json(json.loads(found.data))
    except (ValueError, KeyError, TypeError):
        return None


def published_versions(snapshot: Snapshot) -> dict[str, tuple[str, datetime]]:
    """The digest of each version that was published, and when it first was; newest first.

    Of a version that an older Mesh published with several contents, the latest.
    """
    found: dict[str, tuple[str, datetime]] = {}
    for receipt in _receipts(snapshot):
        digest = found.get(receipt.contract_version, (receipt.contract_digest,))[0]
        found[receipt.contract_version] = (digest, receipt.published_at)
    return found


def require_unchanged(product: DataProduct, snapshot: Snapshot | None) -> None:
    """Raise ContractChangedError when a version that is published would get another content.

    So too when the version is lower than the published one: what consumers were given with that
    would silently go. A product that is retired is RetiredError.
    """
    latest = None if snapshot is None else _newest(snapshot)
    if isinstance(latest, RetirementRecord):
        raise retired_error(latest)
    if snapshot is None or latest is None:
        return
    contract, published = product.contract, Version.parse(latest.contract_version)
    if contract.version < published:
        raise _backwards(product, latest)
    if contract.version == published:
        _require_equal(product, snapshot.table, latest)
    else:
        _require_unused(product, snapshot)


def retired_error(retired: RetirementRecord) -> RetiredError:
    """The error for whoever would publish to a retired product."""
    follows = f"publish {retired.successor}, and " if retired.successor else ""
    hint = f"{follows}delete its module, or publish a new major"
    return RetiredError(f"it was {retired}", where=retired.product, hint=hint)


def _newest(snapshot: Snapshot) -> Receipt | RetirementRecord | None:
    """What the log says last of the product: a publication, or its end. Reads no entry twice."""
    for commit in snapshot.commits():
        if (ended := retirement_in(commit)) is not None:
            return ended
        if (receipt := _readable(commit)) is not None:
            return receipt
    return None


def _require_equal(product: DataProduct, table: Table, latest: Receipt) -> None:
    if latest.contract_digest == product.contract.digest:
        return
    known = published_contract(table, latest.contract_digest)
    if known is None or known.digest != product.contract.digest:  # an older Mesh says it otherwise
        raise _changed(product, known, latest)


def _require_unused(product: DataProduct, snapshot: Snapshot) -> None:
    """A version above the latest can have been published by a Mesh that let versions go back."""
    contract = product.contract
    suspects = {}
    for file in snapshot.table.store.list(CONTRACTS_FOLDER):
        digest = file.path.rpartition("/")[2].removesuffix(".json")
        known = published_contract(snapshot.table, digest)
        if known is not None and known.version == contract.version:
            suspects[digest] = known
    if all(known.digest == contract.digest for known in suspects.values()):
        return
    for receipt in _receipts(snapshot):
        if receipt.contract_version == str(contract.version):
            _require_equal(product, snapshot.table, receipt)
            return


def _changed(
    product: DataProduct, known: Contract | None, receipt: Receipt
) -> ContractChangedError:
    version = receipt.contract_version
    found = differing(known, product.contract) if known is not None else Differing((), "minor")
    told = f": {found}" if found.changes else ""
    following = found.following(product.contract.version)
    way = f'version = "{following}"'
    if found.bump == "major":
        way = f"`mesh new version {product.id}`: this breaks consumers, and so is {following}"
    return ContractChangedError(
        f"version {version} of its contract is published with other content{told}",
        where=str(product.id),
        hint=f"{way}; or give version {version} the content that it has",
        version=version,
        changes=found.changes,
        following=str(following),
    )


def _backwards(product: DataProduct, receipt: Receipt) -> ContractChangedError:
    published = Version.parse(receipt.contract_version)
    following = Differing((), "minor").following(published)
    return ContractChangedError(
        f"its contract says version {product.contract.version}, and {published} is published",
        where=str(product.id),
        hint=f"publish what it promises now as {following}, or bring back {published}",
        version=str(product.contract.version),
        following=str(following),
    )


def _receipts(snapshot: Snapshot) -> Iterator[Receipt]:
    """Receipts in the order of the log, newest first."""
    return filter(None, map(_readable, snapshot.commits()))


def _readable(commit: Commit) -> Receipt | None:
    """A commit's receipt; one that cannot be read is passed over."""
    try:
        return receipt_of(commit)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _path(digest: str) -> str:
    return f"{CONTRACTS_FOLDER}/{digest}.json"
