"""What a SQL product says of itself in its dbt model's YAML.

Owns the shape of `config.meta.mesh` of a model. Unknown keys are problems.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from mesh.contracts.dbt_yaml import DbtModel, Shape
from mesh.products.ports import Access, parse_duration
from mesh.products.retention import Retention


class InputTerms(Shape):
    """What the YAML adds to an input that the SQL reads."""

    product: str = Field(default="", description="The product, as domain.product_v1.")
    columns: tuple[str, ...] | None = Field(default=None, description="The columns it needs.")
    purpose: str = Field(default="", description="What the input is used for.")
    incremental: bool = Field(
        default=False, description="Only what changed since the last publication."
    )
    expects: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="What is expected of a column, or of all with `*`."
    )


class QuarantineTerms(Shape):
    """Keep rows that break a rule beside the product."""

    quarantine: float = Field(ge=0, le=1, description="Share of rows that may be rejected.")


class RowCountTerms(Shape):
    """How many rows one publication may have."""

    at_least: int | None = Field(default=1, ge=0, description="Fewest rows.")
    at_most: int | None = Field(default=None, ge=0, description="Most rows.")


class RetentionTerms(Shape):
    """How long rows or versions are kept."""

    period: str = Field(description="How long, such as 90d, 18mo or 3y.")
    column: str = Field(default="", description="A date or time that rows age by.")

    @field_validator("period")
    @classmethod
    def _period_is_one(cls, value: str) -> str:
        Retention(value)
        return value


class ProductTerms(Shape):
    """`config.meta.mesh` of a dbt model: what makes it a product."""

    version: str = Field(default="", description="Version of the contract, such as 1.0.0.")
    contract: str = Field(
        default="", description="A Pandera model beside the SQL instead: file:ClassName."
    )
    on_violation: Literal["refuse"] | QuarantineTerms = Field(
        default="refuse", description="`refuse`, or {quarantine: 0.01}."
    )
    freshness: str = Field(default="", description="How old the last publication may be.")
    schedule: str = Field(default="", description="A cron expression, in UTC.")
    access: Access = Field(default=Access.PROTECTED, description="Who may ask for it.")
    tags: dict[str, str] = Field(default_factory=dict, description="Anything to find it by.")
    inputs: tuple[InputTerms, ...] = Field(
        default=(), description="Columns and purposes of what the SQL reads."
    )
    row_count: RowCountTerms | None = Field(default=None, description="Bounds on rows.")
    rules: tuple[dict[str, Any], ...] = Field(
        default=(), description="Rules that no constraint can say, as `mesh contract export` does."
    )
    write: Literal["overwrite", "append", "upsert"] = Field(
        default="overwrite", description="How a publication is written; upsert by the primary key."
    )
    partition_by: tuple[str, ...] = Field(default=(), description="Columns that part the files.")
    cluster_by: tuple[str, ...] = Field(
        default=(), description="Columns that readers filter on, by which upkeep orders the rows."
    )
    retention: RetentionTerms | None = Field(
        default=None, description="How long rows, or versions of the table, are kept."
    )

    deprecated: str = Field(
        default="", description="The last day of this major, such as 2027-06-30."
    )
    successor: str = Field(default="", description="The product to use instead.")
    lineage: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Columns, as domain.product_v1.column, that a column is made from, where the "
        "SQL does not show it.",
    )

    @field_validator("deprecated")
    @classmethod
    def _deprecated_is_a_day(cls, value: str) -> str:
        if value:
            date.fromisoformat(value)
        return value

    @field_validator("freshness")
    @classmethod
    def _freshness_is_a_duration(cls, value: str) -> str:
        if value:
            parse_duration(value)
        return value


class _Meta(BaseModel):
    mesh: ProductTerms


class _Enforcement(BaseModel):
    enforced: bool = False


class _Config(BaseModel):
    meta: _Meta
    contract: _Enforcement = _Enforcement()


class ProductModel(DbtModel):
    """A dbt model's YAML entry that declares a product."""

    config: _Config

    @property
    def terms(self) -> ProductTerms:
        """What makes it a product."""
        return self.config.meta.mesh

    @property
    def is_enforced(self) -> bool:
        """Whether dbt holds the columns and their types to the YAML."""
        return self.config.contract.enforced
