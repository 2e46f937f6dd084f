"""Rows of data as a table that fits the terminal.

Owns which columns are shown when not all fit: those that were asked for, then the first ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mesh.cli.console import (
    WIDTH_WITHOUT_TERMINAL,
    add_row,
    one_line,
    print_table,
    say,
    shown,
    stdout,
    table,
)

LONGEST_CELL = 60
_GAP = 2


def print_rows(rows: pl.DataFrame, wanted: Sequence[str] = (), *, hint: str) -> None:
    """Print rows; names the columns that there was no room for, and with `hint` how to see them."""
    cells = {name: [_cell(value) for value in rows[name]] for name in rows.columns}
    widths = {name: max(len(text) for text in [name, *cells[name]]) for name in cells}
    names = _fitting(widths, wanted, stdout().width or WIDTH_WITHOUT_TERMINAL)
    numbers = [name for name in names if rows.schema[name].is_numeric()]
    made = table(*names, right=numbers)
    for index in range(rows.height):
        add_row(made, *(cells[name][index] for name in names))
    print_table(made)
    if left_out := [name for name in rows.columns if name not in names]:
        say(f"no room for {', '.join(left_out)}; {hint}", "dim")


def _fitting(widths: dict[str, int], wanted: Sequence[str], room: int) -> list[str]:
    """The columns that fit into `room`, in the order of the data; at least one."""
    order = [*(n for n in wanted if n in widths), *(n for n in widths if n not in wanted)]
    chosen: list[str] = []
    left = room
    for name in order:
        if chosen and widths[name] + _GAP > left:
            break
        chosen.append(name)
        left -= widths[name] + _GAP
    return [name for name in widths if name in chosen]


def _cell(value: Any) -> str:
    text = one_line(shown(value.to_list() if isinstance(value, pl.Series) else value))
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
