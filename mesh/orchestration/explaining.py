"""Why a row is what it is: its publication, what the rules said, and what it was made from.

Owns the one answer to "may I trust this number": the row's origin in the lake, its publication's
receipt, the versions below it, and everything that is known to speak against it. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from mesh.catalog.receipts import Receipt, RuleTally
from mesh.catalog.store import Catalog
from mesh.catalog.version_lineage import MadeVersion
from mesh.contracts import wording
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import MeshError, NotPublishedError
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct
from mesh.publishing.replaying import rules_of_rows
from mesh.publishing.trial import Trial
from mesh.reading.filtering import filtered
from mesh.reading.origin import RowOrigin, origin_of

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row, and where it comes from.

    `version` has the row. `broken` are rules of the contract as it is today that the row breaks.
    `made_from` begins with the version of the row's publication. `doubts` is everything that is
    known to speak against it; empty when nothing is.
    """

    product: str
    key: Mapping[str, Any]
    row: Mapping[str, Any]
    version: int
    origin: RowOrigin
    broken: tuple[Finding, ...]
    made_from: tuple[MadeVersion, ...]
    doubts: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The explanation as plain values."""
        receipt = self.origin.receipt
        return {
            "product": self.product,
            "key": dict(self.key),
            "row": dict(self.row),
            "version": self.version,
            "written_by": {
                "version": self.origin.commit.version,
                "operation": self.origin.commit.operation,
                "committed_at": self.origin.commit.timestamp,
                "may_be_older": self.origin.is_latest_possible,
            },
            "publication": receipt.as_json() if receipt else None,
            "broken": [finding.as_json() for finding in self.broken],
            "made_from": [item.as_json() for item in self.made_from],
            "doubts": list(self.doubts),
        }


def explain(
    product: DataProduct, workspace: Workspace, condition: str, version: int | None = None
) -> Explanation:
    """Explain the one row of a keyed product for which a SQL condition holds.

    Raises MeshError for a product without a key, and for a condition that holds for no row or for
    several; NotPublishedError, UnknownColumnError and what reading raises.
    """
    name, key = str(product.id), product.contract.key
    if not key:
        hint = f"`mesh lineage {name} --version N` tells of all rows of a version"
        what = "it has no key: rows cannot be told from each other"
        raise MeshError(what, where=name, hint=hint)
    table = workspace.lake.home_of(product.id).table(product.id)
    snapshot = table.snapshot(version)
    row = _only_row(snapshot.promised(), condition, key, name)
    values = row.row(0, named=True)
    found = {column: values[column] for column in key}
    origin = origin_of(table, snapshot.version, found)
    made = _made_from(workspace.catalog, name, origin)
    broken = _broken(product, row, workspace)
    doubts = (*_doubts(origin, made, broken), *_of_today(product, origin, made, workspace.catalog))
    return Explanation(name, found, values, snapshot.version, origin, broken, made, doubts)


def _only_row(rows: pl.LazyFrame, condition: str, key: Sequence[str], name: str) -> pl.DataFrame:
    found = filtered(rows, condition, name).head(_MOST_SHOWN + 1).collect(engine="streaming")
    if found.height == 1:
        return found
    if not found.height:
        hint = f"`mesh read {name} --where …` shows rows"
        raise MeshError(f"--where {condition!r} holds for no row", where=name, hint=hint)
    keys = [_as_condition(row) for row in found.select(key).head(2).to_dicts()]
    many = "several rows" if found.height <= _MOST_SHOWN else f"more than {_MOST_SHOWN} rows"
    raise MeshError(
        f"--where {condition!r} holds for {many}",
        where=name,
        hint=f"name one of them by its key, such as --where {' or --where '.join(keys)}",
    )


def _as_condition(key: Mapping[str, Any]) -> str:
    """A key as the SQL condition that means its row, in quotes for a shell."""
    told = (
        f"{name} = {value}" if isinstance(value, int | float) else f"{name} = '{value}'"
        for name, value in key.items()
    )
    return f'"{" and ".join(told)}"'


def _made_from(catalog: Catalog, name: str, origin: RowOrigin) -> tuple[MadeVersion, ...]:
    """What the publication read, and so on; of the publication alone, not of those before it."""
    if origin.receipt is None:
        return ()
    try:
        first, *below = catalog.made_from(name, origin.commit.version)
    except NotPublishedError:  # the catalog is behind the lake
        return (MadeVersion(name, origin.commit.version, 0, (origin.receipt,)),)
    own = MadeVersion(name, first.version, 0, (origin.receipt,))
    wanted, kept = set(own.inputs), [own]
    for item in below:
        if (item.product, item.version) in wanted:
            kept.append(item)
            wanted |= set(item.inputs)
    return tuple(kept)


def _broken(product: DataProduct, row: pl.DataFrame, workspace: Workspace) -> tuple[Finding, ...]:
    """Rules on rows that the row breaks, under the contract as it is today."""
    contract = rules_of_rows(product.contract)
    trial = Trial(
        product, contract, workspace.settings.publishing, can_quarantine=True, tolerance=1
    )
    known = [name for name in contract.column_names if name in row.columns]
    if len(known) < len(contract.column_names):  # of an earlier contract
        return ()
    judged = trial.judge(row.select(known), row.lazy().select(known))
    return tuple(f for f in judged.verdict.failures if f.rule.check != "references")


def _doubts(
    origin: RowOrigin, made: Sequence[MadeVersion], broken: Sequence[Finding]
) -> Iterator[str]:
    if origin.receipt is None:
        commit = origin.commit
        yield (
            f"version {commit.version} was written by somebody else, past Mesh: {commit.operation}"
        )
    if origin.is_latest_possible:
        yield "versions before it cannot be read any more: the row may be older"
    for finding in broken:
        yield f"it breaks a rule of today's contract: {finding.rule.text}"
    for item in made:
        for receipt in item.publications:
            yield from _of_publication(receipt)


def _of_publication(receipt: Receipt) -> Iterator[str]:
    where = f"{receipt.product} version {receipt.table_version}"
    if receipt.rows_rejected:
        is_one = receipt.rows_rejected == 1
        rows = wording.rows(receipt.rows_rejected)
        yield f"{where}: {rows} {'was' if is_one else 'were'} rejected: see its quarantine"
    for tally in receipt.tallies:
        if tally.outcome is not Outcome.PASSED and not _is_told_as_rejected(tally, receipt):
            failed = f" by {wording.rows(tally.failed)}" if tally.failed else ""
            yield f"{where}: `{tally.text}` was not kept{failed} ({tally.severity})"
    if receipt.foreign:
        yield f"{where}: {len(receipt.foreign)} versions before it were written past Mesh"
    if receipt.replay is not None:
        yield f"{where}: rows had waited in quarantine, replayed by {receipt.replay.replayed_by}"


def _is_told_as_rejected(tally: RuleTally, receipt: Receipt) -> bool:
    return tally.severity.value == "error" and receipt.rows_rejected > 0


def _of_today(
    product: DataProduct, origin: RowOrigin, made: Sequence[MadeVersion], catalog: Catalog
) -> Iterator[str]:
    """What happened since: newer versions of what it was made from, an end, a missed promise."""
    receipt = origin.receipt
    if receipt is not None and receipt.contract_digest != product.contract.digest:
        now = product.contract.version
        yield f"it was published under contract {receipt.contract_version}, which is {now} by now"
    if receipt is not None and receipt.code_version != product.code_version:
        yield "the product's code is another by now"
    if product.freshness is not None and receipt is not None:
        due = receipt.published_at + product.freshness.duration
        if due < datetime.now(UTC):
            yield f"it is older than promised: within {product.freshness.within}"
    for name, version in dict.fromkeys(pair for item in made for pair in item.inputs):
        latest = catalog.latest_receipt(name)
        if latest is not None and latest.table_version > version:
            yield f"{name} was published again since: version {latest.table_version}"
    if (ended := catalog.retirements().get(str(product.id))) is not None:
        yield f"the product has {ended}"
