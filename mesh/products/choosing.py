"""Which partitions are meant: `2026-01..2026-03`, `2026-01,2026-03`, or all since a day.

Owns how such a choice is written, and which of a product's partitions it means. Keys are days,
months or names; a range goes from one to another in the product's own order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mesh.errors import MeshError, UnknownPartitionError
from mesh.products.declaration import DataProduct
from mesh.products.ports import StaticPartitions

_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")


@dataclass(frozen=True, slots=True)
class Choice:
    """Partitions by name and by range; a range's end that is empty is open."""

    parts: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Choice:
        """Read `A..B`, `A..`, `..B`, `A`, or several of these with commas. Raises MeshError."""
        parts = []
        for part in (piece.strip() for piece in text.split(",")):
            first, dots, last = (piece.strip() for piece in part.partition(".."))
            if not (first or last):
                raise MeshError(
                    f"{text!r} names no partitions", hint="such as 2026-01..2026-03, or a,b,c"
                )
            parts.append((first, last) if dots else (part, part))
        return cls(tuple(parts))

    def among(self, known: Sequence[str], *, where: str = "") -> tuple[str, ...]:
        """The chosen ones of those that there are, in their order, each once.

        Raises UnknownPartitionError for a name that is none of them, and MeshError for a range that
        goes backwards.
        """
        if not known:
            raise MeshError("there is no partition yet", where=where)
        places = {key: place for place, key in enumerate(known)}
        for name in (name for part in self.parts for name in part):
            if name and name not in places:
                raise UnknownPartitionError(name, known, where=where)
        chosen: set[int] = set()
        for first, last in self.parts:
            begin = places[first] if first else 0
            end = places[last] if last else len(known) - 1
            if end < begin:
                raise MeshError(
                    f"the range {first}..{last} goes backwards",
                    where=where,
                    hint=f"{last}..{first}",
                )
            chosen.update(range(begin, end + 1))
        return tuple(known[place] for place in sorted(chosen))


def since(product: DataProduct, day: str) -> tuple[str, ...]:
    """The days or months of a product from a day on; the month that the day is in is among them.

    Raises MeshError for what is no day or month, for partitions that are neither, and when there
    are none since then.
    """
    where, partitions = str(product.id), product.partitions
    if not _DAY.fullmatch(day):
        raise MeshError(f"{day!r} is not a day such as 2026-01-31, or a month such as 2026-01")
    if partitions is None or isinstance(partitions, StaticPartitions):
        raise MeshError(
            "its partitions are no days or months", where=where, hint="name them: --partitions A,B"
        )
    keys = partitions.keys()
    found = tuple(key for key in keys if key >= day[: len(key)])
    if not found:
        last = f"the last is {keys[-1]}" if keys else "none is over yet"
        raise MeshError(f"it has no partition since {day}", where=where, hint=last)
    return found
