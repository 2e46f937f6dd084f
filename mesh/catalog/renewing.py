"""A catalog put in the place of another, and two catalogs compared, table by table.

Owns which tables come from definitions and the lake, and which no lake has: those are kept, or gone
on request. The place is taken in one transaction, so that a crash loses nothing and nobody sees
half. Holds a few rows of either at a time, however many receipts there are. Knows nothing of where
the other catalog comes from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, true

from mesh.catalog import schema, search
from mesh.catalog.database import Database
from mesh.catalog.keyed import Key, Row, batches, key_of, rows_like

DECLARED = (
    schema.domains,
    schema.people,
    schema.products,
    schema.contract_versions,
    schema.columns,
    schema.inputs,
    schema.terms,
    schema.term_links,
    schema.tracings,
    schema.organization,
    schema.policies,
)
"""What definitions say."""
LANDED = (
    schema.receipts,
    schema.receipt_inputs,
    schema.feeds,
    schema.erasures,
    schema.quarantine_events,
    schema.retirements,
    schema.profiles,
)
"""What the lake says."""
ELSEWHERE: Mapping[str, tuple[Table, ...]] = {
    "tokens": (schema.tokens,),
    "refusals": (schema.refusals,),
    "usage": (schema.usage, schema.usage_batches),
    "events": (
        schema.lineage_events,
        schema.jobs,
        schema.job_runs,
        schema.run_datasets,
        schema.job_datasets,
        schema.datasets,
        schema.dataset_columns,
    ),
    "deliveries": (schema.deliveries, schema.delivery_leases, schema.emitted_runs),
    "decisions": (
        schema.decision_log,
        schema.decision_cases,
        schema.agreements,
        schema.separations,
    ),
}
"""What nobody else knows, by the name under which it is carried over."""
ALWAYS_KEPT = frozenset({"decisions"})
"""What is carried over in any case: a log that could be forgotten would prove nothing."""
_CLOCKS = frozenset(
    {
        "registered_at",
        "changed_at",
        "first_seen",
        "last_seen",
        "recorded_at",
        "seen_at",
        "traced_at",
    }
    | {"sequence", "profiled_at"}
)
"""Columns that say when the catalog heard of something; no other catalog has the same."""
_FORMER = (schema.domains, schema.products, schema.contract_versions)
"""Tables whose rows stay when nobody declares them any more. As many as there are definitions."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that two catalogs do not have alike. `columns` are those that differ in it."""

    table: str
    key: str
    is_missing: bool = False
    is_surplus: bool = False
    columns: tuple[str, ...] = ()


def irreplaceable(database: Database) -> dict[str, int]:
    """How many rows there are of what is known from nowhere else."""
    counts = {}
    with database.reading() as connection:
        for name, tables in ELSEWHERE.items():
            counts[name] = sum(
                connection.execute(
                    select(func.count()).select_from(table).where(_is_own(table))
                ).scalar()
                or 0
                for table in tables
            )
    return {name: count for name, count in counts.items() if count}


def take_place(renewed: Database, target: Database, kept: Collection[str]) -> None:
    """Put what definitions and lake say, as another catalog has it, in the place of the target's.

    `kept` names what stays of `ELSEWHERE`, beside `ALWAYS_KEPT`. What was registered once and is
    declared no more, and contracts that were never published, stay in any case.
    """
    forgotten = ELSEWHERE.keys() - {*kept} - ALWAYS_KEPT
    gone = [table for name in forgotten for table in ELSEWHERE[name]]
    with renewed.reading() as new, target.writing() as old:
        former = {table: _by_key(old, table) for table in _FORMER}
        edges = schema.column_edges
        is_reported = edges.c.origin == "reported"
        old.execute(delete(edges).where(true() if "events" not in kept else ~is_reported))
        for table in reversed([*DECLARED, *LANDED]):
            old.execute(delete(table))
        for table in sorted(gone, key=schema.metadata.sorted_tables.index, reverse=True):
            old.execute(delete(table))
        for table in (*DECLARED, *LANDED):
            for batch in batches(new, table):
                old.execute(insert(table), batch)
            if table in former:
                _add_former(old, table, former[table])
        for batch in batches(new, edges):
            old.execute(insert(edges), batch)
        for batch in batches(new, schema.datasets):
            _add_missing(old, schema.datasets, batch)
        search.rebuild(old)


def differences(expected: Database, found: Database) -> Iterator[Difference]:
    """Where a catalog does not say what definitions and the lake say, as the other has it."""
    with expected.reading() as right, found.reading() as here:
        undeclared: set[str] = set(
            here.execute(
                select(schema.products.c.name).where(~schema.products.c.is_declared)
            ).scalars()
        )
        for table in (*DECLARED, *LANDED, schema.column_edges):
            yield from _lacking(table, right, here)
            yield from _surplus(table, right, here, undeclared)


def _lacking(table: Table, right: Connection, here: Connection) -> Iterator[Difference]:
    """Rows that are missing, or say something else."""
    for batch in batches(right, table):
        known = rows_like(here, table, batch)
        for row in batch:
            other = known.get(key_of(table, row))
            if other is None:
                yield Difference(table.name, _told(table, row), is_missing=True)
                continue
            unlike = tuple(name for name in row if name not in _CLOCKS and row[name] != other[name])
            if unlike:
                yield Difference(table.name, _told(table, row), columns=unlike)


def _surplus(
    table: Table, right: Connection, here: Connection, undeclared: set[str]
) -> Iterator[Difference]:
    """Rows that neither definitions nor the lake know of."""
    if table is schema.contract_versions:  # some were never published
        return
    for batch in batches(here, table):
        wanted = rows_like(right, table, batch)
        for row in batch:
            is_former = row.get("product", row.get("name")) in undeclared and table in DECLARED
            is_reported = table is schema.column_edges and row["origin"] == "reported"
            if not (key_of(table, row) in wanted or is_former or is_reported):
                yield Difference(table.name, _told(table, row), is_surplus=True)


def _told(table: Table, row: Row) -> str:
    return "·".join(map(str, key_of(table, row)))


def _by_key(connection: Connection, table: Table) -> dict[Key, Row]:
    return {key_of(table, row): row for batch in batches(connection, table) for row in batch}


def _add_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    known = rows_like(connection, table, rows)
    if missing := [row for row in rows if key_of(table, row) not in known]:
        connection.execute(insert(table), missing)


def _add_former(connection: Connection, table: Table, former: Mapping[Key, Row]) -> None:
    """What stays of before: products that nobody declares, with their domain, and old contracts."""
    rows = list(former.values())
    if table is schema.products:
        rows = [{**row, "is_declared": False} for row in rows]
    if table is schema.contract_versions:
        rows = _numbered_on(connection, rows)
    _add_missing(connection, table, rows)


def _numbered_on(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Contracts that are not there, with numbers after those that are."""
    table = schema.contract_versions
    found = select(table.c.product, func.max(table.c.sequence)).group_by(table.c.product)
    last: dict[str, int] = {row[0]: row[1] for row in connection.execute(found)}
    known = rows_like(connection, table, rows)
    numbered = []
    for row in sorted(rows, key=lambda row: int(row["sequence"])):
        if key_of(table, row) not in known:
            last[row["product"]] = last.get(row["product"], 0) + 1
            numbered.append({**row, "sequence": last[row["product"]]})
    return numbered


def _is_own(table: Table) -> ColumnElement[bool]:
    """Whether a row is known from nowhere else: not the place of a product's table."""
    if table is schema.datasets:
        return table.c.kind != "symlink"
    return true()
