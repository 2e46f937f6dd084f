"""Values of partition columns: as Delta writes them, as folders, and back.

Owns the folders of partitions: Hive's way with percent-encoding, because Polars and others take the
values from there rather than from the log. Refuses values that would come back as something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pyarrow as pa

NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
_LONGEST_NAME = 255
"""Bytes that file systems allow for the name of a folder."""


def partition_text(value: Any) -> str | None:
    """A partition value as Delta writes it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def partition_value(text: str | None, data_type: pa.DataType) -> Any:
    """The value that a text of Delta's stands for."""
    if text is None:
        return None
    is_utc = pa.types.is_timestamp(data_type) and data_type.tz is not None
    return pa.scalar(f"{text}Z" if is_utc else text).cast(data_type).as_py()


def why_no_partition(column: str, text: str | None) -> str:
    """Why a value cannot be that of a partition; empty when it can."""
    if text in {"", NULL_FOLDER}:
        return "as a partition it would be read as null"
    if text is not None and len(_folder(column, text)) > _LONGEST_NAME:
        return f"as a partition it makes a folder's name longer than {_LONGEST_NAME} bytes"
    return ""


def folder_of(partition: Mapping[str, str | None]) -> str:
    """The folder of a partition, with a slash at its end; empty for no partition."""
    return "".join(f"{_folder(name, value)}/" for name, value in partition.items())


def _folder(column: str, text: str | None) -> str:
    return f"{quote(column, safe='')}={NULL_FOLDER if text is None else quote(text, safe='')}"
