"""Service levels along the way: who can be no fresher any more than what it is made from.

Owns the comparison of promised ages between products. Retention and availability are each product's
own, and told with its changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mesh.contracts.evolution.document import seconds_of
from mesh.products.plans.model import Shortfall
from mesh.products.plans.reads import Graph
from mesh.products.ports import parse_duration
from mesh.products.state import MeshState, ProductState

_AGES = frozenset({"freshness", "latency", "ly"})


def shortfalls(before: MeshState, after: MeshState, was: Graph, now: Graph) -> Iterator[Shortfall]:
    """Products whose own freshness would be out of reach, and was not before."""
    old = {(product, upstream) for product, upstream in _gaps(before, was)}
    for product, upstream in _gaps(after, now):
        if (product, upstream) not in old:
            yield Shortfall(
                product=product,
                promises=f"freshness {_age(after.products[product])[1]}",
                upstream=upstream,
                would_promise=_age(after.products[upstream])[1],
            )


def _gaps(state: MeshState, graph: Graph) -> Iterator[tuple[str, str]]:
    """Each product that promises to be fresher than a product that it is made from.

    A product without a promise of its own passes on what it is made from.
    """
    for upstream, product in state.products.items():
        age = _age(product)[0]
        if age is None:
            continue
        waiting, seen = [upstream], {upstream}
        while waiting:
            for read in graph.readers_of(waiting.pop()):
                if read.is_reference or read.consumer in seen:
                    continue
                seen.add(read.consumer)
                promised = _age(state.products[read.consumer])[0]
                if promised is None:
                    waiting.append(read.consumer)
                elif promised < age:
                    yield read.consumer, upstream


def _age(product: ProductState) -> tuple[float | None, str]:
    """How old a product may be: in seconds, None when it does not say, and in words."""
    declared = product.declaration.get("freshness")
    if declared:
        return parse_duration(declared).total_seconds(), declared
    levels: Any = product.contract.get("document", {}).get("slaProperties")
    for level in levels if isinstance(levels, list) else []:
        if isinstance(level, dict) and str(level.get("property", "")).lower() in _AGES:
            found = seconds_of(level)
            if found is not None:
                return found, f"{level.get('value')}{level.get('unit') or 'd'}"
    return None, ""
