"""Products whose last day is declared, and who still reads them.

Owns who has moved to the successor, and what is wrong with a last day. Asks no catalog: whoever
knows who read what before hands it over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from mesh.errors import Problem, did_you_mean, near_names
from mesh.products.collection import Organization
from mesh.products.declaration import DataProduct


class Move(StrEnum):
    """How far a consumer is on its way from a product to its successor."""

    NOT_YET = "not yet"
    BOTH = "reads both"
    MOVED = "has moved"
    LEFT = "reads neither any more"


@dataclass(frozen=True, slots=True)
class Mover:
    """A consumer of a deprecated product. One that is elsewhere is not declared in this mesh."""

    consumer: str
    move: Move
    is_elsewhere: bool = False

    def as_json(self) -> dict[str, Any]:
        """The consumer as plain values."""
        told = {"consumer": self.consumer, "move": str(self.move)}
        return {**told, "is_elsewhere": self.is_elsewhere}


def readers(organization: Organization, product: str) -> list[DataProduct]:
    """The other products that read one, or whose rules refer to it, by name."""
    return [
        other
        for _, other in sorted(organization.products.items())
        if str(other.id) != product and product in uses_of(other)
    ]


def uses_of(product: DataProduct) -> frozenset[str]:
    """The products that one reads, or that its rules refer to."""
    read = {port.product for port in product.inputs.values()}
    return frozenset(read | {str(other) for other in product.referenced})


def movers(
    product: DataProduct,
    organization: Organization,
    before: Collection[str] = (),
    known: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[Mover]:
    """How far each consumer of a deprecated product is, by name.

    `before` are products that are known to have read it once, whatever they declare now. `known`
    are products that a shared catalog has as declared, with what they read: of those that are not
    in this mesh it has the last word.
    """
    old, new = str(product.id), product.successor
    own = {name: uses_of(other) for name, other in organization.products.items()}
    found = []
    for name, uses in sorted({**known, **own}.items()):
        if name in {old, new} or not (old in uses or name in before):
            continue
        if old in uses:
            move = Move.BOTH if new in uses else Move.NOT_YET
        else:
            move = Move.MOVED if new in uses else Move.LEFT
        found.append(Mover(name, move, is_elsewhere=name not in own))
    return found


def deprecation_problems(organization: Organization) -> Iterator[Problem]:
    """What is wrong with the last days that products declare."""
    for product in organization.products.values():
        name = product.successor
        if not name:
            continue
        if product.deprecated is None:
            what = f"it names a successor, {name}, and no last day"
            yield Problem(what, f"{product.source}: {product.id}", 'add deprecated="2027-06-30"')
        if name == str(product.id):
            yield Problem("it is its own successor", f"{product.source}: {product.id}")
        elif name not in organization.products and not _is_unloaded(name, organization):
            hint = did_you_mean(near_names(name, organization.products))
            what = f"there is no product {name!r}, which it names as its successor"
            yield Problem(what, f"{product.source}: {product.id}", hint or "`mesh list`")


def deprecated_inputs(
    organization: Organization, today: date, earlier: Mapping[str, Collection[str]]
) -> tuple[list[Problem], list[Problem]]:
    """What consumers of deprecated products have to be told: problems, and notes.

    `earlier` are the products that read a product by its last day, by that product's name: they may
    go on. For others it is a problem once the day is over.
    """
    problems, notes = [], []
    for product in organization.products.values():
        if product.deprecated is None:
            continue
        name = str(product.id)
        instead = f"read {product.successor}" if product.successor else "read another product"
        for reader in readers(organization, name):
            where = f"{reader.source}: {reader.id}"
            if today <= product.deprecated:
                what = f"it reads {name}, whose last day is {product.deprecated}"
                notes.append(Problem(what, where, f"{instead} from then on"))
            elif str(reader.id) in earlier.get(name, ()):
                what = f"it still reads {name}, whose last day was {product.deprecated}"
                notes.append(Problem(what, where, instead))
            else:
                what = f"it begins to read {name}, whose last day was {product.deprecated}"
                problems.append(Problem(what, where, instead))
    return problems, notes


def _is_unloaded(name: str, organization: Organization) -> bool:
    return name.partition(".")[0] in {domain.name for domain in organization.broken}
