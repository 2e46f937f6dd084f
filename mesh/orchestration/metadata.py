"""What Dagster shows of a product and of a publication.

Owns the projections of contract, domain and receipt: in Dagster's own metadata keys where it has
them, and in `mesh/…` otherwise. The same for a run in Dagster and for a `mesh run` that is reported
to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mesh.contracts.model import Column, Contract
from mesh.lake import Lake
from mesh.naming import ProductId
from mesh.orchestration.endings import end_lines, end_tags, end_texts

if TYPE_CHECKING:
    from mesh.catalog.receipts import InputVersion, Receipt
    from mesh.products.collection import Domain
    from mesh.products.declaration import DataProduct
    from mesh.products.domain import DomainManifest
    from mesh.products.ports import Input

Metadata = Mapping[str, dg.MetadataValue]

PUBLICATION = "mesh/publication"
"""The metadata key of a publication's id."""

_OWN_COLUMN = frozenset({"not_null", "unique"})
_TAG = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_TAG = 63
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_CAREFULNESS = ("public", "internal", "confidential", "personal")


def product_metadata(
    product: DataProduct, domain: Domain, lake: Lake, ending: Sequence[DataProduct] = ()
) -> Metadata:
    """What is known of a product before it runs; `ending` are products it reads that will end."""
    contract, manifest = product.contract, domain.manifest
    url = lake.table(product.id).url
    known: dict[str, dg.MetadataValue] = {
        "dagster/column_schema": dg.MetadataValue.table_schema(column_schema(contract)),
        "dagster/table_name": dg.MetadataValue.text(product.id.sql_name),
        "dagster/uri": dg.MetadataValue.text(url),
        "mesh/contract_version": dg.MetadataValue.text(str(contract.version)),
        "mesh/table": _location(url),
        "mesh/owners": dg.MetadataValue.md(_roles(manifest)),
        "mesh/contact": dg.MetadataValue.text(_contact(manifest)),
        "mesh/access": dg.MetadataValue.text(str(product.access)),
        "mesh/write_mode": dg.MetadataValue.text(product.write.name),
        "mesh/tolerance": dg.MetadataValue.float(product.on_violation.tolerance),
        "mesh/source": dg.MetadataValue.text(product.source),
    }
    optional = {
        "mesh/terms_of_use": manifest.terms.usage,
        "mesh/limitations": manifest.terms.limitations,
        "mesh/inputs": _declared_inputs(product),
        **end_texts(product, ending),
    }
    return {**known, **{name: dg.MetadataValue.md(text) for name, text in optional.items() if text}}


def publication_metadata(receipt: Receipt, lake: Lake) -> Metadata:
    """What a publication made, from its receipt."""
    rows = _rows(receipt, lake)
    count = {} if rows is None else {"dagster/row_count": dg.MetadataValue.int(rows)}
    partition = (
        {"dagster/partition_row_count": dg.MetadataValue.int(receipt.rows_accepted)}
        if receipt.partition
        else {}
    )
    return {
        **count,
        **partition,
        "dagster/uri": dg.MetadataValue.text(receipt.table_url),
        "mesh/rows_published": dg.MetadataValue.int(receipt.rows_accepted),
        "mesh/rows_rejected": dg.MetadataValue.int(receipt.rows_rejected),
        "mesh/rows_deleted": dg.MetadataValue.int(receipt.rows_deleted),
        "mesh/table": _location(receipt.table_url),
        "mesh/table_version": dg.MetadataValue.int(receipt.table_version),
        "mesh/contract_version": dg.MetadataValue.text(receipt.contract_version),
        "mesh/contract_digest": dg.MetadataValue.text(receipt.contract_digest),
        "mesh/base_version": dg.MetadataValue.int(receipt.table_version - 1),
        "mesh/foreign_versions": dg.MetadataValue.md(_foreign_versions(receipt)),
        "mesh/input_versions": dg.MetadataValue.md(_input_versions(receipt)),
        **_notes(receipt),
        **_nulls(receipt),
        PUBLICATION: dg.MetadataValue.text(receipt.publication_id),
        "mesh/run": dg.MetadataValue.text(receipt.run_id),
        "mesh/receipt": dg.MetadataValue.json(receipt.as_json()),
        "mesh/receipt_in_lake": _location(
            f"{receipt.table_url}/_delta_log/{receipt.table_version:020}.json"
        ),
    }


def column_schema(contract: Contract) -> dg.TableSchema:
    """The promised columns with their constraints in words."""
    whole = [rule.text for rule in contract.rules if len(rule.columns) != 1]
    return dg.TableSchema(
        columns=[_column(column, contract) for column in contract.columns],
        constraints=dg.TableConstraints(other=whole),
    )


def description(product: DataProduct, ending: Sequence[DataProduct] = ()) -> str:
    """A product in words: what ends, what it is, and what its contract says a row is."""
    contract = product.contract
    promise = f"**Contract {contract.version}**: {contract.description}".rstrip(": ")
    parts = (*end_lines(product, ending), product.description, promise)
    return "\n\n".join(part for part in parts if part)


