"""What a probe says of a product's transform, as a value, and in which words.

Owns `Probe`, and the problems and notes in it. How it is found out is `engines.function_probe` and
`engines.sql_columns`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mesh.catalog.derivation import Origins
from mesh.contracts.arrow import Difference, type_name
from mesh.errors import Problem
from mesh.products.declaration import DataProduct
from mesh.publishing.modes import Incoming

ColumnOf = tuple[str, str]
"""A column of a product: (`weather.observations_v1`, `wind_speed_mph`)."""


@dataclass(frozen=True, slots=True)
class Reads:
    """The columns of one input port that a transform reads.

    With `is_complete` these are all: the transform makes the same without the others. Otherwise
    there may be more.
    """

    product: str
    columns: frozenset[str]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a product's transform before it runs.

    `problems` keep it from running: an output that cannot fulfil the contract, a column that is not
    there. `notes` do not: columns that are declared and not read, and why something is unknown.

    `reads` is by input port. `origins` gives, for each output column, the columns that it is made
    from, and how; an output column that is not among its keys is unknown. `rows` are the columns
    that decide which rows there are (a filter, a join's key); None when they are not known.
    """

    product: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, Reads] = field(default_factory=dict)
    origins: Mapping[str, Origins] = field(default_factory=dict)
    rows: Origins | None = None
    unknown: str = ""

    @property
    def lineage(self) -> dict[str, frozenset[ColumnOf]]:
        """For each output column whose origins are known, the columns that it is made from."""
        return {
            name: frozenset((product, column) for product, column, _ in origins)
            for name, origins in self.origins.items()
        }

    @property
    def read(self) -> frozenset[ColumnOf]:
        """Every column of another product that the transform is known to read."""
        return frozenset((r.product, name) for r in self.reads.values() for name in r.columns)

    @property
    def shaping(self) -> frozenset[ColumnOf]:
        """Columns that are read, and that no output column whose origins are known is made from."""
        return self.read - {origin for origins in self.lineage.values() for origin in origins}

    def made_from(self, column: ColumnOf) -> tuple[str, ...]:
        """The output columns that are known to be made from a column of another product."""
        return tuple(name for name, origins in self.lineage.items() if column in origins)

    def as_json(self) -> dict[str, Any]:
        """The probe as plain values."""
        return {
            "product": self.product,
            "unknown": self.unknown,
            "columns": dict(self.columns),
            "reads": {
                port: {
                    "product": item.product,
                    "columns": sorted(item.columns),
                    "is_complete": item.is_complete,
                }
                for port, item in self.reads.items()
            },
            "lineage": {
                name: [f"{product}.{column}" for product, column in sorted(origins)]
                for name, origins in self.lineage.items()
            },
            "problems": [_plain(problem) for problem in self.problems],
            "notes": [_plain(note) for note in self.notes],
        }


def place(product: DataProduct, port: str = "") -> str:
    """Where a problem of a product, or of one of its inputs, is."""
    return f"{product.source}: {product.id}{f', input {port!r}' if port else ''}"


def not_probed(product: DataProduct, why: str, hint: str = "") -> Probe:
    """The probe of a transform of which nothing is known, with a note that says why."""
    note = Problem(f"it could not be probed: {why}", place(product), hint)
    return Probe(str(product.id), notes=(note,), unknown=why)


def contract_problems(product: DataProduct, found: Iterable[Difference]) -> tuple[Problem, ...]:
    """Differences between what a transform makes and its contract, as problems."""
    hint = "make the transform's columns those of the contract, or change the contract"
    return tuple(
        Problem(
            f"its output cannot fulfil the contract: {item.column} is promised as {item.expected}, "
            f"the transform makes {item.found}",
            place(product),
            item.hint or hint,
        )
        for item in found
    )


def unused_notes(product: DataProduct, reads: Mapping[str, Reads]) -> tuple[Problem, ...]:
    """Columns that an input declares by name and the transform does not read."""
    return tuple(
        Problem(
            f"it declares {_listed(unused)} of {port.product}, which the transform does not read",
            place(product, name),
            "take it out of the input's columns, and its producer is freer to change",
        )
        for name, port in product.inputs.items()
        if (unused := _unused(port.columns or (), reads.get(name)))
    )


def undeclared_problem(product: DataProduct, port: str, column: str) -> Problem:
    """A column that the transform reads and its input does not declare."""
    upstream = product.inputs[port].product
    return Problem(
        f"the transform reads {upstream}.{column}, which its input does not declare",
        place(product, port),
        f"add {column!r} to the columns of the input",
    )


def differing(product: DataProduct, schema: pa.Schema) -> tuple[Difference, ...]:
    """How the columns that a transform makes differ from what its publication takes."""
    return Incoming(product.contract, product.write).differences(schema)


def type_names(schema: pa.Schema) -> dict[str, str]:
    """Columns with their types in the contract's words, where it has one, else in Arrow's."""
    return {name: _type_name(schema.field(name).type) for name in dict.fromkeys(schema.names)}


def _type_name(data_type: pa.DataType) -> str:
    try:
        return type_name(data_type)
    except ValueError:
        return str(data_type)


def _unused(declared: Iterable[str], read: Reads | None) -> list[str]:
    if read is None or not read.is_complete:
        return []
    return [name for name in declared if name not in read.columns]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _plain(problem: Problem) -> dict[str, str]:
    return {"what": problem.what, "where": problem.where, "hint": problem.hint}
