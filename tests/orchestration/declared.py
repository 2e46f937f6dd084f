"""Products declared in a test, and an empty mesh to run them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mesh
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct, declaration_of
from mesh.settings import load


class Numbers(mesh.Contract):
    """One row per number."""

    n: int = mesh.Field(key=True, ge=0)
    square: int


def bound(function: Any, domain: str = "retail") -> DataProduct:
    """The product that a function declares."""
    declaration = declaration_of(function)
    assert declaration is not None
    return declaration.bind(domain, Path(__file__).parent)


def empty_mesh(folder: Path) -> Workspace:
    """A mesh without domains, whose lake and catalog are below a folder."""
    settings = load(folder)
    return Workspace(settings, Lake.of(settings), Catalog.open(settings.catalog_url))
