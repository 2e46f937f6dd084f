"""Running one product: pin inputs, transform, publish, record.

Owns what a run of one product is, the same for `mesh run` and for Dagster. Imports no Dagster.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from mesh.catalog.receipts import InputVersion, Receipt, Refusal
from mesh.catalog.sync import sync_product
from mesh.contracts.rules import data_test
from mesh.contracts.verdict import Finding, Outcome
from mesh.errors import EndedInputError, TransformError
from mesh.lake import Lake, Snapshot
from mesh.lake.unreadable import why_unreadable
from mesh.orchestration.workspace import Workspace
from mesh.products.declaration import DataProduct, SqlModel
from mesh.publishing import find_receipt, publish
from mesh.publishing.increment import Increment
from mesh.publishing.refusing import refused_inputs
from mesh.publishing.source import transform_errors
from mesh.reading import PinnedInput, hand_over, pin, referenced_values
from mesh.reading.expectations import expected_findings
from mesh.reading.incremental import increments
from mesh.reading.snapshot import annotations_of, undeclared_column

if TYPE_CHECKING:
    from mesh.engines.dbt import DataTestResult

_OUTCOMES = {
    "pass": Outcome.PASSED,
    "warn": Outcome.FAILED,
    "fail": Outcome.FAILED,
    "skipped": Outcome.SKIPPED,
}
"""dbt's word for what became of a data test."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: products of the same run and partition are published once.

    A full refresh reads incremental inputs as a whole, and replaces what was made of them.
    """

    id: str
    partition: str = ""
    is_full_refresh: bool = False
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Transformed:
    """What a transform gave: data, and what its engine found on the way."""

    data: Any
    findings: tuple[Finding, ...] = ()


def execute(product: DataProduct, workspace: Workspace, run: Run) -> Receipt | Refusal:
    """Run one product, and record what became of it in the catalog.

    What this run has published already is not made again: its first receipt is returned at once.

    Raises:
        NotPublishedError: an input has nothing to read.
        EndedInputError: an input's last day was over before this product read it.
        RetiredError: the product was retired.
        UndeclaredColumnError, TransformError: the product's function failed.
        StorageError, CatalogError: see their subclasses; `Transient` ones may be tried again.
    """
    workspace.ensure_registered(product.id.domain)
    seen = _catch_up(product, workspace)
    outcome = _publish(product, workspace, run, seen)
    if isinstance(outcome, Receipt):
        workspace.catalog.record(outcome)
    else:
        workspace.catalog.record_refusal(outcome.for_everyone(product.contract))
    return outcome


def _catch_up(product: DataProduct, workspace: Workspace) -> Snapshot | None:
    """Record what an earlier run published and died before it could record it.

    Returns the table as it is.
    """
    snapshot = workspace.lake.table(product.id).find()
    known = workspace.catalog.latest_receipt(str(product.id))
    if snapshot is not None and (known is None or known.table_version < snapshot.version):
        sync_product(workspace.catalog, workspace.lake, product.id)
    return snapshot


def _publish(
    product: DataProduct, workspace: Workspace, run: Run, seen: Snapshot | None
) -> Receipt | Refusal:
    lake = workspace.lake
    earlier = find_receipt(product, lake, run_id=run.id, partition=run.partition, seen=seen)
    if earlier is not None:
        return earlier.as_repeated()
    _require_open(product, workspace, run.started_at.date())
    inputs: Mapping[str, PinnedInput] = _pinned(product, lake)
    versions = {pinned.input.product: pinned.version for pinned in inputs.values()}
    increment: Increment | None = None
    if any(port.incremental for port in product.inputs.values()):
        chosen = increments(
            product, lake, inputs, partition=run.partition, is_full_refresh=run.is_full_refresh
        )
        if chosen.unchanged is not None:
            return chosen.unchanged.as_repeated()
        inputs = chosen.inputs
        increment = Increment(
            str(product.id), run.partition, chosen.seen, chosen.is_whole, chosen.notes
        )
    expected = expected_findings(inputs)
    refusal = refused_inputs(
        product,
        expected,
        run_id=run.id,
        partition=run.partition,
        inputs=_versions(inputs, ()),
    )
    if refusal is not None:
        return refusal
    references, referenced = referenced_values(
        product.contract, lake, versions, own=str(product.id)
    )
    try:
        with _transformed(product, inputs, workspace, run) as result:
            return publish(
                product,
                result.data,
                lake=lake,
                run_id=run.id,
                partition=run.partition,
                inputs=_versions(inputs, referenced),
                references=references,
                findings=(*expected, *result.findings),
                increment=increment,
                settings=workspace.settings.publishing,
                seen=seen,
            )
    except TransformError as error:
        raise _explained(error, product, inputs) from error.__cause__


def ending_inputs(product: DataProduct, workspace: Workspace) -> list[str]:
    """What a consumer is to be told of inputs that have a last day, in words."""
    found = workspace.catalog.deprecations(port.product for port in product.inputs.values())
    return [f"it reads {d.product}, which is {d}" for d in found.values()]


def _require_open(product: DataProduct, workspace: Workspace, today: date) -> None:
    """Raise EndedInputError for inputs whose last day was over before this product read them."""
    read = [port.product for port in product.inputs.values()]
    ended = [d for d in workspace.catalog.deprecations(read).values() if d.is_over(today)]
    for deprecation in ended:
        uses = workspace.catalog.uses(deprecation.product)
        if not any(
            use.product == str(product.id) and use.published_at.date() <= deprecation.until
            for use in uses
        ):
            instead = deprecation.successor or "another product"
            raise EndedInputError(
                f"it would begin to read {deprecation.product}, which is {deprecation}",
                where=str(product.id),
                hint=f"read {instead}",
            )


def _pinned(product: DataProduct, lake: Lake) -> dict[str, PinnedInput]:
    """The inputs by port; two ports on one product read the same version of it."""
    inputs: dict[str, PinnedInput] = {}
    versions: dict[str, int] = {}
    for port, declared in product.inputs.items():
        known = versions.get(declared.product)
        inputs[port] = pin(port, declared, lake, version=known)
        versions[declared.product] = inputs[port].version
    return inputs


def _versions(
    inputs: Mapping[str, PinnedInput], referenced: tuple[InputVersion, ...]
) -> tuple[InputVersion, ...]:
    read = {pinned.input.product for pinned in inputs.values()}
    return (
        *(pinned.used for pinned in inputs.values()),
        *(version for version in referenced if version.product not in read),
    )


@contextmanager
def _transformed(
    product: DataProduct, inputs: Mapping[str, PinnedInput], workspace: Workspace, run: Run
) -> Iterator[Transformed]:
    if not isinstance(product.transform, SqlModel):
        yield Transformed(_called(product.transform, inputs, run))
        return
    from mesh.engines import dbt

    scans = {port: pinned.scan() for port, pinned in inputs.items()}
    settings = workspace.settings
    with dbt.build(product.transform, product, scans, settings=settings, run_id=run.id) as built:
        yield Transformed(built.reader, tuple(_data_test(test) for test in built.tests))


def _called(function: Callable[..., Any], inputs: Mapping[str, PinnedInput], run: Run) -> Any:
    wanted = annotations_of(function)
    arguments = {port: hand_over(pinned, wanted.get(port)) for port, pinned in inputs.items()}
    if "partition" in inspect.signature(function).parameters and "partition" not in inputs:
        arguments["partition"] = run.partition
    with transform_errors():
        return function(**arguments)


def _data_test(test: DataTestResult) -> Finding:
    rule = data_test(test.name, test.severity)
    return Finding(rule, _OUTCOMES[test.status], test.failures, message=test.message)


def _explained(
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
