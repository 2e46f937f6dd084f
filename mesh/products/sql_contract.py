"""The contract of a SQL product: in its YAML, or in a Pandera model beside it.

Owns the choice between the two, and the loading of the Pandera model by its file. Refuses a promise
that is written in both.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from mesh.contracts import dbt
from mesh.contracts.model import Contract, Version
from mesh.contracts.pandera import Contract as ContractModel
from mesh.contracts.pandera import load as load_pandera
from mesh.contracts.rules import RowCount
from mesh.errors import (
    ContractDefinitionError,
    DefinitionError,
    DomainImportError,
    Problem,
    did_you_mean,
    near_names,
)
from mesh.naming import split_versioned
from mesh.products.dbt_files import Properties
from mesh.products.sql_terms import ProductModel, ProductTerms

_TERMS = ("config", "meta", "mesh")
_REFERENCE = re.compile(r"(?P<module>[A-Za-z_]\w*):(?P<name>[A-Za-z_]\w*)")


def contract_of(declared: ProductModel, properties: Properties, folder: Path) -> Contract:
    """The contract of a model whose SQL lies in `folder`.

    Raises DefinitionError that lists every problem.
    """
    if declared.terms.contract:
        return _from_pandera(declared, properties, folder)
    return _from_yaml(declared, properties)


def _from_yaml(declared: ProductModel, properties: Properties) -> Contract:
    problems = []
    if not declared.is_enforced:
        place = properties.where(["config", "contract"])
        hint = "config: {contract: {enforced: true}}"
        problems.append(Problem("dbt does not enforce the contract", place, hint))
    version = Version(1, 0, 0)
    try:
        version = Version.parse(declared.terms.version)
    except ValueError as error:
        place = properties.where([*_TERMS, "version"])
        problems.append(Problem(str(error), place, 'write version: "1.0.0"'))
    rows = declared.terms.row_count
    try:
        contract = dbt.load(
            declared,
            name=_class_name(declared.name),
            version=version,
            rows=RowCount(rows.at_least, rows.at_most) if rows else None,
            stated=declared.terms.rules,
            where=properties.where,
        )
    except DefinitionError as error:
        problems += error.problems
    if problems:
        raise ContractDefinitionError(problems)
    return contract


def _class_name(model: str) -> str:
    name, _ = split_versioned(model)
    return "".join(part.capitalize() for part in name.split("_"))


def _from_pandera(declared: ProductModel, properties: Properties, folder: Path) -> Contract:
    place = properties.where([*_TERMS, "contract"])
    problems = [*_promised_twice(declared, place)]
    try:
        contract = load_pandera(_model(declared.terms, folder, place))
    except DefinitionError as error:
        raise ContractDefinitionError([*problems, *error.problems]) from error
    if declared.terms.version not in {"", str(contract.version)}:
        what = f"the YAML says version {declared.terms.version}, the contract {contract.version}"
        problems.append(Problem(what, place, "leave the YAML's out"))
    names = contract.column_names
    for column in declared.columns:
        if column.name not in names:
            hint = did_you_mean(near_names(column.name, names)) or f"columns are {', '.join(names)}"
            problems.append(Problem(f"the contract has no column {column.name!r}", place, hint))
    if problems:
        raise ContractDefinitionError(problems)
    return contract


def _promised_twice(declared: ProductModel, place: str) -> Iterator[Problem]:
    promised = [f"column {c.name!r}" for c in declared.columns if c.data_type or c.constraints]
    promised += ["the model's constraints"] if declared.constraints else []
    promised += ["the model's row_count"] if declared.terms.row_count else []
    promised += ["the model's rules"] if declared.terms.rules else []
    for what in promised:
        hint = "leave it to the Pandera model: descriptions and data tests may stay"
        yield Problem(f"{what} is promised in YAML as well", place, hint)


def _model(terms: ProductTerms, folder: Path, place: str) -> type[ContractModel]:
    match = _REFERENCE.fullmatch(terms.contract)
    if match is None:
        what = f"{terms.contract!r} names no Pandera model"
        raise ContractDefinitionError([Problem(what, place, "write file:ClassName")])
    file = folder / f"{match['module']}.py"
    if not file.is_file():
        what = f"there is no file {file.name}"
        raise ContractDefinitionError([Problem(what, place, f"write it into {folder}")])
    found = getattr(_imported(file), match["name"], None)
    if not (isinstance(found, type) and issubclass(found, ContractModel)):
        what = f"{file.name} has no mesh.Contract named {match['name']!r}"
        raise ContractDefinitionError(
            [Problem(what, place, f"class {match['name']}(mesh.Contract)")]
        )
    return found


def _imported(file: Path) -> ModuleType:
    name = f"mesh_sql_contracts.{file.parent.name}.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise DomainImportError([Problem("it cannot be imported", str(file))])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Pandera and inspect look classes up by their module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # A team's module may raise anything at all; what it raises is the problem to report.
        what = f"it cannot be imported: {type(error).__name__}: {error}"
        raise DomainImportError([Problem(what, str(file))]) from error
    return module
