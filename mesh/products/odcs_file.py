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
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mesh.contracts.model import Contract
from mesh.errors import ContractDefinitionError, InvalidNameError, Problem
from mesh.naming import ProductId, product_name_problems, split_versioned
from mesh.products.ports import Freshness
from mesh.products.retention import Retention

if TYPE_CHECKING:
    from mesh.contracts.odcs.model import OdcsContract, Where
    from mesh.products.declaration import DataProduct


_RULES = frozenset({"quality", "relationships", "logicalTypeOptions", "enum", "unique"})


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
        from mesh.contracts.odcs.reading import read

        document, where = _content(self.path, *_state(self.path))
        name, _ = split_versioned(function_name)
        table = self.table or _table_named(name, document)
        itself = self._product(domain, name, document, where)
        found = read(
            document,
            table=table,
            where=where,
            product_of=lambda other: itself if other == table else "",
        )
        if not found.contract.columns:
            hint = "list its columns in schema, each with a name and a logicalType"
            raise ContractDefinitionError([Problem("it promises no columns", where(()), hint)])
        return found

    def _product(self, domain: str, name: str, document: Mapping[str, Any], where: Where) -> str:
        """The product's name; empty where it can have none, of which the declaration tells."""
        from mesh.contracts.odcs.columns import version_of

        found = version_of(str(document.get("version", "")))
        if found is None or product_name_problems(name):
            return ""
        try:
            return str(ProductId(domain, name, found.major))
        except InvalidNameError as error:
            hint = "a product's first version is 1.0.0"
            raise ContractDefinitionError(
                [Problem(p.what, where(("version",)), hint) for p in error.problems]
            ) from error


@lru_cache(maxsize=16)
def _content(path: Path, *_: int) -> tuple[Mapping[str, Any], Where]:
    """What a file says, read once however many products it has, until it changes."""
    from mesh.contracts.odcs.reading import content

    return content(path)


def _state(path: Path) -> tuple[int, ...]:
    """What moves when a file is written; nothing of one that cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_size, found.st_ino)


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


def unenforced(product: DataProduct) -> list[Problem]:
    """Promises of a product's document that look like rules, and that nobody holds data against."""
    from mesh.contracts.odcs.model import FOR_PEOPLE

    return [
        Problem(f"kept, not enforced: {item.what}", f"{product.source}: {product.id}, {item.path}")
        for item in product.kept
        if item.what != FOR_PEOPLE and "*" not in item.path and _RULES & set(item.path.split("."))
    ]


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
    """The only table, or the one of the product's name; empty for no telling."""
    from mesh.contracts.odcs.model import Part

    tables = Part(document).parts("schema")
    if len(tables) == 1:
        return tables[0].text("name")
    for key in ("name", "physicalName"):
        for table in tables:
            if _plain(table.text(key)) == _plain(product):
                return table.text("name")
    return ""


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
