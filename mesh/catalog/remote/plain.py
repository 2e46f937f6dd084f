"""Values of the catalog as JSON can hold them, and back, by type hints.

Owns one rule a kind of type: frozen dataclasses go field by field, contracts and states by their
own plain form. What is decoded has the types that were hinted, or is refused; fields of a later
Mesh are passed over. A type that has no rule is refused when its codec is made, not on the way.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mesh.contracts.model import Contract, Version
from mesh.naming import ProductId
from mesh.products.state import MeshState

_WIDEST = 2**63
"""No database of a catalog keeps a larger integer."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type travel. `decode` raises ValueError for what is not of the type."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        message = f"{text} has no time zone"
        raise ValueError(message)
    return found


_TEXTS: Mapping[type, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    datetime: (datetime.isoformat, _instant),
    date: (date.isoformat, date.fromisoformat),
    Decimal: (str, Decimal),
    ProductId: (str, ProductId.parse),
    Version: (str, Version.parse),
}
_OWN: Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    Contract: (Contract.as_json, Contract.from_json),
    MeshState: (MeshState.as_json, MeshState.from_json),
}
_SCALARS = (str, int, float, bool)
_SEQUENCES: Mapping[Any, Callable[[Iterable[Any]], Any]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    Sequence: list,
    Iterable: list,
    Collection: list,
}


@cache
def codec_of(hint: Any) -> Codec:
    """The codec of a type hint. Raises TypeError for a type that has no plain form."""
    if hint is Any or hint is object:
        return Codec(_loose, _restored)
    if hint is None or hint is type(None):
        return Codec(lambda _: None, lambda _: None)
    if hint in _SCALARS:
        return Codec(lambda value: value, lambda value: _scalar(hint, value))
    if hint in _TEXTS:
        write, read = _TEXTS[hint]
        return Codec(write, lambda value: read(_scalar(str, value)))
    if hint in _OWN:
        return Codec(*_OWN[hint])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Codec(lambda value: value.value, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint, {})
    return _composite(hint, get_origin(hint) or hint, get_args(hint))


