"""Reading an ODCS document: from a file, or from plain values, to a contract.

Owns the order of reading one schema object, and the limits of the file. Every problem is told at
once, each with file, line and path. Reads nothing but the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mesh.contracts.odcs import structure
from mesh.contracts.odcs.columns import Reader
from mesh.contracts.odcs.keeping import keep_rest
from mesh.contracts.odcs.levels import levels_of
from mesh.contracts.odcs.model import Findings, Kept, OdcsContract, Part, ProductOf, Where
from mesh.contracts.yaml_files import FileKind, Path_, line_of, read_yaml
from mesh.errors import ContractDefinitionError, Problem, did_you_mean, near_names

MAX_BYTES = 4_000_000
"""Largest contract that is read, in bytes."""
MAX_ADDED = 100_000
"""How many values a contract's aliases may stand for in all."""
_KIND = FileKind(
    "contracts",
    MAX_BYTES,
    ContractDefinitionError,
    max_added=MAX_ADDED,
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
    findings, of_table = (Findings(where or ".".join) for _ in range(2))
    structure.check(document, findings)
    whole = Part(document)
    found = _read(whole, _chosen(whole, table, findings), of_table, product_of)
    if problems := _together(findings.problems, of_table.problems):
        raise ContractDefinitionError(problems)
    return replace(found, notes=tuple(findings.notes))


def lint(document: Mapping[str, Any], where: Where) -> Findings:
    """Everything that is wrong with a document, and what of it is kept only, in all its tables."""
    findings = Findings(where)
    structure.check(document, findings)
    whole = Part(document)
    kept: list[tuple[Kept, ...]] = []
    seen: dict[str, Part] = {}
    for table in whole.parts("schema") or (Part({}, ("schema",)),):
        name = table.text("name")
        if seen.setdefault(name, table) is table:
            # A table's own problems must not keep those of another from being looked for.
            of_table = Findings(where)
            kept.append(_read(whole, table, of_table, None).kept)
            findings.problems = _together(findings.problems, of_table.problems)
        elif name:
            findings.problem(f"table {name!r} is there twice", table.at("name"), "rename one")
    findings.kept = _kept_by_all(kept)
    return findings


def _kept_by_all(kept: list[tuple[Kept, ...]]) -> list[Kept]:
    """What is kept of each table, and of the document around them what no table uses."""
    paths = [{item.path for item in found} for found in kept]
    everything = dict.fromkeys(item for found in kept for item in found)
    return [
        item
        for item in everything
        if item.path.startswith("schema.") or all(item.path in found for found in paths)
    ]


def _read(
    whole: Part, chosen: Part, findings: Findings, product_of: ProductOf | None
) -> OdcsContract:
    reader = Reader(whole, chosen, findings, product_of or (lambda _: ""))
    contract = reader.contract()
    types = {column.name: column.type for column in contract.columns}
    levels = levels_of(whole, contract.table, types, findings)
    keep_rest(whole, chosen, findings)
    return OdcsContract(
        contract=contract,
        partition_by=reader.partition_by(),
        levels=levels,
        kept=tuple(dict.fromkeys(findings.kept)),
    )


def _together(found: list[Problem], more: list[Problem]) -> list[Problem]:
    """Problems and more of them; of one place only the first."""
    places = {problem.where for problem in found}
    return [*found, *dict.fromkeys(problem for problem in more if problem.where not in places)]


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
