"""Domains written into a folder, and products declared in a line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mesh
from mesh.products.declaration import DataProduct, declaration_of
from mesh.settings import Settings, load

MANIFEST = """\
name: {name}
purpose: Tries things out.
kind: source-aligned
team:
  name: The Team
  product_owner: {{name: Ada, email: ada@example.com}}
  business_technology_partner: {{name: Ben, email: ben@example.com}}
  data_steward: {{name: Cleo, email: cleo@example.com}}
contact: {{email: team@example.com}}
"""
MODULE = '''\
"""{title}, as they come."""
import polars as pl

import mesh


class {title}(mesh.Contract):
    """One row each."""

    id: int = mesh.Field(key=True)


@mesh.data_product(contract={title})
def {name}() -> pl.LazyFrame:
    return pl.LazyFrame({{"id": [1]}})
'''


class Things(mesh.Contract):
    """One row per thing."""

    id: int = mesh.Field(key=True)
    name: str


def module(name: str) -> str:
    """The text of a module that declares one product."""
    return MODULE.format(name=name, title=name.capitalize())


def write_mesh(root: Path, domains: Mapping[str, Mapping[str, str]]) -> Settings:
    """A mesh whose domains have these modules, by name; `domain.yaml` may be among them."""
    (root / "pyproject.toml").write_text("[tool.mesh]\n", encoding="utf-8")
    home = root / "domains"
    home.mkdir()
    (home / "__init__.py").touch()
    listed = "".join(f"\n  - {name}" for name in domains) or " []"
    organization = f"name: A Mesh\ndomains:{listed}\n"
    (home / "organization.yaml").write_text(organization, encoding="utf-8")
    for name, modules in domains.items():
        products = home / name / "products"
        products.mkdir(parents=True)
        (home / name / "__init__.py").touch()
        (products / "__init__.py").touch()
        manifest = modules.get("domain.yaml", MANIFEST.format(name=name))
        (home / name / "domain.yaml").write_text(manifest, encoding="utf-8")
        for file, text in modules.items():
            if file != "domain.yaml":
                (products / f"{file}.py").write_text(text, encoding="utf-8")
    return load(root)


def named(name: str, *parameters: str, of: str = __name__) -> Callable[..., Any]:
    """A function of that name and with those parameters."""
    namespace: dict[str, Any] = {"__name__": of}
    exec(f"def {name}({', '.join(parameters)}):\n    'What it makes.'", namespace)
    function: Callable[..., Any] = namespace[name]
    return function


def declared(
    function: Callable[..., Any], domain: str = "shop", contract: Any = Things, **options: Any
) -> DataProduct:
    """The product that a function is declared to make."""
    declaration = declaration_of(mesh.data_product(contract=contract, **options)(function))
    assert declaration is not None
    return declaration.bind(domain, Path(__file__).parent)
