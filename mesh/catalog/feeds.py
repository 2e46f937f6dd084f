"""Which product ever fed which, as one row an edge.

Owns what is kept of all the receipts of an edge, so that following lineage reads as much of a
product that was published ten thousand times as of one that was published twice. Made from
receipts alone: the same, whatever order they come in. Older versions are looked up in receipts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from mesh.catalog import schema
from mesh.catalog.model import Direction
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.catalog.reported.rows import Rows
from mesh.catalog.statements import pairs_of

KEPT = 20
"""Pairs of versions that an edge keeps: a product that is published hourly has thousands."""

Pair = tuple[int, int]
"""A version of the downstream's table, and the upstream's that it was made from."""


def note(connection: Connection, receipts: Sequence[Receipt]) -> None:
    """Add what receipts tell that are recorded now. Twice the same changes nothing."""
    rows = Rows(schema.feeds)
    rows.load(connection, "downstream", [receipt.product for receipt in receipts])
    for receipt in receipts:
        for item in receipt.inputs:
            key = (receipt.product, item.product)
            rows.now[key] = _with(rows.now.get(key) or _new(*key), receipt.table_version, item)
    rows.write(connection)


@dataclass(frozen=True, slots=True)
class Feed:
    """One product feeding another by all receipts. `columns` None means all.

    `versions` are the newest pairs, newest first; `reading` says how the newest publication of
    these read an incremental input.
    """

    downstream: str
    upstream: str
    ports: Sequence[str]
    columns: Sequence[str] | None
    versions: tuple[Pair, ...]
    reading: str


def feeding(
    connection: Connection, products: Sequence[str], direction: Direction
) -> Iterator[Feed]:
    """The edges that end in some products (`up`), or begin in them (`down`)."""
    table = schema.feeds
    end = table.c.downstream if direction == "up" else table.c.upstream
    for row in connection.execute(select(table).where(end.in_(products))).all():
        pairs = tuple((down, up) for down, up in row.versions)
        yield Feed(row.downstream, row.upstream, row.ports, row.columns, pairs, row.reading)


def read_by(
    connection: Connection, publications: Sequence[tuple[str, int]]
) -> list[tuple[str, str, Pair]]:
    """What versions of products were made from, as (upstream, downstream, versions)."""
    if not publications:
        return []
    table, receipts = schema.receipt_inputs, schema.receipts
    wanted = pairs_of(connection, publications)
    asked = (
        select(table.c.upstream, receipts.c.product, receipts.c.table_version, table.c.version)
        .join(receipts, receipts.c.publication_id == table.c.publication_id)
        .join(wanted.table, wanted.are(receipts.c.product, receipts.c.table_version))
    )
    return [
        (row.upstream, row.product, (row.table_version, row.version))
        for row in connection.execute(asked)
    ]


def _new(downstream: str, upstream: str) -> dict[str, Any]:
    return {
        "downstream": downstream,
        "upstream": upstream,
        "ports": [],
        "columns": [],
        "versions": [],
        "reading": "",
    }


def _with(row: dict[str, Any], version: int, item: InputVersion) -> dict[str, Any]:
    """An edge, with one more use of it."""
    pairs = {(down, up) for down, up in row["versions"]}
    latest = max(pairs)[0] if pairs else version
    newest_first = sorted({*pairs, (version, item.version)}, reverse=True)
    before, read = row["columns"], item.columns
    return {
        **row,
        "ports": sorted({*row["ports"], item.port}),
        "columns": None if before is None or read is None else sorted({*before, *read}),
        "versions": [list(pair) for pair in newest_first[:KEPT]],
        "reading": max((latest, row["reading"]), (version, item.words))[1],
    }
