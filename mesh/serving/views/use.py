"""Profiles, and who uses a product, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from mesh.catalog.profiles import ProfileRecord
from mesh.catalog.usage import ColumnUse, ConsumerUse
from mesh.serving.views.base import Plain, View


class ProfileView(View):
    """What the rows of one publication look like, by column."""

    product: str
    publication_id: str
    table_version: int
    profiled_at: datetime
    profile: dict[str, Plain]

    @classmethod
    def of(cls, found: ProfileRecord) -> Self:
        """A profile as it is shown."""
        return cls(
            product=found.product,
            publication_id=found.publication_id,
            table_version=found.table_version,
            profiled_at=found.profiled_at,
            profile=found.profile.as_json(),
        )


class ConsumerUseView(View):
    """How often somebody read a product, and which columns."""

    consumer: str
    reads: int
    last_read_at: datetime
    columns: list[str]


class ColumnUseView(View):
    """How often a column was read, and by whom."""

    column: str
    reads: int
    last_read_at: datetime
    consumers: list[str]


class UsageView(View):
    """Who read a product in so many days."""

    product: str
    days: int
    consumers: list[ConsumerUseView]
    columns: list[ColumnUseView]

    @classmethod
    def of(
        cls,
        product: str,
        days: int,
        consumers: Sequence[ConsumerUse],
        columns: Sequence[ColumnUse],
    ) -> Self:
        """Use as it is shown."""
        return cls(
            product=product,
            days=days,
            consumers=[ConsumerUseView.model_validate(item) for item in consumers],
            columns=[ColumnUseView.model_validate(item) for item in columns],
        )
