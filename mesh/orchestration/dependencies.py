"""What a product waits for: the products that it reads, and those that its rules look at.

Owns the finding of other domains' products along the way, without which a reference could close a
circle in everyone's asset graph. Loads only the domains that the walk meets, and passes over one
that does not load: a broken domain breaks nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass

from mesh.errors import CyclicInputsError, MeshError
from mesh.naming import ProductId
from mesh.products.collection import Domain, domain_folders, domain_name, load_domain
from mesh.products.consistency import circle, way
from mesh.products.declaration import DataProduct
from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The products that come before one, without repetition.

    `references` are only looked at by rules; those that come after the product are left out.
    `ending` are the declarations of all that it reads or looks at and that have a last day.
    """

    inputs: tuple[ProductId, ...] = ()
    references: tuple[ProductId, ...] = ()
    ending: tuple[DataProduct, ...] = ()

    @property
    def all(self) -> tuple[ProductId, ...]:
        """Inputs, then references."""
        return (*self.inputs, *self.references)


class Neighbours:
    """The products that a domain's own lead to, found as they are asked for."""

    def __init__(self, home: Domain, settings: Settings) -> None:
        self._settings = settings
        self._domains: dict[str, Domain | None] = {home.name: home}

    def dependencies(self, product: DataProduct) -> Dependencies:
        """What comes before a product. Raises CyclicInputsError when it needs itself."""
        own = str(product.id)
        inputs = tuple(dict.fromkeys(port.id for port in product.inputs.values()))
        for upstream in inputs:
            if path := way(str(upstream), own, self._read):
                raise CyclicInputsError([circle((own, *path), product.source or own)])
        references = tuple(
            upstream
            for upstream in product.referenced
            if not way(str(upstream), own, self._read_or_seen)
        )
        used = (self._find(name) for name in dict.fromkeys((*inputs, *product.referenced)))
        ending = (other for other in used if other is not None and other.deprecated is not None)
        return Dependencies(inputs, references, tuple(ending))

    def _read(self, product: str) -> list[str]:
        found = self._find(ProductId.parse(product))
        return [port.product for port in found.inputs.values()] if found is not None else []

    def _read_or_seen(self, product: str) -> list[str]:
        """References count when they may close the circle themselves."""
        found = self._find(ProductId.parse(product))
        return [*self._read(product), *map(str, found.referenced)] if found is not None else []

    def _find(self, product: ProductId) -> DataProduct | None:
        """The declaration of a product; None when it, or its domain, cannot be had."""
        if product.domain not in self._domains:
            self._domains[product.domain] = self._load(product.domain)
        domain = self._domains[product.domain]
        products = domain.products if domain is not None else ()
        return next((item for item in products if item.id == product), None)

    def _load(self, name: str) -> Domain | None:
        for folder in domain_folders(self._settings):
            if domain_name(folder, self._settings) == name:
                try:
                    return load_domain(folder, self._settings)
                except MeshError:  # its own code location says what is wrong with it
                    return None
        return None
