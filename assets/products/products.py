"""Every data product of the mesh: what it is, who answers for it, and how it is published."""

from typing import Annotated

import polars as pl

import mesh
from assets import sources

CLASSIFICATIONS = ["public", "internal", "confidential", "personal"]
"""From the least to the most careful."""


class Products(mesh.Contract):
    """One row per product and major version that was ever registered."""

    product: str = mesh.Field(
        key=True,
        str_matches=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*_v[1-9][0-9]*$",
        classification="internal",
        description="Name of the product with its major version, such as weather.observations_v1",
    )
    domain: str = mesh.Field(classification="internal", description="Domain that publishes it")
    domain_kind: str = mesh.Field(
        isin=["source-aligned", "aggregate", "consumer-aligned"],
        classification="internal",
        description="Whether the domain mirrors a system, joins several, or serves a use",
    )
    major_version: int = mesh.Field(
        ge=1, classification="internal", description="Major version of its contract"
    )
    description: str = mesh.Field(
        nullable=True, classification="internal", description="What it is, in its team's words"
    )
    engine: str = mesh.Field(
        isin=["python", "dbt"], classification="internal", description="What runs its transform"
    )
    access: str = mesh.Field(
        isin=["private", "protected", "public"],
        classification="internal",
        description="Who may use it: its own domain, others by agreement, or anyone",
    )
    classification: str = mesh.Field(
        isin=CLASSIFICATIONS,
        classification="internal",
        description="Classification of the column that asks for the most care",
    )
    write_mode: str = mesh.Field(
        isin=["overwrite", "append", "replace_partitions", "upsert"],
        classification="internal",
        description="What a publication does to the rows that are there already",
    )
    tolerated_share: float = mesh.Field(
        ge=0,
        le=1,
        unit="1",
        classification="internal",
        description="Share of rows that a publication may reject",
    )
    freshness_hours: float = mesh.Field(
        nullable=True,
        gt=0,
        unit="h",
        classification="internal",
        description="How old its last publication may be; empty without a promise",
    )
    schedule: str = mesh.Field(
        nullable=True,
        classification="internal",
        description="Cron expression in UTC; empty when it follows its inputs or is run by hand",
    )
    tags: Annotated[pl.List, pl.String] = mesh.Field(
        classification="internal", description="Tags of its declaration, as name=value"
    )
    source: str = mesh.Field(
        nullable=True, classification="internal", description="File that declares it"
    )
    contract_version: str = mesh.Field(
        str_matches=r"^[0-9]+\.[0-9]+\.[0-9]+$",
        classification="internal",
        description="Version of its contract",
    )
    contract_digest: str = mesh.Field(
        str_matches=r"^[0-9a-f]{64}$",
        classification="internal",
        description="SHA-256 of its contract's content",
    )
    column_count: int = mesh.Field(
        ge=1, classification="internal", description="Columns that its contract promises"
    )
    rule_count: int = mesh.Field(
        ge=0, classification="internal", description="Rules that its contract sets"
    )
    team: str = mesh.Field(classification="internal", description="Team that answers for it")
    product_owner_name: str = mesh.Field(
        classification="personal", description="Who decides what it promises"
    )
    product_owner_email: str = mesh.Field(
        str_contains="@", classification="personal", description="Address of the product owner"
    )
    contact_email: str = mesh.Field(
        str_contains="@",
        classification="internal",
        description="Shared mailbox where consumers turn to",
    )
    is_declared: bool = mesh.Field(
        classification="internal",
        description="Whether its domain still declares it; what was known of it is kept",
    )
    registered_at: mesh.UTCDatetime = mesh.Field(
        classification="internal", description="When the catalog first knew of it"
    )
    last_published_at: mesh.UTCDatetime = mesh.Field(
        nullable=True,
        classification="internal",
        description="When it was last published; empty when it never was",
    )
    last_table_version: int = mesh.Field(
        nullable=True,
        ge=0,
        classification="internal",
        description="Version of its table that the last publication made",
    )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(contract=Products, schedule="0 * * * *", freshness=mesh.Freshness(within="1d"))
def products() -> pl.LazyFrame:
    """Every product in the catalog, with its domain's owners and its last publication."""
    care = pl.element().replace_strict(
        {name: rank for rank, name in enumerate(CLASSIFICATIONS)}, return_dtype=pl.Int64
    )
    return sources.products().select(
        "product",
        "domain",
        "domain_kind",
        pl.col("major").alias("major_version"),
        _text("description"),
        "engine",
        "access",
        pl.col("classifications")
        .list.eval(care)
        .list.max()
        .replace_strict(dict(enumerate(CLASSIFICATIONS)), return_dtype=pl.String)
        .alias("classification"),
        "write_mode",
        pl.col("tolerance").alias("tolerated_share"),
        (pl.col("freshness").dt.total_seconds() / 3_600).alias("freshness_hours"),
        _text("schedule"),
        "tags",
        _text("source"),
        "contract_version",
        "contract_digest",
        pl.col("classifications").list.len().cast(pl.Int64).alias("column_count"),
        pl.col("rules").list.len().cast(pl.Int64).alias("rule_count"),
        "team",
        pl.col("owner_name").alias("product_owner_name"),
        pl.col("owner_email").alias("product_owner_email"),
        "contact_email",
        "is_declared",
        "registered_at",
        pl.col("published_at").alias("last_published_at"),
        pl.col("table_version").alias("last_table_version"),
    )


def _text(column: str) -> pl.Expr:
    """Return a text column in which nothing is null."""
    return pl.col(column).replace("", None)
