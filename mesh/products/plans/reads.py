"""Who reads what of whom, from the declarations of a state.

Owns the graph of a plan: input ports and `references` rules as reads, and the order of building.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mesh.contracts.rules import Target
from mesh.products.state import MeshState, ProductState


@dataclass(frozen=True, slots=True)
class Read:
    """One product reading another. `columns` None are all; a reference feeds no data."""

    consumer: str
    product: str
    columns: tuple[str, ...] | None
    expects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_reference: bool = False

    def of(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Which of these columns it reads."""
        return tuple(name for name in columns if self.columns is None or name in self.columns)


@dataclass(frozen=True, slots=True)
class Graph:
    """The reads of a state, by the product that is read, and each product's place in the order."""

    readers: Mapping[str, tuple[Read, ...]]
    order: Mapping[str, int]

    @classmethod
    def of(cls, state: MeshState) -> Graph:
        """The graph of a state. Circles, which are a problem of their own, are cut by name."""
        readers: dict[str, list[Read]] = defaultdict(list)
        needs: dict[str, list[str]] = {}
        for product in state.products.values():
            found = [*_ports(product), *_references(product)]
            for read in found:
                readers[read.product].append(read)
            needs[product.name] = [
                r.product for r in found if not r.is_reference and r.product in state.products
            ]
        try:
            names = list(TopologicalSorter(needs).static_order())
        except CycleError:
            names = sorted(needs)
        order = {name: place for place, name in enumerate(names)}
        return cls({name: tuple(found) for name, found in readers.items()}, order)

    def readers_of(self, product: str) -> tuple[Read, ...]:
        """Everyone who reads a product, or refers to it."""
        return self.readers.get(product, ())

    def consumers_of(self, product: str) -> tuple[str, ...]:
        """The names of those, each once."""
        others = (read.consumer for read in self.readers_of(product) if read.consumer != product)
        return tuple(dict.fromkeys(others))

    def below(self, product: str) -> list[str]:
        """Every product that is made from it, at any depth, in the order of building."""
        found: set[str] = set()
        waiting = [product]
        while waiting:
            for read in self.readers_of(waiting.pop()):
                if not read.is_reference and read.consumer not in found | {product}:
                    found.add(read.consumer)
                    waiting.append(read.consumer)
        return sorted(found, key=lambda name: self.order.get(name, 0))


def _ports(product: ProductState) -> Iterable[Read]:
    for port in product.declaration.get("inputs", {}).values():
        columns = port.get("columns")
        yield Read(
            product.name,
            port["product"],
            None if columns is None else tuple(columns),
            port.get("expects") or {},
        )


def _references(product: ProductState) -> Iterable[Read]:
    for rule in product.contract["rules"]:
        if rule["check"] == "references":
            target = Target.parse(rule["arguments"]["to"])
            yield Read(product.name, target.product, target.columns, is_reference=True)
