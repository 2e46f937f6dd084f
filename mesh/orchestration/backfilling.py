"""A backfill: some partitions of a product, run again in their order, each its own publication.

Owns which partitions of which products are run. A product downstream that has partitions, too, runs
those of the chosen that it has; one without runs once. Nothing is run before every product is known
to have something to run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mesh.errors import MeshError
from mesh.naming import ProductId
from mesh.products.choosing import Choice, since
from mesh.products.declaration import DataProduct
from mesh.products.ports import StaticPartitions


def downstream(
    products: Sequence[DataProduct], all_products: Sequence[DataProduct]
) -> list[DataProduct]:
    """The products, and everything that is made from them to any depth."""
    reached = {str(product.id) for product in products}
    reads = {str(p.id): {port.product for port in p.inputs.values()} for p in all_products}
    while True:
        more = {name for name, inputs in reads.items() if reached & inputs} - reached
        if not more:
            break
        reached |= more
    return [product for product in all_products if str(product.id) in reached]


def partitions_since(
    products: Sequence[DataProduct], named: Collection[ProductId], day: str
) -> dict[str, tuple[str, ...]]:
    """The partitions of each product since a day; names have no time, and are all run.

    Raises MeshError, with every problem of the `named` products.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    problems: list[MeshError] = []
    for product in _parted(products, named, problems):
        is_timeless = isinstance(product.partitions, StaticPartitions)
        if is_timeless and product.id not in named:
            continue
        try:
            chosen[str(product.id)] = since(product, day)
        except MeshError as error:
            problems.append(error)
    _raise(problems)
    return chosen


def partitions_among(
    products: Sequence[DataProduct], named: Collection[ProductId], choice: Choice
) -> dict[str, tuple[str, ...]]:
    """The chosen partitions of each product; of those that are not `named`, the ones they have.

    Raises MeshError, with every problem of the `named` products.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    problems: list[MeshError] = []
    parted = list(_parted(products, named, problems))
    for product in parted:
        if product.id in named:
            try:
                chosen[str(product.id)] = choice.among(_keys(product), where=str(product.id))
            except MeshError as error:
                problems.append(error)
    wanted = {key for keys in chosen.values() for key in keys}
    for product in parted if not problems else ():
        if product.id not in named:
            shared = tuple(key for key in _keys(product) if key in wanted)
            chosen[str(product.id)] = shared or _nothing_shared(product, problems)
    _raise(problems)
    return chosen


def _parted(
    products: Sequence[DataProduct], named: Collection[ProductId], problems: list[MeshError]
) -> list[DataProduct]:
    """The products with partitions; one that is named and has none is a problem."""
    for product in products:
        if product.id in named and product.partitions is None:
            hint = f"`mesh run {product.id}` makes all of it"
            problems.append(MeshError("it has no partitions", where=str(product.id), hint=hint))
    return [product for product in products if product.partitions is not None]


def _keys(product: DataProduct) -> tuple[str, ...]:
    return product.partitions.keys() if product.partitions is not None else ()


def _nothing_shared(product: DataProduct, problems: list[MeshError]) -> tuple[str, ...]:
    hint = f"run it by itself: `mesh run {product.id} --partitions …`"
    problems.append(MeshError("it has none of these partitions", where=str(product.id), hint=hint))
    return ()


def _raise(problems: list[MeshError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise MeshError("\n".join(str(problem) for problem in problems))
