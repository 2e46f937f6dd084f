"""Contracts to write in other forms: those of the reference mesh, and ones made up."""

import importlib.util
import itertools
import sys
from functools import cache
from pathlib import Path

from mesh.contracts.model import Contract
from mesh.contracts.pandera import load
from mesh.contracts.projections.pandera_module import class_name, module
from mesh.products.collection import load_organization
from mesh.settings import load as load_settings
from tests.house.repository import ROOT

_NUMBERS = itertools.count()


@cache
def reference_contracts() -> dict[str, Contract]:
    """The contracts of the reference mesh, by product."""
    organization = load_organization(load_settings(ROOT))
    return {name: product.contract for name, product in organization.products.items()}


def imported(contract: Contract, folder: Path) -> Contract:
    """The contract that a module of it gives, when Python imports it from a file."""
    name = f"written_contract_{next(_NUMBERS)}"
    file = folder / f"{name}.py"
    file.write_text(module(contract), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    try:
        spec.loader.exec_module(found)
        return load(getattr(found, class_name(contract)))
    finally:
        del sys.modules[name]


def content(contract: Contract) -> dict:
    """What a contract says, but for the document that it was read from."""
    said = contract.as_json()
    said.pop("document", None)
    said.pop("table", None)
    return said
