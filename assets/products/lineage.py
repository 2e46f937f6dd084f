"""What was made from what: every publication with the exact versions of the products it read."""

from typing import Annotated

import polars as pl

import mesh
from assets import sources


class Lineage(mesh.Contract):
    """One row per publication and product that it read."""

    publication_id: str = mesh.Field(
        key=True,
        str_matches=r"^[0-9a-f]{32}$",
        classification="internal",
        description="Publication that read, as in platform.publications_v1",
    )
    input_product: str = mesh.Field(
        key=True, classification="internal", description="Product that was read"
    )
    port: str = mesh.Field(
        key=True,
        classification="internal",
        description="Input port through which it was read; empty when only a rule looked at it",
    )
    product: str = mesh.Field(classification="internal", description="Product that was published")
    table_version: int = mesh.Field(
        ge=0, classification="internal", description="Version of its table that was made"
    )
    input_version: int = mesh.Field(
        ge=0, classification="internal", description="Version of the input's table that was read"
    )
    input_columns: Annotated[pl.List, pl.String] = mesh.Field(
        nullable=True,
        classification="internal",
        description="Columns that were read; empty for all of them",
    )
    is_reference: bool = mesh.Field(
        classification="internal", description="Whether only a rule of the contract looked at it"
    )
    published_at: mesh.UTCDatetime = mesh.Field(
        classification="internal", description="When the publication was made"
    )

    class Config:
        """First promise. Products without inputs have no lineage."""

        version = "1.0.0"
        row_count = mesh.RowCount(at_least=0)


@mesh.data_product(contract=Lineage, schedule="0 * * * *", freshness=mesh.Freshness(within="1d"))
def lineage() -> pl.LazyFrame:
    """Every receipt's inputs, as versions of tables."""
    return sources.inputs().select(
        "publication_id",
        pl.col("input").alias("input_product"),
        "port",
        "product",
        "table_version",
        "input_version",
        pl.col("columns").alias("input_columns"),
        (pl.col("port") == "").alias("is_reference"),
        "published_at",
    )
