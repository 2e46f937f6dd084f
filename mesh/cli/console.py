"""What commands print: tables, blocks, JSON.

Owns Rich, and how a value looks on a terminal. Data is never read as markup, and control characters
in it are shown, never obeyed.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160
"""Columns of a line where no terminal says how wide it is: a file, a pipe, a log."""

NARROWEST_TEXT = 30
"""Columns that running text has at least."""

NOTHING = "-"
"""What stands for a value that is not there."""


def stdout() -> Console:
    """The console of results."""
    return _console(is_error=False)


def stderr() -> Console:
    """The console of errors, warnings and progress."""
    return _console(is_error=True)


def _console(*, is_error: bool) -> Console:
    from rich.console import Console

    return Console(
        stderr=is_error,
        width=shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 50)).columns,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def say(text: str = "", style: str = "") -> None:
    """Print a line to standard output."""
    stdout().print(visible(text), style=style or None)


def warn(text: str) -> None:
    """Print a line to standard error."""
    stderr().print(visible(text), style="yellow")


def print_error(error: BaseException) -> None:
    """Print an error as one readable block to standard error."""
    stderr().print(block(str(error)))


def block(text: str) -> Text:
    """Several lines of which the first says what happened, and `try:` lines what to do next."""
    from rich.text import Text

    lines = visible(text).splitlines() or [""]
    styled = Text()
    for number, line in enumerate(lines):
        is_hint = line.lstrip().startswith("try:")
        style = "cyan" if is_hint else "" if line.startswith(" ") else "bold red"
        styled.append(line, style=style)
        styled.append("\n" if number < len(lines) - 1 else "")
    return styled


def print_json(data: Any) -> None:
    """Print plain values as indented JSON to standard output."""
    text = json.dumps(data, indent=2, ensure_ascii=False, default=plain)
    sys.stdout.write(f"{text}\n")


def plain(value: object) -> Any:
    """A value that JSON does not know, as one that it knows."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def table(*columns: str, right: Iterable[str] = (), wrapping: Iterable[str] = ()) -> Table:
    """An empty table; `right` names the columns of numbers, `wrapping` those of running text."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    numbers, texts = set(right), set(wrapping)
    for name in columns:
        is_text = name in texts
        made.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=not is_text,
            min_width=NARROWEST_TEXT if is_text else None,
        )
    return made


def add_row(to: Table, *cells: object, style: str = "") -> None:
    """Add a row of values."""
    from rich.text import Text

    to.add_row(
        *(cell if isinstance(cell, Text) else Text(shown(cell)) for cell in cells),
        style=style or None,
    )


def print_table(made: Table) -> None:
    """Print a table: running text wraps to fit, other cells are never cut."""
    console = stdout()
    console.width = (
        max(console.width, _width(made).minimum) if _wraps(made) else _width(made).maximum
    )
    console.print(made, soft_wrap=False)


def _wraps(made: Table) -> bool:
    return any(not column.no_wrap for column in made.columns)


def _width(made: Table) -> Measurement:
    """The width that a table cannot do without, and the one at which no text wraps."""
    from rich.console import Console
    from rich.measure import Measurement

    wide = Console(width=10_000)
    return Measurement.get(wide, wide.options, made)


def shown(value: object) -> str:
    """A value as people read it in a cell; times in UTC."""
    words = next((words for kind, words in _WORDS if isinstance(value, kind)), None)
    return visible(words(value) if words else str(value))


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(sep=" ")
    return value.astimezone(UTC).isoformat(sep=" ").replace("+00:00", "Z")


def _sequence(value: Sequence[object]) -> str:
    return f"[{', '.join(shown(item) for item in value)}]"


def _mapping(value: Mapping[str, object]) -> str:
    return f"{{{', '.join(f'{name}: {shown(item)}' for name, item in value.items())}}}"


_WORDS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (type(None), lambda _: NOTHING),
    (bool, lambda value: str(value).lower()),
    (float, lambda value: f"{value:.12g}"),
    (Decimal, lambda value: f"{value:f}"),
    (str, lambda value: value),
    (datetime, _time),
    (date, lambda value: value.isoformat()),
    (timedelta, str),
    (Mapping, _mapping),
    (Sequence, _sequence),
)


def visible(text: str) -> str:
    """A text whose control characters are written out: data cannot steer the terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in text
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def one_line(text: str) -> str:
    """A text without line breaks, for a cell."""
    return " ".join(text.split())


def moment(value: datetime) -> str:
    """A time to the second, in UTC."""
    return _time(value.replace(microsecond=0))


def age(since: datetime, now: datetime | None = None) -> str:
    """How long ago something was: `3 minutes ago`."""
    seconds = int(((now or datetime.now(UTC)) - since).total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """A number of bytes: `1.2 MiB`."""
    value = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:  # noqa: PLR2004 -- a step of binary units
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"
