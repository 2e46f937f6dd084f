"""One catalog's history into another that has a history of its own.

Owns what a merge promises: what is there is left, what is new is added, and what contradicts is
listed as a whole before anything is written. What an erasure removed from one of the two is in
neither afterwards, and what upkeep removed from the target does not come back. It is one
transaction of the target, so that a merge which is cut leaves the target as it was, and the same
again changes nothing. Tokens and events that wait for receivers stay where they are: the first
would let strangers in, and the source delivers the second itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from mesh.catalog import feeds, schema, search
from mesh.catalog.database import Database
from mesh.catalog.keyed import Row, batches, key_of, rows_like
from mesh.catalog.merging.definitions import add_domains
from mesh.catalog.merging.evidence import (
    EVIDENCE,
    add_contracts,
    compared,
    contract_conflicts,
    evidence_conflicts,
)
from mesh.catalog.merging.forgetting import Erased
from mesh.catalog.migrating import migrate
from mesh.catalog.receipts import Receipt
from mesh.catalog.reported.event import ReportedEvent, read_event
from mesh.catalog.reported.joining import locate
from mesh.catalog.reported.taking import insert_events
from mesh.catalog.statements import chunks
from mesh.errors import CatalogsContradictError


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: rows that it added, by table, and from how many it took erased values."""

    added: Mapping[str, int]
    forgotten: int


def merge(source: Database, target: Database) -> Merged:
    """Add what the target lacks, but for what an erasure removed; and let that go there, too.

    Raises CatalogsContradictError with everything that the two say differently.
    """
    migrate(source)
    migrate(target)
    with source.reading() as here, target.writing() as there:
        erased = Erased.of(here, there)
        conflicts = [*contract_conflicts(here, there), *evidence_conflicts(here, there, erased)]
        if conflicts:
            raise CatalogsContradictError(conflicts, where=target.where)
        added = {"products": add_domains(here, there)}
        added["contract_versions"] = add_contracts(here, there)
        added |= {table.name: _add_evidence(here, there, table, erased) for table in EVIDENCE}
        added["usage"] = _add_usage(here, there)
        added["lineage_events"] = _add_events(here, there)
        forgotten = erased.forget(there) + _forget_alike(here, there, erased)
        if any(added.values()):
            search.rebuild(there)
        return Merged(added, forgotten)


def _add_evidence(here: Connection, there: Connection, table: Table, erased: Erased) -> int:
    added = 0
    for batch in compared(here, there, table, erased):
        allowed = erased.allowed(there, table, batch.missing)
        if not allowed:
            continue
        there.execute(insert(table), allowed)
        added += len(allowed)
        if table is schema.receipts:
            _add_inputs(here, there, allowed)
    return added


def _forget_alike(here: Connection, there: Connection, erased: Erased) -> int:
    """Refusals that came while rows were erased from the source: it has them without samples."""
    table, gone = schema.refusals, 0
    for batch in compared(here, there, table, erased) if erased.last else ():
        for row in batch.erased:
            own = [column == row[column.name] for column in table.primary_key.columns]
            there.execute(update(table).where(*own).values(content=row["content"]))
        gone += len(batch.erased)
    return gone


def _add_inputs(here: Connection, there: Connection, receipts: Sequence[Row]) -> None:
    """What publications read, which edges that makes, and where their tables lie."""
    table = schema.receipt_inputs
    for chunk in chunks([row["publication_id"] for row in receipts]):
        found = here.execute(select(table).where(table.c.publication_id.in_(chunk))).mappings()
        if rows := [dict(row) for row in found]:
            there.execute(insert(table), rows)
    feeds.note(there, [Receipt.from_json(row["content"]) for row in receipts])
    ordered = sorted(receipts, key=lambda row: int(row["table_version"]))
    places = {row["product"]: row["content"]["table_url"] for row in ordered}
    locate(there, places, max(row["recorded_at"] for row in receipts))


def _add_usage(here: Connection, there: Connection) -> int:
    """Counts of reads; where both counted, the larger count, which is the same however often."""
    table, added = schema.usage, 0
    for batch in batches(here, table):
        known = rows_like(there, table, batch)
        new = [row for row in batch if key_of(table, row) not in known]
        if new:
            there.execute(insert(table), new)
        added += len(new)
        for row in batch:
            other = known.get(key_of(table, row))
            if other is not None and other["reads"] < row["reads"]:
                own = [column == row[column.name] for column in table.primary_key.columns]
                last = max(row["last_read_at"], other["last_read_at"])
                values = {"reads": row["reads"], "last_read_at": last}
                there.execute(update(table).where(*own).values(values))
                added += 1
    return added


def _add_events(here: Connection, there: Connection) -> int:
    """Events of other producers, taken in as they once were; and Mesh's own, which are only kept.

    What events made is not copied: it follows from all events together, in any order.
    """
    table, added = schema.lineage_events, 0
    for batch in batches(here, table):
        for chunk in chunks(batch):
            known = rows_like(there, table, chunk)
            new = [row for row in chunk if key_of(table, row) not in known]
            read = [(row, _taken(row)) for row in new]
            reported = [event for _, event in read if event is not None]
            if own := [row for row, event in read if event is None]:
                there.execute(insert(table), own)
            if reported:
                insert_events(there, reported, max(row["received_at"] for row in new))
                _receive(there, [row for row, event in read if event is not None])
            added += len(new)
    return added


def _taken(row: Row) -> ReportedEvent | None:
    """The event that a row was taken from; None for one that was only kept."""
    received_at: datetime = row["received_at"]
    found = read_event(row["content"], received_at)
    is_same = isinstance(found, ReportedEvent) and found.id == row["id"]
    return found if is_same and isinstance(found, ReportedEvent) else None


def _receive(there: Connection, rows: Sequence[Row]) -> None:
    """Let events have come in when they did."""
    table = schema.lineage_events
    change = update(table).where(table.c.id == bindparam("of"))
    moments = [{"of": row["id"], "then": row["received_at"]} for row in rows]
    there.execute(change.values(received_at=bindparam("then")), moments)
