"""Partitions as Dagster counts them: the same keys as the declaration's."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg

from mesh.products.ports import DailyPartitions, MonthlyPartitions, Partitions


def partitions_definition(declared: Partitions | None) -> dg.PartitionsDefinition[str] | None:
    """Dagster's partitions for a declaration's; None for none."""
    if declared is None:
        return None
    if isinstance(declared, MonthlyPartitions):
        after = _month_after(declared.end) if declared.end else None
        return dg.MonthlyPartitionsDefinition(
            start_date=declared.start, end_date=after, fmt="%Y-%m", timezone="UTC"
        )
    if isinstance(declared, DailyPartitions):
        after = _day_after(declared.end) if declared.end else None
        return dg.DailyPartitionsDefinition(
            start_date=declared.start, end_date=after, timezone="UTC"
        )
    return dg.StaticPartitionsDefinition(list(declared.names))


def _month_after(month: str) -> str:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=31)).strftime("%Y-%m")


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
