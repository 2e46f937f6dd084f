"""Every publication of the mesh: what was published when, how many rows, which rules it broke."""

import polars as pl

import mesh
from assets import sources


class Publications(mesh.Contract):
    """One row per publication of a product. Refusals published nothing, and are not here."""

    publication_id: str = mesh.Field(
        key=True,
        str_matches=r"^[0-9a-f]{32}$",
        classification="internal",
        description="Identity of the publication: of its product, run and partition",
    )
    product: str = mesh.Field(
        references=mesh.Reference("platform.products_v1.product", severity="warning"),
        classification="internal",
        description="Product that was published",
    )
    run_id: str = mesh.Field(
        classification="internal",
        description="Run that published it; several products may share one",
    )
    partition: str = mesh.Field(
        nullable=True,
        classification="internal",
        description="Partition that it is a publication of; empty for the whole",
    )
    published_at: mesh.UTCDatetime = mesh.Field(
        classification="internal", description="When it was published"
    )
    contract_version: str = mesh.Field(
        str_matches=r"^[0-9]+\.[0-9]+\.[0-9]+$",
        classification="internal",
        description="Version of the contract that held",
    )
    contract_digest: str = mesh.Field(
        str_matches=r"^[0-9a-f]{64}$",
        classification="internal",
        description="SHA-256 of the contract that held",
    )
    table_url: str = mesh.Field(classification="internal", description="Where the Delta table lies")
    table_version: int = mesh.Field(
        ge=0, classification="internal", description="Version of the table that it made"
    )
    write_mode: str = mesh.Field(
        isin=["overwrite", "append", "replace_partitions", "upsert"],
        classification="internal",
        description="What it did to the rows that were there already",
    )
    rows_published: int = mesh.Field(
        ge=0, unit="{row}", classification="internal", description="Rows that it published"
    )
    rows_rejected: int = mesh.Field(
        ge=0, unit="{row}", classification="internal", description="Rows that it put in quarantine"
    )
    rules_checked: int = mesh.Field(
        ge=0, classification="internal", description="Rules that the data was held against"
    )
    rules_broken: int = mesh.Field(
        ge=0,
        classification="internal",
        description="Rules of severity error that some rejected row broke",
    )
    rules_warned: int = mesh.Field(
        ge=0, classification="internal", description="Rules of severity warning that the data broke"
    )
    rules_skipped: int = mesh.Field(
        ge=0, classification="internal", description="Rules that could not be decided"
    )
    file_count: int = mesh.Field(
        ge=0, classification="internal", description="Data files that it wrote"
    )
    size_bytes: int = mesh.Field(
        ge=0, unit="By", classification="internal", description="Size of the data files"
    )
    code_version: str = mesh.Field(
        nullable=True,
        classification="internal",
        description="Digest of the code that made the data",
    )
    mesh_version: str = mesh.Field(
        nullable=True, classification="internal", description="Version of Mesh that published it"
    )

    class Config:
        """First promise. A mesh that has published nothing yet has no publications."""

        version = "1.0.0"
        row_count = mesh.RowCount(at_least=0)


@mesh.data_product(
    contract=Publications, schedule="0 * * * *", freshness=mesh.Freshness(within="1d")
)
def publications() -> pl.LazyFrame:
    """Every receipt in the catalog, with its rules counted by what became of them."""
    return sources.publications().select(
        "publication_id",
        "product",
        "run_id",
        pl.col("partition").replace("", None),
        "published_at",
        "contract_version",
        "contract_digest",
        "table_url",
        "table_version",
        "write_mode",
        pl.col("rows_accepted").alias("rows_published"),
        "rows_rejected",
        pl.col("tallies").list.len().cast(pl.Int64).alias("rules_checked"),
        _count(outcome="failed", severity="error").alias("rules_broken"),
        _count(outcome="failed", severity="warning").alias("rules_warned"),
        _count(outcome="skipped").alias("rules_skipped"),
        pl.col("files").alias("file_count"),
        pl.col("bytes").alias("size_bytes"),
        pl.col("code_version").replace("", None),
        pl.col("mesh_version").replace("", None),
    )


def _count(**wanted: str) -> pl.Expr:
    """Return how many of a receipt's tallies have these values."""
    tally = pl.element().struct
    is_wanted = pl.all_horizontal(tally.field(name) == value for name, value in wanted.items())
    return pl.col("tallies").list.eval(is_wanted).list.sum().cast(pl.Int64)
