"""What of a catalog can be called from afar: its public methods, and those of its facets.

Owns the list, which is read from the classes themselves, so that a method of the catalog is a
method of a remote one. `composed` methods only call others, and run at the caller's end. Knows
nothing of HTTP.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from mesh.catalog.remote.plain import Codec, codec_of

PROTOCOL = 1
"""Goes up when an older client could misunderstand a newer server."""

_LOCAL = frozenset({"open", "close", "held", "stamp", "differences_from", "give_place_to"})
_MARK = "__mesh_composed__"
_Method = TypeVar("_Method", bound=Callable[..., Any])


def composed(method: _Method) -> _Method:
    """Mark a method that only calls other methods of its object: it needs no way of its own."""
    setattr(method, _MARK, True)
    return method


@dataclass(frozen=True, slots=True)
class Operation:
    """One method, by name: `record`, or `search.find` of a facet."""

    name: str
    signature: inspect.Signature
    arguments: Mapping[str, Codec]
    result: Codec

    def encoded(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The arguments of a call (without `self`) as plain values."""
        bound = self.signature.bind(None, *args, **kwargs).arguments
        return {name: self.arguments[name].encode(bound[name]) for name in [*bound][1:]}

    def decoded(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments by name, from plain values. Raises ValueError for what does not fit."""
        if unknown := sorted(given.keys() - self.arguments.keys()):
            message = f"{self.name} takes no {', '.join(unknown)}"
            raise ValueError(message)
        values = {name: self.arguments[name].decode(value) for name, value in given.items()}
        try:
            self.signature.bind(None, **values)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return values


def operations_of(kind: type, prefix: str = "") -> dict[str, Operation]:
    """The operations that a class offers, by the method's own name.

    Raises TypeError when a method takes or returns what has no plain form.
    """
    return {
        name: _operation(f"{prefix}{name}", method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and name not in _LOCAL and not hasattr(method, _MARK)
    }


def facets_of(catalog: object) -> dict[str, object]:
    """The parts that a catalog has as public attributes, `tokens` and others."""
    return {name: part for name, part in vars(catalog).items() if not name.startswith("_")}


def _operation(name: str, method: Callable[..., Any]) -> Operation:
    hints = get_type_hints(method)
    signature = inspect.signature(method)
    names = [*signature.parameters][1:]
    try:
        arguments = {parameter: codec_of(hints[parameter]) for parameter in names}
        return Operation(name, signature, arguments, codec_of(hints["return"]))
    except (TypeError, KeyError) as error:
        message = f"{method.__qualname__} cannot be called from afar: {error}"
        raise TypeError(message) from error
