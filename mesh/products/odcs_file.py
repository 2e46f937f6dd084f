"""Products whose contract is an ODCS file beside their module.

Owns which file and which of its tables a declaration means, what of the document becomes the
product's terms, and how tables of one document that are products find each other. Reading is
`contracts.odcs`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh.contracts.model import Contract
from mesh.errors import ContractDefinitionError, Problem
from mesh.naming import ProductId, split_versioned
from mesh.products.ports import Freshness
from mesh.products.retention import Retention

if TYPE_CHECKING:
    from mesh.contracts.odcs.model import OdcsContract
    from mesh.products.declaration import DataProduct


@dataclass(frozen=True, slots=True)
class OdcsFile:
    """A file, and the table in it that is named after `#`; empty where none is."""

    path: Path
    table: str = ""

    @classmethod
    def of(cls, declared: str | Path, function: Callable[..., Any]) -> OdcsFile:
        """The file that a declaration means: a relative path begins at the function's module."""
        text, _, table = str(declared).partition("#")
        source = inspect.getsourcefile(inspect.unwrap(function))
        home = Path(source).resolve().parent if source else Path.cwd()
        return cls(home / text, table)

    def contract(self, domain: str, function_name: str) -> OdcsContract:
        """The contract of a product with that function. Raises ContractDefinitionError."""
        from mesh.contracts.odcs.reading import content, read

        document, where = content(self.path)
        name, _ = split_versioned(function_name)
        table = self.table or _table_named(name, document)
        found = read(document, table=table, where=where)
        if not found.contract.columns:
            hint = "list its columns in schema, each with a name and a logicalType"
            raise ContractDefinitionError([Problem("it promises no columns", where(()), hint)])
        itself = str(ProductId(domain, name, max(found.contract.version.major, 1)))
        own = found.contract.table
        # Only now is the major known, and with it the name that the table's own columns refer to.
        return read(
            document,
            table=own,
            where=where,
            product_of=lambda other: itself if other == own else "",
        )


def terms_of(found: OdcsContract, options: Mapping[str, Any]) -> dict[str, Any]:
    """A declaration's options, with what the document says where they say nothing."""
    levels, taken = found.levels, dict(options)
    taken["partition_by"] = options["partition_by"] or found.partition_by
    if options["freshness"] is None and levels.freshness:
        taken["freshness"] = Freshness(levels.freshness)
    if options["retention"] is None and levels.retention:
        taken["retention"] = Retention(levels.retention, levels.retention_column)
    return taken


def promised_text(contract: Contract) -> str:
    """What a document says of one table, whatever its comments, and what it says of others."""
    own = {key: value for key, value in contract.as_json().items() if key != "document"}
    return json.dumps(own, sort_keys=True)


def connected(products: Sequence[DataProduct]) -> list[DataProduct]:
    """The products of a domain, with relationships between tables of one document as references."""
    return [_connected(product, products) for product in products]


def _connected(product: DataProduct, products: Sequence[DataProduct]) -> DataProduct:
    document = product.contract.document
    if not document or len(document.get("schema") or ()) < 2:  # noqa: PLR2004 -- itself, and another
        return product
    from mesh.contracts.odcs.reading import read

    known = {
        other.contract.table: str(other.id)
        for other in reversed(products)
        if other.contract.document == document
    } | {product.contract.table: str(product.id)}
    found = read(
        document, table=product.contract.table, product_of=lambda table: known.get(table, "")
    )
    return replace(product, contract=found.contract, kept=found.kept)


def _table_named(product: str, document: Mapping[str, Any]) -> str:
    """The table that has the product's name, in any case of letters; empty for no telling."""
    from mesh.contracts.odcs.model import Part

    tables = Part(document).parts("schema")
    if len(tables) < 2:  # noqa: PLR2004 -- there is nothing to choose
        return ""
    for key in ("name", "physicalName"):
        for table in tables:
            if _plain(table.text(key)) == _plain(product):
                return table.text("name")
    return ""


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
