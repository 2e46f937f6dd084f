"""A product's transform, called: its inputs pinned, handed over, and what it gave taken in.

Owns the one way in which a transform is called, whether its result is published or only looked at:
Python in this process, SQL by dbt. Writes nothing of the lake.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from mesh.catalog.receipts import InputVersion
from mesh.contracts.rules import data_test
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import TransformError
from mesh.lake import Lake
from mesh.lake.unreadable import why_unreadable
from mesh.products.declaration import DataProduct, SqlModel
from mesh.publishing.source import transform_errors
from mesh.reading import PinnedInput, pin
from mesh.reading.snapshot import annotations_of, in_form, undeclared_column

if TYPE_CHECKING:
    from mesh.engines.dbt import DataTestResult
    from mesh.settings import Settings

_OUTCOMES = {
    "pass": Outcome.PASSED,
    "warn": Outcome.FAILED,
    "fail": Outcome.FAILED,
    "skipped": Outcome.SKIPPED,
}
"""dbt's word for what became of a data test."""


@dataclass(frozen=True, slots=True)
class Transformed:
    """What a transform gave: data, and what its engine found on the way."""

    data: Any
    findings: tuple[Finding, ...] = ()


def pinned_inputs(product: DataProduct, lake: Lake) -> dict[str, PinnedInput]:
    """The inputs by port; two ports on one product read the same version of it."""
    inputs: dict[str, PinnedInput] = {}
    versions: dict[str, int] = {}
    for port, declared in product.inputs.items():
        known = versions.get(declared.product)
        inputs[port] = pin(port, declared, lake, version=known)
        versions[declared.product] = inputs[port].version
    return inputs


def versions_of(
    inputs: Mapping[str, PinnedInput], referenced: tuple[InputVersion, ...]
) -> tuple[InputVersion, ...]:
    """What a receipt says of inputs, and of products that were only referred to."""
    read = {pinned.input.product for pinned in inputs.values()}
    return (
        *(pinned.used for pinned in inputs.values()),
        *(version for version in referenced if version.product not in read),
    )


@contextmanager
def transformed(
    product: DataProduct,
    inputs: Mapping[str, pl.LazyFrame],
    *,
    settings: Settings,
    run_id: str,
    partition: str = "",
) -> Iterator[Transformed]:
    """What a product's transform makes of these rows, by port; gone when the context ends.

    Raises TransformError.
    """
    if not isinstance(product.transform, SqlModel):
        yield Transformed(_called(product.transform, inputs, partition))
        return
    from mesh.engines import dbt

    with dbt.build(product.transform, product, inputs, settings=settings, run_id=run_id) as built:
        yield Transformed(built.reader, tuple(_data_test(test) for test in built.tests))


def explained(
    error: TransformError, product: DataProduct, inputs: Mapping[str, PinnedInput]
) -> Exception:
    """The same failure, with the product's name, or what really was wrong."""
    for pinned in inputs.values():
        damage = why_unreadable(pinned.table, pinned.version, error.__cause__)
        if damage is not None:
            return damage
    text = f"{error.what}\n{error.__cause__ or ''}"
    for pinned in inputs.values():
        for name in pinned.undeclared:
            if f'"{name}"' in text or f"'{name}'" in text:
                found = undeclared_column(name, {pinned.port: pinned})
                if found is not None:
                    return found
    if error.where:
        return error
    return type(error)(error.what, where=str(product.id), hint=error.hint)


def _called(
    function: Callable[..., Any], inputs: Mapping[str, pl.LazyFrame], partition: str
) -> Any:
    wanted = annotations_of(function)
    arguments = {port: in_form(frame, wanted.get(port)) for port, frame in inputs.items()}
    if "partition" in inspect.signature(function).parameters and "partition" not in inputs:
        arguments["partition"] = partition
    with transform_errors():
        return function(**arguments)


def _data_test(test: DataTestResult) -> Finding:
    rule = data_test(test.name, test.severity)
    return Finding(rule, _OUTCOMES[test.status], test.failures, message=test.message)
