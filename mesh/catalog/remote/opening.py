"""A catalog at a URL, with the methods and facets of any other.

Owns the making of it: each class of the catalog gets a subclass whose methods ask the other end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from mesh.catalog.database import Database
from mesh.catalog.remote.client import Caller
from mesh.catalog.remote.kept import Token
from mesh.catalog.remote.operations import Operation, facets_of, operations_of
from mesh.errors import CatalogError

if TYPE_CHECKING:
    from mesh.catalog.store import Catalog

_Part = TypeVar("_Part")


class _Elsewhere(Database):
    """Stands where a catalog has its database: that is at the other end, out of reach."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.where = caller.where

    def reading(self) -> NoReturn:
        """Raises CatalogError."""
        raise self._unreachable()

    def writing(self) -> NoReturn:
        """Raises CatalogError."""
        raise self._unreachable()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing: connections are kept anyhow."""
        yield

    def stamp(self) -> Hashable:
        """One that equals no other: what changed there is not told from afar."""
        return object()

    def close(self) -> None:
        """Let go of the connections."""
        self._caller.close()

    def _unreachable(self) -> CatalogError:
        return CatalogError(
            "this needs the catalog's own database",
            where=self.where,
            hint="run it where the catalog is served",
        )


def open_remote(
    kind: type[Catalog], url: str, token: Token, ca_bundle: Path | None = None
) -> Catalog:
    """The catalog that `mesh serve` serves at a URL.

    Raises CatalogError when nobody answers, a newer Mesh does, the token is refused, or the
    certificate is not trusted.
    """
    caller = Caller(url, token, ca_bundle=ca_bundle)
    try:
        caller.check()
    except BaseException:
        caller.close()
        raise
    catalog = _afar(kind, caller, "")(_Elsewhere(caller))
    for name, part in facets_of(catalog).items():
        setattr(catalog, name, _moved(part, caller, f"{name}."))
    return catalog


def _moved(part: _Part, caller: Caller, prefix: str) -> _Part:
    """A facet with the same state, whose methods ask the other end."""
    kind = _afar(type(part), caller, prefix)
    moved = kind.__new__(kind)
    for name, value in vars(part).items():
        object.__setattr__(moved, name, value)
    return moved


def _afar(kind: type[_Part], caller: Caller, prefix: str) -> type[_Part]:
    methods = {
        name: _forwarding(operation, caller)
        for name, operation in operations_of(kind, prefix).items()
    }
    return type(f"Remote{kind.__name__}", (kind,), methods)


def _forwarding(operation: Operation, caller: Caller) -> Callable[..., Any]:
    def forward(_self: object, *args: Any, **kwargs: Any) -> Any:
        arguments = operation.encoded(*args, **kwargs)
        return operation.result.decode(caller.call(operation.name, arguments))

    forward.__name__ = operation.name.rpartition(".")[2]
    forward.__doc__ = "Asks the other end."
    forward.__signature__ = operation.signature  # type: ignore[attr-defined]
    return forward
