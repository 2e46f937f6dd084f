"""Values and calls as Python source.

Owns how a value is written so that it reads well and comes back equal, and how a call breaks over
lines. Refuses (TypeError) values that no rule may hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

WIDTH = 100


def literal(value: object) -> str:  # noqa: C901, PLR0911 -- one line for each type of value
    """A value as source. Raises TypeError."""
    match value:
        case str():
            return text(str(value))
        case float() if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124
            return f'float("{value}")'
        case None | bool() | int() | float() | bytes():
            return repr(value)
        case Decimal():
            return f'Decimal("{value}")'
        case datetime():
            return f'datetime.fromisoformat("{value.isoformat()}")'
        case date():
            return f'date.fromisoformat("{value.isoformat()}")'
        case timedelta():
            return (
                f"timedelta(days={value.days}, seconds={value.seconds}, "
                f"microseconds={value.microseconds})"
            )
        case re.Pattern():
            return f"re.compile({literal(value.pattern)})"
        case list() | range():
            return f"[{', '.join(map(literal, value))}]"
        case tuple():
            return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
        case set() | frozenset():
            items = ", ".join(sorted(map(literal, value)))
            return f"{{{items}}}" if value else "set()"
        case Mapping():
            return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    message = f"{value!r} cannot be written into a contract's source"
    raise TypeError(message)


def text(value: str) -> str:
    """A text in double quotes where that needs no escapes, else as Python shows it."""
    is_plain = value.isprintable() and not set(value) & {'"', "\\"}
    return f'"{value}"' if is_plain else repr(value)


def call(name: str, arguments: Sequence[str], *, before: str = "", indent: int = 4) -> str:
    """A call after `before`, on one line where it fits, else one argument a line."""
    margin = " " * indent
    line = f"{margin}{before}{name}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        return line
    inner = "".join(f"{margin}    {argument},\n" for argument in arguments)
    return f"{margin}{before}{name}(\n{inner}{margin})"


def named(arguments: Mapping[str, object]) -> list[str]:
    """Keyword arguments as source."""
    return [f"{name}={literal(value)}" for name, value in arguments.items()]


def listed(name: str, items: Sequence[str], *, indent: int = 8) -> str:
    """An assignment of a list, one item a line where it does not fit on one."""
    margin = " " * indent
    line = f"{margin}{name} = [{', '.join(item.strip() for item in items)}]"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    inner = "".join(f"{item},\n" for item in items)
    return f"{margin}{name} = [\n{inner}{margin}]"