def _composite(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> Codec:
    if origin is Literal:
        return Codec(lambda value: value, lambda value: _one_of(arguments, value))
    if origin in {Union, types.UnionType}:
        return _union(arguments)
    if isinstance(origin, type) and is_dataclass(origin):
        return _dataclass(origin, dict(zip(_parameters(origin), arguments, strict=True)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, value = arguments or (str, Any)
        return _mapping(codec_of(value)) if key is str else _pairs(codec_of(key), codec_of(value))
    if origin is tuple and arguments and Ellipsis not in arguments:
        return _fixed([codec_of(argument) for argument in arguments])
    if origin in _SEQUENCES:
        return _sequence(_SEQUENCES[origin], codec_of(arguments[0] if arguments else Any))
    message = f"{hint!r} has no plain form"
    raise TypeError(message)


def _parameters(kind: type) -> tuple[Any, ...]:
    return tuple(getattr(kind, "__parameters__", ()))


def _dataclass(kind: type, bound: Mapping[Any, Any]) -> Codec:
    """Field by field; `bound` says what the type variables of a generic one stand for."""
    hints = {name: _bound(hint, bound) for name, hint in get_type_hints(kind).items()}
    parts = [(part, codec_of(hints[part.name])) for part in fields(kind) if part.init]

    def encode(value: Any) -> dict[str, Any]:
        return {part.name: codec.encode(getattr(value, part.name)) for part, codec in parts}

    def decode(value: Any) -> Any:
        data = _as(dict, value)
        for part, _ in parts:
            is_needed = part.default is MISSING and part.default_factory is MISSING
            if is_needed and part.name not in data:
                message = f"{kind.__name__} lacks {part.name}"
                raise ValueError(message)
        known = {p.name: codec.decode(data[p.name]) for p, codec in parts if p.name in data}
        return kind(**known)

    return Codec(encode, decode)


def _union(options: tuple[Any, ...]) -> Codec:
    """None, and one type or several scalars: any other union could not be told apart."""
    others = [option for option in options if option is not type(None)]
    if len(others) == 1:
        inner = codec_of(others[0])
        return Codec(
            lambda value: None if value is None else inner.encode(value),
            lambda value: None if value is None else inner.decode(value),
        )
    if set(others) <= set(_SCALARS):
        return Codec(lambda value: value, lambda value: _any_scalar(options, value))
    message = f"{options!r} cannot be told apart"
    raise TypeError(message)


def _mapping(inner: Codec) -> Codec:
    return Codec(
        lambda value: {name: inner.encode(item) for name, item in value.items()},
        lambda value: {name: inner.decode(item) for name, item in _as(dict, value).items()},
    )


def _pairs(keys: Codec, values: Codec) -> Codec:
    """A mapping whose keys are no texts, such as columns."""
    return Codec(
        lambda value: [[keys.encode(key), values.encode(item)] for key, item in value.items()],
        lambda value: {keys.decode(key): values.decode(item) for key, item in _as(list, value)},
    )


def _bound(hint: Any, bound: Mapping[Any, Any]) -> Any:
    if hint in bound:
        return bound[hint]
    names = getattr(hint, "__parameters__", ())
    return hint[tuple(bound[name] for name in names)] if names and bound else hint


def _sequence(make: Callable[[Iterable[Any]], Any], inner: Codec) -> Codec:
    return Codec(
        lambda value: [inner.encode(item) for item in value],
        lambda value: make([inner.decode(item) for item in _as(list, value)]),
    )


def _fixed(inner: list[Codec]) -> Codec:
    return Codec(
        lambda value: [codec.encode(item) for codec, item in zip(inner, value, strict=True)],
        lambda value: tuple(c.decode(i) for c, i in zip(inner, _as(list, value), strict=True)),
    )


def _scalar(kind: type, value: Any) -> Any:
    is_exact = type(value) is kind or (kind is float and type(value) is int)
    if not is_exact or (type(value) is int and not -_WIDEST <= value < _WIDEST):
        message = f"{str(value)[:60]!r} is no {kind.__name__}"
        raise ValueError(message)
    return value


def _any_scalar(options: tuple[Any, ...], value: Any) -> Any:
    _one_of(options, type(value))
    return value


def _one_of(options: tuple[Any, ...], value: Any) -> Any:
    if value not in options:
        message = f"{str(value)[:60]!r} is none of {', '.join(str(option) for option in options)}"
        raise ValueError(message)
    return value


def _as(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        message = f"{str(value)[:60]!r} is no {kind.__name__}"
        raise ValueError(message)  # noqa: TRY004 -- a value from outside, as others that do not fit
    return value


_TAG = "$"
_TAGGED: Mapping[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "seconds": (timedelta, timedelta.total_seconds, lambda value: timedelta(seconds=value)),
    "decimal": (Decimal, str, Decimal),
}
"""What JSON lacks, where a hint says no more than Any; a datetime is a date, so it comes first."""


def _loose(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, Mapping):
        plain = {str(name): _loose(item) for name, item in value.items()}
        return {_TAG: "mapping", "value": [*plain.items()]} if _TAG in plain else plain
    if isinstance(value, list | tuple | set | frozenset):
        return [_loose(item) for item in value]
    for tag, (kind, write, _read) in _TAGGED.items():
        if isinstance(value, kind):
            return {_TAG: tag, "value": write(value)}
    message = f"a {type(value).__name__} has no plain form"
    raise TypeError(message)


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_TAG) == "mapping":  # one that has the tag for a key itself
        return {name: _restored(item) for name, item in value["value"]}
    if value.keys() == {_TAG, "value"} and value[_TAG] in _TAGGED:
        return _TAGGED[value[_TAG]][2](value["value"])
    return {name: _restored(item) for name, item in value.items()}
