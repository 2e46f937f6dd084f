"""Values that may break a rule: at its edges and beyond, empty, repeated, of another shape.

Owns the guesses. Whether one breaks a rule, and which others with it, is the rules' own to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from mesh.contracts.model import Rule
from mesh.testing.values import Clock, Wanted

_STEPS = (1, 2, 100, 5_000)
_STRIDES = tuple(timedelta(minutes=n) for n in (1, 420, 7_200, 576_000, 28_800_000))
_TEXTS = ("", " ", "?", "x", "0", "amber falcon", "é🙂", "a@b", "2024-02-30")


def wild_values(values: pl.Series, rules: Sequence[Rule], rng: np.random.Generator) -> pl.Series:
    """Values of a column that are unlike those which its rules allow, each once; null is first.

    `values` are good ones, from which some are made.
    """
    found: list[Any] = [None]
    for guess in _guesses(values, rules):
        try:
            found += pl.Series([guess], dtype=values.dtype, strict=True).to_list()
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            continue  # it is not of the type, and so no value of the column
    count = 32
    free = Wanted(values.name, values.dtype, (), True, rng, Clock.starting(rng, count), count)  # noqa: FBT003 -- by keyword it is longer
    made = pl.Series(values.name, found, dtype=values.dtype, strict=False)
    return pl.concat([made, free.series(), _extremes(values)])


def _guesses(values: pl.Series, rules: Sequence[Rule]) -> Iterator[Any]:
    seen = [value for value in values.drop_nulls().head(6).to_list() if value is not None]
    for value in (*_arguments(rules), *seen):
        yield value
        yield from _beside(value)
    if values.dtype == pl.String:
        yield from _TEXTS
        lengths = [n for rule in rules for n in rule.arguments.values() if type(n) is int]
        yield from ("x" * (n + 1) for n in lengths if 0 <= n < 1_000_000)  # noqa: PLR2004
    if values.dtype == pl.Boolean:
        yield from (True, False)
    if values.dtype.is_float() and any(rule.check == "custom" for rule in rules):
        yield from (float("nan"), float("inf"), -float("inf"))


def _arguments(rules: Iterable[Rule]) -> Iterator[Any]:
    """The values that rules name: bounds, and what is allowed or forbidden."""
    for rule in rules:
        for value in rule.arguments.values():
            if isinstance(value, list | tuple | set | frozenset):
                yield from list(value)[:20]
            elif value is not None and not isinstance(value, dict | bool):
                yield value


def _beside(value: Any) -> Iterable[Any]:
    """Values that differ from one by little, or by much."""
    for kind, guesses in _NEIGHBOURS.items():
        if isinstance(value, kind):
            return guesses(value)
    return ()


def _beside_number(value: Any) -> list[Any]:
    near = [*(value + step for step in _STEPS), *(value - step for step in _STEPS)]
    return [*near, value + 0.25, value * 1.001, -value] if isinstance(value, float) else near


def _beside_decimal(value: Decimal) -> list[Any]:
    last = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return [value + last, value - last, value + 5_000, -value]


_NEIGHBOURS: Mapping[type, Callable[[Any], list[Any]]] = {
    bool: lambda value: [not value],  # before int, of which it is one
    int: _beside_number,
    float: _beside_number,
    Decimal: _beside_decimal,
    datetime: lambda value: [value + sign * step for step in _STRIDES for sign in (1, -1)],
    date: lambda value: [
        value + timedelta(days=days) for days in (1, -1, 400, -400, 20_000, -20_000)
    ],
    timedelta: lambda value: [value + sign * step for step in _STRIDES for sign in (1, -1)],
    str: lambda v: [f"{v}?", f"?{v}", v[:-1], v.swapcase(), v * 3, v[::-1]],
    bytes: lambda value: [value + b"?", b""],
    list: lambda value: [[], value[:1], value + value, value * 5, [None]],
    dict: lambda value: [dict.fromkeys(value), *({**value, name: None} for name in value)],
}


def _extremes(values: pl.Series) -> pl.Series:
    if not values.dtype.is_integer():
        return values.clear()
    limits = pl.select(values.dtype.min().alias("a"), values.dtype.max().alias("b")).row(0)  # type: ignore[attr-defined]
    return pl.Series(values.name, limits, dtype=values.dtype)
