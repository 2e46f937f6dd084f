"""The carriers that fly from New York, by their codes."""

import polars as pl

import mesh
from domains.network import sources


class Carriers(mesh.Contract):
    """One row per carrier."""

    carrier_code: str = mesh.Field(
        key=True,
        str_matches=r"^[A-Z0-9]{2}$",
        classification="public",
        description="IATA code of the carrier, such as UA",
    )
    carrier_name: str = mesh.Field(
        unique=True,
        str_length={"min_value": 1},
        classification="public",
        description="Registered name of the carrier",
    )

    class Config:
        """First promise."""

        version = "1.0.0"


@mesh.data_product(contract=Carriers, schedule="0 5 * * *", freshness=mesh.Freshness(within="7d"))
def carriers() -> pl.LazyFrame:
    """Every carrier of the register, with its code and its name."""
    return sources.carriers().select(carrier_code="carrier", carrier_name="name")
