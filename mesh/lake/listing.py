"""The products whose tables lie in a lake, whoever declares them.

Owns the walk from the lake's root down to tables. Folders that are no product's are passed over;
what cannot be listed is told, and keeps nothing else from being found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh.errors import Problem, StorageError
from mesh.lake.store import Store, open_store
from mesh.naming import ProductId, may_hold_products

if TYPE_CHECKING:
    from mesh.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class Listed:
    """Products that have a folder where their table would be, and what could not be listed."""

    products: tuple[ProductId, ...]
    problems: tuple[Problem, ...] = ()


def products_in(lake: Lake) -> Listed:
    """Every product that may have a table in a lake; those it falls back to are not looked at.

    Costs one request for each domain and each product on an object store.
    """
    problems: list[Problem] = []
    try:
        store = open_store(lake.url, lake.options)
    except StorageError as error:
        return Listed((), (Problem(error.what, error.where, error.hint),))
    return Listed(tuple(_walk(store, problems)), tuple(problems))


def _walk(store: Store, problems: list[Problem]) -> Iterator[ProductId]:
    for domain in _folders(store, "", problems):
        if not may_hold_products(domain):
            continue
        for name in _folders(store, domain, problems):
            if not may_hold_products(domain, name):
                continue
            for version in _folders(store, f"{domain}/{name}", problems):
                if (found := ProductId.of_path(f"{domain}/{name}/{version}")) is not None:
                    yield found


def _folders(store: Store, prefix: str, problems: list[Problem]) -> Sequence[str]:
    try:
        return store.folders(prefix)
    except StorageError as error:
        what = f"the products in it cannot be listed: {error.what}"
        problems.append(Problem(what, error.where or prefix, error.hint))
        return []
