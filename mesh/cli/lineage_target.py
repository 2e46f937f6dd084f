"""What `mesh lineage` is asked of: a product, one column of it, or the products of somebody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.errors import MeshError, UnknownColumnError

if TYPE_CHECKING:
    from mesh.catalog.model import ProductRecord
    from mesh.cli.session import Session


@dataclass(frozen=True, slots=True)
class Target:
    """What lineage is asked of: a product, one column of it, or the products of somebody."""

    name: str = ""
    column: str = ""
    domain: str = ""
    owner: str = ""

    @classmethod
    def of(cls, session: Session, product: str, domain: str, owner: str) -> Target:
        """What the command was given. Raises MeshError when that is nothing, or too much."""
        if sum(map(bool, (product, domain, owner))) != 1:
            hint = "mesh lineage PRODUCT, mesh lineage --domain NAME, or mesh lineage --owner EMAIL"
            raise MeshError("lineage is asked of one thing", hint=hint)
        name, dot, column = product.rpartition(".")
        if dot and "." in name:
            return cls(str(session.product_id(name)), column)
        return cls(product, domain=domain, owner=owner)

    @property
    def is_about_columns(self) -> bool:
        """Whether only columns can answer."""
        return bool(self.column or self.domain or self.owner)

    def chosen(self, products: Iterable[ProductRecord]) -> list[ProductRecord]:
        """The products that are meant. Raises UnknownColumnError, or UnknownProductError."""
        if self.name:
            found = [product for product in products if product.name == self.name]
            for product in found if self.column else ():
                _require_column(product, self.column)
            return found
        found = [
            product
            for product in products
            if product.is_declared
            and (product.domain.name == self.domain or product.owner.email == self.owner)
        ]
        if not found:
            raise MeshError(f"no product is of {self.domain or self.owner}", hint="`mesh list`")
        return found


def _require_column(product: ProductRecord, column: str) -> None:
    names = product.contract.column_names
    if column not in names:
        raise UnknownColumnError(column, names)