def owners(manifest: DomainManifest) -> list[str]:
    """The team, and its product owner when Dagster takes the address."""
    email = manifest.team.product_owner.email
    return [f"team:{manifest.team.name}", *([email] if _EMAIL.fullmatch(email) else [])]


def tags(
    product: DataProduct, domain: Domain, ending: Sequence[DataProduct] = ()
) -> dict[str, str]:
    """Tags to find a product by: Mesh's own, and those of the declaration as Dagster takes them."""
    own = {_tag(name): _tag(value) for name, value in product.tags.items()}
    return (
        own
        | end_tags(product, ending)
        | {
            "mesh/domain": domain.name,
            "mesh/domain_kind": str(domain.manifest.kind),
            "mesh/access": str(product.access),
            "mesh/classification": _classification(product.contract),
        }
    )


def kinds(product: DataProduct) -> set[str]:
    """What makes the product, and what it is kept in."""
    return {"delta", *(("dbt", "duckdb") if product.engine == "dbt" else ("python", "polars"))}


def _column(column: Column, contract: Contract) -> dg.TableColumn:
    rules = contract.rules_of(column.name)
    words = [
        rule.text
        for rule in rules
        if rule.columns == (column.name,) and rule.check not in _OWN_COLUMN
    ]
    key = [f"part of the key ({', '.join(contract.key)})"] if column.is_key else []
    refers = [f"refers to {column.references}"] if column.references else []
    words = [text for text in words if not (column.references and text.endswith(column.references))]
    return dg.TableColumn(
        name=column.name,
        type=column.type,
        description=_column_description(column),
        constraints=dg.TableColumnConstraints(
            nullable=column.is_nullable,
            unique=any(rule.check == "unique" and len(rule.columns) == 1 for rule in rules),
            other=[*key, *words, *refers],
        ),
        tags={"classification": str(column.classification)},
    )


def _column_description(column: Column) -> str:
    parts = [column.description.rstrip("."), f"Unit: {column.unit}" if column.unit else ""]
    parts.append(f"Classification: {column.classification}")
    return ". ".join(part for part in parts if part)


def _classification(contract: Contract) -> str:
    """That of the column to be handled most carefully."""
    return max((str(c.classification) for c in contract.columns), key=_CAREFULNESS.index)


def _rows(receipt: Receipt, lake: Lake) -> int | None:
    """The rows of the table at the version that the publication made; None once it is gone."""
    if receipt.write_mode == "overwrite":
        return receipt.rows_accepted
    snapshot = lake.table(ProductId.parse(receipt.product)).find(receipt.table_version)
    return snapshot.rows if snapshot is not None else None


def _location(url: str) -> dg.MetadataValue:
    return dg.MetadataValue.text(url) if "://" in url else dg.MetadataValue.path(url)


def _roles(manifest: DomainManifest) -> str:
    team = manifest.team
    lines = [f"| {role} | {_cell(person.name)} | {person.email} |" for role, person in team.people]
    return "\n".join([f"{_cell(team.name)}\n", "| role | name | e-mail |", "|---|---|---|", *lines])


def _contact(manifest: DomainManifest) -> str:
    contact = manifest.contact
    return f"{contact.email} {contact.channel}".strip()


def _declared_inputs(product: DataProduct) -> str:
    if not product.inputs:
        return ""
    rows = [
        (_declared_input(port), ", ".join(port.columns or ()) or "all", port.purpose)
        for port in product.inputs.values()
    ]
    lines = [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]
    return "\n".join(["| product | columns | purpose |", "|---|---|---|", *lines])


def _declared_input(port: Input) -> str:
    return f"{port.product} (changes)" if port.incremental else port.product


def _input_versions(receipt: Receipt) -> str:
    if not receipt.inputs:
        return "none"
    lines = [f"| {item.product} | {item.version} | {_read_as(item)} |" for item in receipt.inputs]
    return "\n".join(["| product | version | read as |", "|---|---|---|", *lines])


def _read_as(item: InputVersion) -> str:
    words = item.words or ("input" if item.port else "reference")
    return f"{words}, from {item.environment}" if item.environment else words


def _notes(receipt: Receipt) -> Metadata:
    if not receipt.notes:
        return {}
    text = "\n".join(f"- {_cell(note)}" for note in receipt.notes)
    return {"mesh/notes": dg.MetadataValue.md(text)}


def _nulls(receipt: Receipt) -> Metadata:
    """The shares of nulls in what was published, of the columns that have any. No value is told."""
    profile = receipt.profile
    if profile is None:
        return {}
    found = {c.name: round(profile.null_share(c), 6) for c in profile.columns if c.nulls}
    return {"mesh/null_shares": dg.MetadataValue.json(found)}


def _foreign_versions(receipt: Receipt) -> str:
    """Versions that somebody else wrote since the publication before."""
    if not receipt.foreign:
        return "none"
    lines = [
        f"| {item.version} | {_cell(item.operation)} | {item.committed_at:%Y-%m-%d %H:%M:%S}Z |"
        for item in receipt.foreign
    ]
    return "\n".join(["| version | written by somebody else | at |", "|---|---|---|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _tag(text: str) -> str:
    return _TAG.sub("_", text)[:_LONGEST_TAG]
