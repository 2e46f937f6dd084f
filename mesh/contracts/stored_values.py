"""A rule's arguments read back from JSON: texts become what a column is compared with.

Owns the way back from what `Rule.as_json` writes: times, decimals, durations and bytes are texts
there. What is no such text stays as it is, and is told of when the rule is compiled.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

_DURATION = re.compile(r"(?:(-?\d+) days?, )?(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")

_COMPARING = frozenset(
    {
        "equal_to",
        "not_equal_to",
        "greater_than",
        "greater_than_or_equal_to",
        "less_than",
        "less_than_or_equal_to",
        "in_range",
        "isin",
        "notin",
        "unique_values_eq",
    }
)


def restored(check: str, arguments: Mapping[str, Any], data_type: str) -> dict[str, Any]:
    """The arguments of a check on a column of this type, as they were before JSON."""
    read = _READERS.get(data_type.partition("(")[0])
    if read is None or check not in _COMPARING:
        return dict(arguments)
    return {name: _read(value, read) for name, value in arguments.items()}


def _read(value: Any, read: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_read(item, read) for item in value]
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except (ValueError, SyntaxError, InvalidOperation):
        return value


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        message = f"{text!r} is no duration"
        raise ValueError(message)
    days, hours, minutes, seconds, fraction = match.groups()
    return timedelta(
        days=int(days or 0),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or "0").ljust(6, "0")),
    )


_READERS: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "local_timestamp": datetime.fromisoformat,
    "decimal": Decimal,
    "duration": _duration,
    "binary": ast.literal_eval,
}
