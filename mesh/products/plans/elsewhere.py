"""Consumers that only a shared catalog knows: other repositories declare them.

Owns which those are: products that the catalog has as declared, of domains that the working tree
has not. What a commit had and the tree has not is gone, and is nobody's elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesh.contracts.evolution import Change
from mesh.products.plans.impact import Impact
from mesh.products.plans.model import Hit
from mesh.products.plans.reads import Graph
from mesh.products.state import MeshState


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is declared elsewhere, beside a working tree. Only direct consumers are told of."""

    before: MeshState
    after: MeshState
    was: Graph

    def has(self, name: str) -> bool:
        """Whether a product is declared elsewhere; no commit knows what is published."""
        found = self.before.products.get(name)
        if found is None or found.is_published is None:
            return False
        return found.id.domain not in self.after.domains

    def consumers_of(self, product: str) -> tuple[str, ...]:
        """Those of a product of this tree."""
        if self.has(product):
            return ()
        return tuple(name for name in self.was.consumers_of(product) if self.has(name))

    def hit_by_change(self, product: str, change: Change) -> list[Hit]:
        """Those whom a change of a product reaches."""
        return self._direct(product, Impact(self.before, self.was).of_change(product, change))

    def hit_by_removal(self, product: str) -> list[Hit]:
        """Those who read a product that would be gone."""
        return self._direct(product, Impact(self.before, self.was).of_removal(product, ()))

    def _direct(self, product: str, hits: list[Hit]) -> list[Hit]:
        consumers = self.consumers_of(product)
        return [
            replace(hit, is_elsewhere=True)
            for hit in hits
            if hit.depth == 1 and hit.consumer in consumers
        ]
