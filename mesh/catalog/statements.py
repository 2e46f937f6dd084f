"""How much one statement may name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

Value = TypeVar("Value")
_CHUNK = 500
"""Values that one statement names; SQLite allows 32,766."""


def chunks(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    """The values in groups that fit into one statement."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
