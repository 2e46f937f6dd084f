"""A catalog put in the place of another, and two catalogs compared, table by table.

Owns which tables come from definitions and the lake, and which no lake has: those are kept, or gone
on request. The place is taken in one transaction, so that a crash loses nothing and nobody sees
half. Knows nothing of where the other catalog comes from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, true

from mesh.catalog import schema, search
from mesh.catalog.database import Database

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
}
"""What nobody else knows, by the name under which it is carried over."""
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
_AT_ONCE = 1_000

Row = dict[str, Any]


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

    `kept` names what stays of `ELSEWHERE`. What was registered once and is declared no more, and
    contracts that were never published, stay in any case.
    """
    gone = [table for name in ELSEWHERE if name not in kept for table in ELSEWHERE[name]]
    with renewed.reading() as new, target.writing() as old:
        former = {table.name: _rows(old, table) for table in DECLARED}
        edges = schema.column_edges
        is_reported = edges.c.origin == "reported"
        old.execute(delete(edges).where(true() if "events" not in kept else ~is_reported))
        for table in reversed([*DECLARED, *LANDED]):
            old.execute(delete(table))
        for table in sorted(gone, key=schema.metadata.sorted_tables.index, reverse=True):
            old.execute(delete(table))
        for table in (*DECLARED, *LANDED):
            _add(old, table, _rows(new, table))
            _add_former(old, table, former.get(table.name, {}))
        _add(old, edges, _rows(new, edges))
        _add_missing(old, schema.datasets, _rows(new, schema.datasets))
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
            wanted, known = _rows(right, table), _rows(here, table)
            yield from _between(table, wanted, known, undeclared)


def _between(
    table: Table, wanted: Mapping[str, Row], known: Mapping[str, Row], undeclared: set[str]
) -> Iterator[Difference]:
    for key, row in wanted.items():
        if key not in known:
            yield Difference(table.name, key, is_missing=True)
            continue
        unlike = tuple(
            name for name in row if name not in _CLOCKS and row[name] != known[key][name]
        )
        if unlike:
            yield Difference(table.name, key, columns=unlike)
    for key in known.keys() - wanted.keys():
        row = known[key]
        is_history = table is schema.contract_versions
        is_former = row.get("product", row.get("name")) in undeclared and table in DECLARED
        is_reported = table is schema.column_edges and row["origin"] == "reported"
        if not (is_history or is_former or is_reported):
            yield Difference(table.name, key, is_surplus=True)


def _rows(connection: Connection, table: Table) -> dict[str, Row]:
    """Every row, by its key as text."""
    primary = [column.name for column in table.primary_key.columns]
    found = connection.execute(select(table)).mappings()
    return {"·".join(str(row[name]) for name in primary): dict(row) for row in found}


def _add(connection: Connection, table: Table, rows: Mapping[str, Row]) -> None:
    values = list(rows.values())
    for start in range(0, len(values), _AT_ONCE):
        connection.execute(insert(table), values[start : start + _AT_ONCE])


def _add_missing(connection: Connection, table: Table, rows: Mapping[str, Row]) -> None:
    known = _rows(connection, table)
    _add(connection, table, {key: row for key, row in rows.items() if key not in known})


def _add_former(connection: Connection, table: Table, former: Mapping[str, Row]) -> None:
    """What stays of before: products that nobody declares, with their domain, and old contracts."""
    if table is schema.products:
        rows = {k: {**r, "is_declared": False} for k, r in former.items()}
    elif table in {schema.domains, schema.contract_versions}:
        rows = dict(former)
    else:
        return
    if table is schema.contract_versions:
        rows = _numbered_on(connection, rows)
    _add_missing(connection, table, rows)


def _numbered_on(connection: Connection, rows: Mapping[str, Row]) -> dict[str, Row]:
    """Contracts with numbers after those that are there."""
    table = schema.contract_versions
    found = select(table.c.product, func.max(table.c.sequence)).group_by(table.c.product)
    last: dict[str, int] = {row[0]: row[1] for row in connection.execute(found)}
    known = _rows(connection, table)
    numbered = {}
    for key, row in sorted(rows.items(), key=lambda item: item[1]["sequence"]):
        if key not in known:
            last[row["product"]] = last.get(row["product"], 0) + 1
            numbered[key] = {**row, "sequence": last[row["product"]]}
    return numbered


def _is_own(table: Table) -> ColumnElement[bool]:
    """Whether a row is known from nowhere else: not the place of a product's table."""
    if table is schema.datasets:
        return table.c.kind != "symlink"
    return true()
