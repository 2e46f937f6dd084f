"""What a product waits for: the products that it reads, and those that its rules look at.

Owns the walk along declared inputs across domains, without which a reference could close a circle
in everyone's asset graph. Loads only the domains that the walk meets, and passes over one that does
not load: a broken domain breaks nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.errors import CyclicInputsError, MeshError, Problem
from mesh.naming import ProductId
from mesh.products.collection import Domain, domain_folders, domain_name, load_domain
from mesh.products.declaration import DataProduct
from mesh.settings import Settings


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The products that come before one, without repetition.

    `references` are only looked at by rules; those that come after the product are left out.
    """

    inputs: tuple[ProductId, ...] = ()
    references: tuple[ProductId, ...] = ()

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
        inputs = tuple(dict.fromkeys(port.id for port in product.inputs.values()))
        for upstream in inputs:
            if path := self._way(upstream, product.id, with_references=False):
                raise CyclicInputsError([_cycle(product, path)])
        references = tuple(
            upstream
            for upstream in product.referenced
            if not self._way(upstream, product.id, with_references=True)
        )
        return Dependencies(inputs, references)

    def _way(
        self, start: ProductId, end: ProductId, *, with_references: bool
    ) -> tuple[ProductId, ...]:
        """The products from `start` upstream to `end`, both included; empty when none leads there.

        References count when they may close the circle themselves.
        """
        before: dict[ProductId, ProductId | None] = {start: None}
        waiting = [start]
        while waiting:
            current = waiting.pop()
            if current == end:
                return _path(before, current)
            for upstream in self._upstream(current, with_references=with_references):
                if upstream not in before:
                    before[upstream] = current
                    waiting.append(upstream)
        return ()

    def _upstream(self, product: ProductId, *, with_references: bool) -> Iterable[ProductId]:
        found = self._find(product)
        if found is None:
            return ()
        inputs = tuple(port.id for port in found.inputs.values())
        return (*inputs, *found.referenced) if with_references else inputs

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


def _path(before: dict[ProductId, ProductId | None], end: ProductId) -> tuple[ProductId, ...]:
    path = [end]
    while (previous := before[path[-1]]) is not None:
        path.append(previous)
    return tuple(reversed(path))


def _cycle(product: DataProduct, path: tuple[ProductId, ...]) -> Problem:
    names = " reads ".join(str(item) for item in (product.id, *path))
    return Problem(
        f"it needs itself: {names}",
        where=product.source or str(product.id),
        hint="take one of these inputs out, or move what both need into a product of its own",
    )
