"""What every command works with: the mesh that the global options name.

Owns the global options, and the way from them to settings, products and the workspace. Nothing is
read before a command asks, so that `mesh --help` reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mesh.errors import MeshError, UnknownProductError

if TYPE_CHECKING:
    import typer

    from mesh.naming import ProductId
    from mesh.orchestration.workspace import Workspace
    from mesh.products.collection import Organization
    from mesh.products.declaration import DataProduct
    from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """The global options of one call of `mesh`."""

    root: Path | None = None
    is_debug: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> Session:
        """The session that a command was called in."""
        found = context.find_object(cls)
        return found if found is not None else cls()

    def settings(self) -> Settings:
        """The settings of the mesh. Raises SettingsError."""
        from mesh.settings import load

        if self.root is not None and not self.root.is_dir():
            raise MeshError("there is no such folder", where=str(self.root))
        return load(self.root)

    def organization(self) -> Organization:
        """Every domain of the mesh; broken ones are among them. Raises ManifestError."""
        from mesh.products.collection import load_organization

        return load_organization(self.settings())

    def workspace(self) -> Workspace:
        """Settings, lake and catalog. Raises CatalogError."""
        from mesh.orchestration.workspace import Workspace

        return Workspace.open(self.settings())

    def product_id(self, name: str) -> ProductId:
        """The full name of a product; the definitions are read only when the major is left out.

        Raises InvalidNameError, UnknownProductError or what broke the product's domain.
        """
        from mesh.naming import ProductId, split_versioned

        _domain, dot, rest = name.partition(".")
        if dot and split_versioned(rest)[1] is not None:
            return ProductId.parse(name)
        return find_product(self.organization(), name).id


def find_product(organization: Organization, name: str) -> DataProduct:
    """The product of a name, with or without major.

    Raises UnknownProductError with near names, or what broke the domain that the name begins with.
    """
    try:
        return organization.product(name)
    except UnknownProductError:
        for broken in organization.broken:
            if name.startswith(f"{broken.name}."):
                raise broken.error from None
        raise
