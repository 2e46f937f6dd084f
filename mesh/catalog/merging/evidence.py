"""Evidence and contracts of one catalog beside those of another: what is new, what contradicts.

Owns by which key a row is the same in two catalogs, and when two rows of one key say the same.
Holds a few rows at a time. Writes evidence and contracts that the target lacks, and changes no
other, except for the numbers of contracts, which each catalog gives in the order in which it saw
them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from mesh.catalog import schema
from mesh.catalog.keyed import Row, batches, key_of, rows_like
from mesh.catalog.merging.forgetting import Erased, bare
from mesh.catalog.statements import chunks
from mesh.errors import Problem

EVIDENCE = (
    schema.profiles,
    schema.receipts,
    schema.refusals,
    schema.erasures,
    schema.quarantine_events,
    schema.retirements,
)
"""Tables of rows that never change once they are written, except by an erasure. Profiles come
before receipts: of a publication that the target knows, a profile that it lacks was removed."""
_CLOCKS = frozenset({"recorded_at", "profiled_at"})
"""Columns that say when a catalog heard of something."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Some rows of the source: those that the target lacks, and those that it has otherwise.

    `erased` are those that differ only by what an erasure took out of the source.
    """

    missing: list[Row]
    unlike: list[Row]
    erased: list[Row]


def compared(
    here: Connection, there: Connection, table: Table, erased: Erased
) -> Iterator[Compared]:
    """A table of evidence, batch by batch. What was erased from a refusal is no difference."""
    for batch in batches(here, table):
        known = rows_like(there, table, batch)
        found = [(row, known.get(key_of(table, row))) for row in batch]
        pairs = [(row, other) for row, other in found if other is not None]
        unlike = [pair for pair in pairs if _said(pair[0]) != _said(pair[1])]
        is_refused = table is schema.refusals
        told = [(row, is_refused and erased.is_same(row, other)) for row, other in unlike]
        yield Compared(
            [row for row, other in found if other is None],
            [row for row, is_same in told if not is_same],
            [row for row, is_same in told if is_same and row == bare(row)],
        )


def evidence_conflicts(here: Connection, there: Connection, erased: Erased) -> Iterator[Problem]:
    """Rows of one key that say different things."""
    for table in EVIDENCE:
        for batch in compared(here, there, table, erased):
            for row in batch.unlike:
                key = " ".join(map(str, key_of(table, row)))
                yield Problem(f"{key} has another content", f"{row['product']}: {table.name}")


def contract_conflicts(here: Connection, there: Connection) -> Iterator[Problem]:
    """Versions under which the two catalogs know different contracts.

    Where one knows all that the other knows, and more, it is the same history, read further.
    """
    ours, theirs = _digests(here), _digests(there)
    for (product, version), digests in sorted(ours.items()):
        known = theirs.get((product, version), digests)
        if not (digests <= known or known <= digests):
            what = f"version {version} is another contract"
            yield Problem(what, f"{product}: contract_versions")


def add_contracts(here: Connection, there: Connection) -> int:
    """Write contracts that the target lacks, and number every history anew that has grown."""
    table = schema.contract_versions
    grown: set[str] = set()
    added = 0
    for batch in batches(here, table):
        known = rows_like(there, table, batch)
        new = [row for row in batch if key_of(table, row) not in known]
        earlier = [
            row
            for row in batch
            if (other := known.get(key_of(table, row))) and row["first_seen"] < other["first_seen"]
        ]
        for row in earlier:
            there.execute(_contract(row).values(first_seen=row["first_seen"]))
        last = _last_numbers(there, {row["product"] for row in new})
        for row in sorted(new, key=lambda row: (row["product"], row["sequence"])):
            last[row["product"]] += 1
            there.execute(insert(table).values({**row, "sequence": last[row["product"]]}))
        grown |= {row["product"] for row in (*new, *earlier)}
        added += len(new)
    for product in sorted(grown):
        _number(there, product)
    return added


def _contract(row: Row) -> Any:
    table = schema.contract_versions
    return update(table).where(table.c.product == row["product"], table.c.digest == row["digest"])


def _last_numbers(there: Connection, products: set[str]) -> dict[str, int]:
    table = schema.contract_versions
    last: dict[str, int] = defaultdict(int)
    for chunk in chunks(sorted(products)):
        asked = select(table.c.product, table.c.sequence).where(table.c.product.in_(chunk))
        for row in there.execute(asked):
            last[row.product] = max(last[row.product], row.sequence)
    return last


def _number(there: Connection, product: str) -> None:
    """Number a product's contracts in the order in which they were first seen anywhere."""
    table = schema.contract_versions
    asked = select(table.c.digest, table.c.sequence).where(table.c.product == product)
    found = there.execute(asked.order_by(table.c.first_seen, table.c.sequence)).all()
    moved = [
        {"of": row.digest, "now": number}
        for number, row in enumerate(found, 1)
        if row.sequence != number
    ]
    if not moved:
        return
    change = update(table).where(table.c.product == product, table.c.digest == bindparam("of"))
    # Twice, since no two may have one number meanwhile.
    there.execute(change.values(sequence=-bindparam("now", type_=table.c.sequence.type)), moved)
    there.execute(change.values(sequence=bindparam("now")), moved)


def _digests(connection: Connection) -> dict[tuple[str, str], set[str]]:
    table = schema.contract_versions
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in connection.execute(select(table.c.product, table.c.version, table.c.digest)):
        found[row.product, row.version].add(row.digest)
    return found


def _said(row: Row) -> str:
    """What a row says, in a form in which a sample's NaN equals itself."""
    told = {name: value for name, value in row.items() if name not in _CLOCKS}
    return json.dumps(told, sort_keys=True, default=str)
