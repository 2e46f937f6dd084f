"""Running many products: in the order of their inputs, side by side where that is possible.

Owns the order, the threads and the account of what became of each product. A product whose input
failed is not run. Imports no Dagster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

from mesh.catalog.emissions import run_id_of
from mesh.catalog.receipts import Receipt, Refusal
from mesh.errors import MeshError, UnknownPartitionError
from mesh.orchestration.execution import Run, execute
from mesh.orchestration.openlineage.jobs import ParentRun
from mesh.orchestration.workspace import Workspace
from mesh.products.consistency import dependencies, run_order
from mesh.products.declaration import DataProduct


@dataclass(frozen=True, slots=True)
class Failed:
    """A product whose run broke. Nothing was published.

    The error is a MeshError, or whatever a bug in Mesh raised: then it is that bug's.
    """

    error: BaseException


@dataclass(frozen=True, slots=True)
class Blocked:
    """A product that was not run, because of inputs that were not published."""

    by: tuple[str, ...]


RunOutcome = Receipt | Refusal | Failed | Blocked


@dataclass(frozen=True, slots=True)
class Started:
    """A product's run began."""

    product: DataProduct


@dataclass(frozen=True, slots=True)
class Finished:
    """A product's run ended, after some seconds.

    `receipts` are its publications: one, or one a partition up to the one that was refused or
    broke. `outcome` is that of the last.
    """

    product: DataProduct
    outcome: RunOutcome
    seconds: float
    receipts: tuple[Receipt, ...] = ()

    @property
    def rows_accepted(self) -> int:
        """Rows that were published, over all partitions."""
        return sum(receipt.rows_accepted for receipt in self.receipts)

    @property
    def rows_rejected(self) -> int:
        """Rows that were rejected, over all partitions."""
        refused = self.outcome.verdict.rejected if isinstance(self.outcome, Refusal) else 0
        return refused + sum(receipt.rows_rejected for receipt in self.receipts)

    @property
    def rows_deleted(self) -> int:
        """Rows of the table that were deleted, over all partitions."""
        return sum(receipt.rows_deleted for receipt in self.receipts)


RunEvent = Started | Finished


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What became of every product of a run, in the order of running."""

    run: Run
    results: Mapping[str, Finished]
    seconds: float

    @property
    def is_successful(self) -> bool:
        """Whether every product has a receipt."""
        return all(isinstance(item.outcome, Receipt) for item in self.results.values())


def run_products(
    workspace: Workspace,
    products: Sequence[DataProduct],
    run: Run,
    *,
    workers: int,
    on_event: Callable[[RunEvent], None] = lambda _: None,
) -> RunSummary:
    """Run products, each after those that it reads, up to `workers` at a time.

    `on_event` is called from this thread. Raises CyclicInputsError before anything is run.
    """
    begun = time.monotonic()
    ordered = {str(product.id): product for product in run_order(products)}
    results: dict[str, Finished] = {}
    order = TopologicalSorter(dependencies(products))
    order.prepare()
    running: dict[Future[Finished], str] = {}
    each = run if len(products) == 1 or run.parent else replace(run, parent=_parent(run))
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="mesh-run") as pool:
        while order.is_active():
            for name in sorted(order.get_ready(), key=list(ordered).index):
                product = ordered[name]
                if by := _blockers(product, results):
                    results[name] = Finished(product, Blocked(by), 0.0)
                    on_event(results[name])
                    order.done(name)
                else:
                    on_event(Started(product))
                    running[pool.submit(_run_one, product, workspace, each)] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                name = running.pop(future)
                results[name] = _finished(future, ordered[name])
                on_event(results[name])
                order.done(name)
    arranged = {name: results[name] for name in ordered}
    return RunSummary(run, arranged, time.monotonic() - begun)


def _parent(run: Run) -> ParentRun:
    """The run of several products, as each is told to be part of it."""
    return ParentRun(run_id_of(run.id, 0), "mesh_run")


def _finished(future: Future[Finished], product: DataProduct) -> Finished:
    """What came of a run; a bug met by one product does not hide what the others did."""
    error = future.exception()
    return future.result() if error is None else Finished(product, Failed(error), 0.0)


def _run_one(product: DataProduct, workspace: Workspace, run: Run) -> Finished:
    begun = time.monotonic()
    receipts: list[Receipt] = []
    outcome: RunOutcome
    try:
        for partition in partitions_of(product, run):
            outcome = execute(product, workspace, replace(run, partition=partition))
            if isinstance(outcome, Refusal):
                break
            receipts.append(outcome)
    except MeshError as error:
        outcome = Failed(error)
    return Finished(product, outcome, time.monotonic() - begun, tuple(receipts))


def partitions_of(product: DataProduct, run: Run) -> tuple[str, ...]:
    """The partitions of a product that a run is about: those chosen, the run's own, or all of them.

    A product without partitions has one, which has no name. Raises UnknownPartitionError.
    """
    if product.partitions is None:
        return ("",)
    if str(product.id) in run.partitions:
        return run.partitions[str(product.id)]
    keys = product.partitions.keys()
    if not keys:
        raise MeshError("no partition is over yet", where=str(product.id), hint="run it later")
    if not run.partition:
        return keys
    if run.partition not in keys:
        raise UnknownPartitionError(run.partition, keys, where=str(product.id))
    return (run.partition,)


def _blockers(product: DataProduct, results: Mapping[str, Finished]) -> tuple[str, ...]:
    names = {port.product for port in product.inputs.values()}
    return tuple(
        sorted(
            name
            for name in names
            if name in results and not isinstance(results[name].outcome, Receipt)
        )
    )
