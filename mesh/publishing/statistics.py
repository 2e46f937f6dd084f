"""Delta's statistics of a data file, read from its Parquet footer."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_LONGEST_TEXT = 64


@dataclass(slots=True)
class TextStatistics:
    """Nulls and bounds of a column of texts that Parquet was told not to measure."""

    nulls: int = 0
    low: str | None = None
    high: str | None = None

    def add(self, values: pa.Array) -> None:
        """Take in what is written; a dictionary's own values are all looked at, and no more."""
        self.nulls += values.null_count
        if not pa.types.is_dictionary(values.type):
            return
        found = [text for text in values.dictionary.to_pylist() if text is not None]
        self.low = min([*found, *([self.low] if self.low is not None else [])], default=None)
        self.high = max([*found, *([self.high] if self.high is not None else [])], default=None)


def delta_statistics(
    footer: pq.FileMetaData,
    schema: pa.Schema,
    texts: Mapping[str, TextStatistics],
    *,
    without_bounds: Collection[str] = (),
) -> str:
    """Rows, lowest and highest values and null counts, as the JSON that Delta keeps.

    Texts longer than 64 characters have no bounds: a cut one would need care to stay a bound.
    """
    nulls = {name: found.nulls for name, found in texts.items()}
    bounds = {name: (_plain(found.low), _plain(found.high)) for name, found in texts.items()}
    lows = {name: low for name, (low, high) in bounds.items() if None not in (low, high)}
    highs = {name: bounds[name][1] for name in lows}
    for index in range(footer.num_columns):
        name = footer.schema.column(index).path
        if name not in schema.names:
            continue
        chunks = [
            footer.row_group(g).column(index).statistics for g in range(footer.num_row_groups)
        ]
        if any(chunk is None or not chunk.has_null_count for chunk in chunks):
            continue
        nulls[name] = sum(chunk.null_count for chunk in chunks)
        valued = [chunk for chunk in chunks if chunk.num_values]
        if valued and all(chunk.has_min_max for chunk in valued):
            low, high = _bounds(valued)
            if low is not None and high is not None:
                lows[name], highs[name] = low, high
    return json.dumps(
        {
            "numRecords": footer.num_rows,
            "minValues": {n: low for n, low in lows.items() if n not in without_bounds},
            "maxValues": {n: high for n, high in highs.items() if n not in without_bounds},
            "nullCount": nulls,
        }
    )


def _bounds(chunks: list[pq.Statistics]) -> tuple[Any, Any]:
    """Lowest and highest as JSON; None where there is no telling."""
    try:
        return _plain(min(chunk.min for chunk in chunks)), _plain(
            max(chunk.max for chunk in chunks)
        )
    except (OverflowError, ValueError):  # a time outside of Python's calendar
        return None, None


def _plain(value: Any) -> Any:
    """A bound as JSON, or None when it is better left out."""
    if isinstance(value, bool) or value is None or isinstance(value, bytes):
        return None
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 -- NaN
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value.isoformat(timespec="microseconds")
        moment = value.astimezone(UTC).replace(tzinfo=None)
        return f"{moment.isoformat(timespec='microseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value) if Decimal(float(value)) == value else None
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
