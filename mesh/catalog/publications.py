"""Receipts and refusals as rows.

Owns how the evidence of publications is written and read back. A publication is recorded once: the
same receipt again, from a retry or from the lake, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from mesh.catalog import changes, feeds, schema
from mesh.catalog.model import RefusalRecord, Use
from mesh.catalog.profiles import insert_profiles
from mesh.catalog.receipts import InputVersion, Receipt
from mesh.catalog.reported.joining import locate
from mesh.catalog.search.indexing import touch
from mesh.catalog.statements import chunks, pairs_of


def unknown_receipts(connection: Connection, receipts: Iterable[Receipt]) -> list[Receipt]:
    """The receipts that are not recorded yet, each once, in their order."""
    wanted = {receipt.publication_id: receipt for receipt in receipts}
    column = schema.receipts.c.publication_id
    for chunk in chunks(list(wanted)):
        for row in connection.execute(select(column).where(column.in_(chunk))):
            del wanted[row.publication_id]
    return list(wanted.values())


def insert_receipts(connection: Connection, receipts: Iterable[Receipt]) -> int:
    """Write the receipts that are not recorded yet; returns how many these were."""
    now = datetime.now(UTC)
    unknown = unknown_receipts(connection, receipts)
    for receipt in unknown:
        connection.execute(insert(schema.receipts).values(**_receipt_row(receipt, now)))
        if inputs := _input_rows(receipt):
            connection.execute(insert(schema.receipt_inputs), inputs)
    if unknown:
        locate(connection, {receipt.product: receipt.table_url for receipt in unknown}, now)
    feeds.note(connection, unknown)
    changes.tell(connection, _touched(unknown))
    insert_profiles(connection, unknown)
    for product in dict.fromkeys(receipt.product for receipt in unknown):
        touch(connection, product)
    return len(unknown)


def _touched(receipts: Iterable[Receipt]) -> Iterator[changes.Told]:
    """Of which lineage publications tell: what is read of them, by whom, and the newest version."""
    for receipt in receipts:
        yield from (("up", receipt.product), ("node", receipt.product))
        yield from (("down", item.product) for item in receipt.inputs)


def receipts(connection: Connection, product: str, limit: int) -> list[Receipt]:
    """The receipts of a product, newest first: by version, since clocks of machines differ."""
    table, inner = schema.receipts, schema.receipts.alias()
    newest = (  # contents are large: only those that are asked for are sorted
        select(inner.c.publication_id)
        .where(inner.c.product == product)
        .order_by(inner.c.table_version.desc(), inner.c.published_at.desc())
        .limit(limit)
        .subquery()
    )
    found = (
        select(table.c.content)
        .join(newest, newest.c.publication_id == table.c.publication_id)
        .order_by(table.c.table_version.desc(), table.c.published_at.desc())
    )
    return [Receipt.from_json(row.content) for row in connection.execute(found)]


def latest_receipts(connection: Connection, products: Iterable[str]) -> dict[str, Receipt]:
    """The newest receipt of each product that has any."""
    found = _latest(connection, products, schema.receipts.c.content)
    return {product: Receipt.from_json(content) for product, content in found}


def latest_versions(connection: Connection, products: Iterable[str]) -> dict[str, int]:
    """The newest version of each product's table that a receipt is of."""
    return dict(_latest(connection, products, schema.receipts.c.table_version))


def _latest(
    connection: Connection, products: Iterable[str], wanted: ColumnElement[Any]
) -> Iterator[tuple[str, Any]]:
    """A column of the newest receipt of each product that has any."""
    table, inner = schema.receipts, schema.receipts.alias()
    for chunk in chunks(list(products)):
        named = select(table.c.product).where(table.c.product.in_(chunk)).distinct().subquery()
        newest = (
            select(inner.c.publication_id)
            .where(inner.c.product == named.c.product)
            .order_by(inner.c.table_version.desc(), inner.c.published_at.desc())
            .limit(1)
            .correlate(named)
            .scalar_subquery()
        )
        found = select(table.c.product, wanted).select_from(
            named.join(table, table.c.publication_id == newest)
        )
        yield from ((row[0], row[1]) for row in connection.execute(found))


def insert_refusal(connection: Connection, refusal: RefusalRecord) -> None:
    """Write a refusal, unless it is there. A retry that is refused again is another refusal."""
    table = schema.refusals
    known = select(table.c.product).where(
        table.c.publication_id == refusal.publication_id, table.c.refused_at == refusal.refused_at
    )
    if connection.execute(known).first() is None:
        connection.execute(
            insert(table).values(
                publication_id=refusal.publication_id,
                refused_at=refusal.refused_at,
                product=refusal.product,
                contract_version=refusal.contract_version,
                run_id=refusal.run_id,
                partition=refusal.partition,
                content=_refusal_content(refusal),
            )
        )
        touch(connection, refusal.product)


