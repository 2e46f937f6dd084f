"""`mesh contract import`: an ODCS file becomes a product of a domain.

Owns which files that is: the contract itself, word by word, and a module beside it whose function
is to be filled in. Everything is decided on before the first file is written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.cli.session import Session
from mesh.errors import (
    ContractDefinitionError,
    InvalidNameError,
    MeshError,
    Problem,
    did_you_mean,
    near_names,
)
from mesh.naming import ProductId, product_name_problems

if TYPE_CHECKING:
    from mesh.cli.scaffold import Plan
    from mesh.contracts.model import Contract
    from mesh.contracts.odcs.model import OdcsContract
    from mesh.settings import Settings

_MODULE = '''"""{title}, as {file} promises it."""

import polars as pl

import mesh


@mesh.data_product(contract="{file}{table}")
def {function}() -> pl.LazyFrame:
    """{purpose}"""
    # Read the source here: these are the promised columns, without any rows.
    return pl.LazyFrame(
        schema={{
{columns}
        }}
    )
'''
_TYPES = {
    "int": "pl.Int64",
    "float": "pl.Float64",
    "boolean": "pl.Boolean",
    "date": "pl.Date",
    "timestamp": 'pl.Datetime("us", "UTC")',
    "local_timestamp": 'pl.Datetime("us")',
    "string": "pl.String",
    "binary": "pl.Binary",
    "duration": 'pl.Duration("us")',
}


def import_contract(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The ODCS file, such as orders.odcs.yaml.")],
    *,
    domain: Annotated[str, typer.Option(help="The domain that the product is to be in.")],
    product: Annotated[str, typer.Option(help="The product's name; the table's by default.")] = "",
    table: Annotated[str, typer.Option(help="The table, of a file that has several.")] = "",
) -> None:
    """Make a product of an ODCS file: the contract as it is, and a module to fill in.

    The file is kept word by word; what Mesh enforces of it holds from the first publication on, and
    what it does not is listed. Nothing is written when anything is wrong.
    """
    from mesh.cli.console import say

    settings = Session.of(context).settings()
    found, document = _read(file, table)
    name = _name(product, found.contract, document)
    plan = _planned(file, domain, name, found, settings)
    for path in plan.write():
        shown = path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
        say(f"wrote   {shown}")
    _tell(found, document, domain)
    major = found.contract.version.major
    say(f"next: fill in the function, then `mesh check` and `mesh run {domain}.{name}_v{major}`")


def _read(file: Path, table: str) -> tuple[OdcsContract, dict[str, Any]]:
    from mesh.contracts.odcs.reading import content, read

    document, where = content(file)
    found = read(document, table=table, where=where)
    if not found.contract.columns:
        hint = "a product needs columns: list them in schema, each with a name and a logicalType"
        raise ContractDefinitionError([Problem("it promises no columns", str(file), hint)])
    return found, dict(document)


def _name(asked: str, contract: Contract, document: dict[str, Any]) -> str:
    """The product's name: what was asked for, or the table's as names are written here."""
    if asked:
        if problems := product_name_problems(asked):
            raise InvalidNameError(problems)
        return asked
    said = contract.table or str(document.get("name") or document.get("id") or "")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", said).lower()
    name = re.sub(r"[^a-z0-9]+", "_", snake).strip("_")
    if problems := product_name_problems(name):
        raise InvalidNameError(
            Problem(f"table {said!r} gives no product's name: {p.what}", hint="--product NAME")
            for p in problems
        )
    return name


def _planned(file: Path, domain: str, name: str, found: OdcsContract, settings: Settings) -> Plan:
    from mesh.cli.scaffold import Plan
    from mesh.products.collection import domain_folders, domain_name

    try:
        product = ProductId(domain, name, found.contract.version.major)
    except InvalidNameError as error:
        hint = "a product's first version is 1.0.0: raise the contract's version in a copy of it"
        raise InvalidNameError(
            Problem(p.what, str(file), p.hint or hint) for p in error.problems
        ) from error
    homes = {domain_name(folder, settings): folder for folder in domain_folders(settings)}
    if domain not in homes:
        near = did_you_mean(near_names(domain, homes))
        raise MeshError(
            f"there is no domain {domain!r}", hint=near or f"`mesh new domain {domain}`"
        )
    folder = homes[domain] / "products"
    contract = folder / f"{product.module_name}.odcs.yaml"
    module = _module(product, contract.name, found)
    return Plan(
        {
            contract: file.read_text(encoding="utf-8"),
            folder / f"{product.module_name}.py": module,
        }
    )


def _module(product: ProductId, file: str, found: OdcsContract) -> str:
    contract = found.contract
    tables = contract.document.get("schema") or ()
    purpose = " ".join(contract.description.split()).replace("\\", "").replace('"""', "'''")
    first = (purpose.partition(". ")[0].rstrip(".") or f"Every row of {product.name}")[:90]
    columns = "\n".join(
        f"            {_quoted(column.name)}: {_polars(column.type)},"
        for column in contract.columns
    )
    return _MODULE.format(
        title=product.name.replace("_", " ").capitalize(),
        file=file,
        table=f"#{contract.table}" if len(tables) > 1 else "",
        function=product.module_name,
        purpose=f"{first}.",
        columns=columns,
    )


def _polars(kind: str) -> str:
    """A type as Python writes it in Polars' words."""
    if kind.startswith("decimal("):
        return f"pl.Decimal({kind.removeprefix('decimal(').replace(',', ', ')}"
    if kind.startswith(("list<", "struct<")):
        return _nested(kind)
    word = "int" if kind.startswith("int") else "float" if kind.startswith("float") else kind
    return _TYPES.get(word, "pl.String")


def _nested(kind: str) -> str:
    import polars as pl
    import pyarrow as pa

    from mesh.contracts.arrow import arrow_type

    empty = pl.DataFrame(pa.schema([("x", arrow_type(kind))]).empty_table())
    return _written(empty.schema["x"])


def _written(kind: Any) -> str:
    import polars as pl

    if isinstance(kind, pl.List):
        return f"pl.List({_written(kind.inner)})"
    if isinstance(kind, pl.Struct):
        fields = ", ".join(f"{_quoted(f.name)}: {_written(f.dtype)}" for f in kind.fields)
        return f"pl.Struct({{{fields}}})"
    if isinstance(kind, pl.Datetime):
        return f'pl.Datetime("us", {kind.time_zone!r})'
    if isinstance(kind, pl.Decimal):
        return f"pl.Decimal({kind.precision}, {kind.scale})"
    return f"pl.{kind.base_type().__name__}"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tell(found: OdcsContract, document: dict[str, Any], domain: str) -> None:
    from mesh.cli.console import say
    from mesh.products.odcs_document import told_elsewhere

    enforced = len(found.contract.rules)
    say(f"enforced: {len(found.contract.columns)} columns and {enforced} rules")
    for item in found.kept:
        say(f"kept, not enforced: {item.path}: {item.what}", "dim")
    if elsewhere := told_elsewhere(document):
        say(
            f"stays in the contract: {', '.join(elsewhere)}; who answers for the domain, and its "
            f"terms, are in domains/{domain}/domain.yaml",
            "dim",
        )
