"""Reading an ODCS document: from a file, or from plain values, to a contract.

Owns the order of reading one schema object, and the limits of the file. Every problem is told at
once, each with file, line and path. Reads nothing but the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh.contracts.odcs import structure
from mesh.contracts.odcs.columns import Reader
from mesh.contracts.odcs.keeping import keep_rest
from mesh.contracts.odcs.levels import levels_of
from mesh.contracts.odcs.model import Findings, OdcsContract, Part, ProductOf, Where
from mesh.contracts.yaml_files import FileKind, Path_, line_of, read_yaml
from mesh.errors import ContractDefinitionError, Problem, did_you_mean, near_names

MAX_BYTES = 4_000_000
"""Largest contract that is read, in bytes."""
_KIND = FileKind(
    "contracts",
    MAX_BYTES,
    ContractDefinitionError,
    max_added=100_000,
    is_literal=True,
    if_missing="name a file such as orders.odcs.yaml",
)


def load(path: Path, *, table: str = "", product_of: ProductOf | None = None) -> OdcsContract:
    """The contract of a schema object in a file; `table` may be left out when there is one only.

    `product_of` tells which tables of the document are products. Raises ContractDefinitionError
    that lists every problem.
    """
    document, where = content(path)
    return read(document, table=table, where=where, product_of=product_of)


def content(path: Path) -> tuple[Mapping[str, Any], Where]:
    """What a file says as plain values, and where in it a path stands.

    Raises ContractDefinitionError.
    """
    found, lines = read_yaml(path, _KIND)
    if not isinstance(found, Mapping):
        hint = "a contract begins with apiVersion: v3.1.0"
        raise ContractDefinitionError([Problem("it is no mapping", f"{path}:1", hint)])

    def where(place: Path_) -> str:
        return f"{path}:{line_of(lines, place)}: {'.'.join(place)}".removesuffix(": ")

    return found, where


def tables_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a document's schema objects, in order."""
    return tuple(part.text("name") for part in Part(document).parts("schema") if part.text("name"))


def read(
    document: Mapping[str, Any],
    *,
    table: str = "",
    where: Where | None = None,
    product_of: ProductOf | None = None,
) -> OdcsContract:
    """The contract of a schema object in a document of plain values.

    A document without any schema object is a contract without columns. Raises
    ContractDefinitionError that lists every problem.
    """
    findings = Findings(where or ".".join)
    structure.check(document, findings)
    whole = Part(document)
    chosen = _chosen(whole, table, findings)
    reader = Reader(whole, chosen, findings, product_of or (lambda _: ""))
    contract = reader.contract()
    types = {column.name: column.type for column in contract.columns}
    levels = levels_of(whole, contract.table, types, findings)
    keep_rest(whole, chosen, findings)
    if findings.problems:
        raise ContractDefinitionError(dict.fromkeys(findings.problems))
    return OdcsContract(
        contract=contract,
        partition_by=reader.partition_by(),
        levels=levels,
        kept=tuple(dict.fromkeys(findings.kept)),
        notes=tuple(findings.notes),
    )


def _chosen(document: Part, table: str, findings: Findings) -> Part:
    """The schema object that is meant; an empty one where there is none."""
    found = document.parts("schema")
    names = [part.text("name") for part in found]
    if table:
        chosen = next((part for part in found if part.text("name") == table), None)
        if chosen is None:
            hint = did_you_mean(near_names(table, names)) or f"tables are {', '.join(names)}"
            findings.problem(f"there is no table {table!r}", ("schema",), hint)
        return chosen or Part({}, ("schema",))
    if len(found) > 1:
        hint = f"name one after the file: …odcs.yaml#{names[0]}"
        what = f"it has {len(found)} tables: {', '.join(names)}"
        findings.problem(what, ("schema",), hint)
    return found[0] if found else Part({}, ("schema",))