def refusals(connection: Connection, product: str, limit: int) -> list[RefusalRecord]:
    """The refusals of a product, newest first."""
    table = schema.refusals
    found = (
        select(table)
        .where(table.c.product == product)
        .order_by(table.c.refused_at.desc())
        .limit(limit)
    )
    return [refusal_of(row) for row in connection.execute(found)]


def uses(connection: Connection, product: str) -> list[Use]:
    """Publications of others that read a version of a product, newest first."""
    table, receipts = schema.receipt_inputs, schema.receipts
    found = (
        select(receipts.c.product, receipts.c.publication_id, receipts.c.published_at)
        .add_columns(table.c.version)
        .join(receipts, receipts.c.publication_id == table.c.publication_id)
        .where(table.c.upstream == product)
        .order_by(receipts.c.published_at.desc(), receipts.c.table_version.desc())
    )
    newest: dict[str, str] = {}
    result = []
    for row in connection.execute(found):
        latest = newest.setdefault(row.product, row.publication_id)
        is_latest = latest == row.publication_id
        result.append(Use(row.product, row.version, row.published_at, is_latest))
    return result


def latest_uses(connection: Connection, product: str) -> list[Use]:
    """Of each product that read a version of this one its newest publication that did, by name."""
    newest = {
        (edge.downstream, edge.versions[0][0]): [
            up for down, up in edge.versions if down == edge.versions[0][0]
        ]
        for edge in feeds.feeding(connection, [product], "down")
    }
    if not newest:
        return []
    table = schema.receipts
    wanted = pairs_of(connection, list(newest))
    asked = select(table.c.product, table.c.table_version, table.c.published_at).join(
        wanted.table, wanted.are(table.c.product, table.c.table_version)
    )
    at = {(row.product, row.table_version): row.published_at for row in connection.execute(asked)}
    return [
        Use(name, version, at[name, made], is_latest=True)
        for (name, made), versions in sorted(newest.items())
        if (name, made) in at
        for version in versions
    ]


def forget_samples(connection: Connection, product: str, until: datetime | None = None) -> int:
    """Take sample rows, and the texts that quote them, out of a product's refusals.

    Out of those until a moment, where one is given; returns how many had any.
    """
    table = schema.refusals
    is_meant = table.c.product == product
    if until is not None:
        is_meant &= table.c.refused_at <= until
    changed = 0
    for row in connection.execute(select(table).where(is_meant)).all():
        content = without_samples(product, row.content)
        if content == row.content:
            continue
        own = (table.c.publication_id == row.publication_id, table.c.refused_at == row.refused_at)
        connection.execute(update(table).where(*own).values(content=content))
        changed += 1
    return changed


def without_samples(product: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """What a refusal says, without the rows that it quotes; the same of what is so already."""
    verdict = content["verdict"]
    findings = [{**item, "samples": [], "message": ""} for item in verdict["findings"]]
    differences = [{**item, "found": "", "hint": ""} for item in verdict["differences"]]
    bare = {**verdict, "findings": findings, "differences": differences}
    text = "\n".join(f"{product}: {reason}" for reason in verdict["reasons"])
    return {**content, "verdict": bare, "text": text}


def _receipt_row(receipt: Receipt, now: datetime) -> dict[str, Any]:
    return {
        "publication_id": receipt.publication_id,
        "product": receipt.product,
        "contract_version": receipt.contract_version,
        "contract_digest": receipt.contract_digest,
        "run_id": receipt.run_id,
        "partition": receipt.partition,
        "published_at": receipt.published_at,
        "table_version": receipt.table_version,
        "rows_accepted": receipt.rows_accepted,
        "rows_rejected": receipt.rows_rejected,
        "content": receipt.as_json(),
        "recorded_at": now,
    }


def _input_rows(receipt: Receipt) -> list[dict[str, Any]]:
    return [
        {
            "publication_id": receipt.publication_id,
            "position": position,
            "upstream": item.product,
            "version": item.version,
            "port": item.port,
            "columns": list(item.columns) if item.columns is not None else None,
        }
        for position, item in enumerate(receipt.inputs)
    ]


def _refusal_content(refusal: RefusalRecord) -> dict[str, Any]:
    return {
        "publication_id": refusal.publication_id,
        "product": refusal.product,
        "contract_version": refusal.contract_version,
        "run_id": refusal.run_id,
        "partition": refusal.partition,
        "refused_at": refusal.refused_at.isoformat(),
        "verdict": dict(refusal.verdict),
        "inputs": [item.as_json() for item in refusal.inputs],
        "text": refusal.text,
    }


def refusal_of(row: Row[Any]) -> RefusalRecord:
    """The refusal of a row."""
    content = row.content
    return RefusalRecord(
        publication_id=row.publication_id,
        product=row.product,
        contract_version=row.contract_version,
        run_id=row.run_id,
        partition=row.partition,
        refused_at=row.refused_at,
        reasons=tuple(content["verdict"]["reasons"]),
        text=content["text"],
        verdict=content["verdict"],
        inputs=tuple(InputVersion.from_json(item) for item in content["inputs"]),
    )
