"""Service levels of a document that become a product's: how fresh it is, and how long it is kept.

Owns how a level's value, unit and element are read for one table. The others are kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from mesh.contracts.odcs.model import Findings, Levels, Part
from mesh.contracts.odcs.relations import Tables
from mesh.contracts.periods import UNITS

_TIMES = frozenset({"date", "timestamp", "local_timestamp"})
_FRESHNESS = frozenset({"latency", "freshness"})
_DAYS = {"mo": 30, "y": 365}


def levels_of(document: Part, table: str, types: Mapping[str, str], findings: Findings) -> Levels:
    """The levels that a document has for a table; of several the first."""
    tables, found = Tables(document), Levels()
    for level in document.parts("slaProperties"):
        name = level.text("property").lower()
        element = level.text("element") or document.text("slaDefaultElement")
        columns = [
            _column(word.strip(), table, tables) for word in element.split(",") if word.strip()
        ]
        if any(column is None for column in columns):
            findings.keep(f"{element!r} is no column of this table", level.path)
        elif name in _FRESHNESS and not found.freshness:
            found = Levels(_freshness(level, findings), found.retention, found.retention_column)
        elif name == "retention" and not found.retention:
            column = columns[0] if len(columns) == 1 and columns[0] else ""
            period = _period(level, column, types, findings)
            found = Levels(found.freshness, period, column if period else "")
        else:
            findings.keep("a service level that no publication is held against", level.path)
    return found


def _column(element: str, table: str, tables: Tables) -> str | None:
    """The column that an element names; empty for the table itself, None for another table's."""
    if tables.table(element):
        return "" if tables.table(element) == table else None
    left, _, name = element.rpartition(".")
    if left and tables.table(left) != table:
        return None
    return tables.columns(table).get(name) if table in tables.parts else None


def _count(level: Part, findings: Findings) -> tuple[int, str] | None:
    """A level as a whole number of a unit, days where it names none."""
    value, unit = level.number("value"), UNITS.get((level.text("unit") or "d").strip().lower())
    said = level.text("value").strip()
    if value is None and said.isdigit():
        value = int(said)
    if not isinstance(value, int) or value < 1 or unit is None:
        shown = f"{level.data.get('value')!r} {level.text('unit')}".strip()
        findings.keep(f"{shown} is no time in whole days, hours or the like", level.path)
        return None
    return value, unit


def _freshness(level: Part, findings: Findings) -> str:
    found = _count(level, findings)
    if found is None:
        return ""
    value, unit = found
    return f"{value * _DAYS[unit]}d" if unit in _DAYS else f"{value}{unit}"


def _period(level: Part, column: str, types: Mapping[str, str], findings: Findings) -> str:
    found = _count(level, findings)
    if found is None:
        return ""
    value, unit = found
    if column and types[column] not in _TIMES:
        findings.keep(f"rows have no age by {column}, which is a {types[column]}", level.path)
        return ""
    if unit in {"s", "m", "h"} or value > 9999:  # noqa: PLR2004 -- as `mesh.Retention` has it
        findings.keep("retention is in days, weeks, months or years", level.path)
        return ""
    return f"{value}{unit}"
