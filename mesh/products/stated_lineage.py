"""Lineage of columns that a product states itself, where its transform does not show it.

Owns how it is written, `{"risk_band": ["weather.observations_v1.wind_speed_mph"]}`, and what is
wrong with it. Completes what is found, and never contradicts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mesh.contracts.model import Contract
from mesh.errors import Problem
from mesh.products.ports import Input

StatedLineage = Mapping[str, Sequence[str]]
"""For a column of the contract, the columns that it is made from: `domain.product_v1.column`."""


def stated_origins(lineage: StatedLineage) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each column, the (product, column) pairs that it is said to be made from."""
    return {name: tuple(_split(origin) for origin in said) for name, said in lineage.items()}


def problems_of(
    lineage: StatedLineage, contract: Contract, inputs: Mapping[str, Input], where: str
) -> list[Problem]:
    """Columns that are not there, and products that are not read."""
    names = contract.column_names
    problems = [
        Problem(
            f"lineage names {name!r}, which is not a column of the contract",
            where=where,
            hint=f"columns are {', '.join(names)}",
        )
        for name in lineage
        if name not in names
    ]
    read: dict[str, set[str] | None] = {}
    for port in inputs.values():
        columns = None if port.columns is None else set(port.columns)
        known = read.setdefault(port.product, columns)
        read[port.product] = None if known is None or columns is None else known | columns
    for name, said in stated_origins(lineage).items():
        for product, column in said:
            if product not in read:
                what = f"lineage of {name!r}: {product or column!r} is not among the inputs"
                hint = "write domain.product_v1.column of a product that an input names"
                problems.append(Problem(what, where=where, hint=hint))
            elif (columns := read[product]) is not None and column not in columns:
                what = f"lineage of {name!r}: the input does not declare {column!r} of {product}"
                problems.append(Problem(what, where=where, hint="add it to the input's columns"))
    return problems


def _split(origin: str) -> tuple[str, str]:
    product, _, column = origin.rpartition(".")
    return product, column
