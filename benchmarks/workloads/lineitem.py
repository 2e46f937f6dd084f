"""TPC-H lineitem, and the contract that every contender is held to.

Owns the data (made once a scale by tpchgen-cli, kept in `benchmarks/.data`) and the promise: 16
columns, types, not-null, a composite key, 15 column checks and two across columns.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import polars as pl
from pandera.api.polars.types import PolarsData

import mesh
from mesh.products.declaration import DataProduct, declaration_of

DATA = Path(__file__).parents[1] / ".data"
_MODES = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"]
_INSTRUCTIONS = ["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"]
_FIRST, _LAST = dt.date(1992, 1, 1), dt.date(1998, 12, 31)
Money = Annotated[pl.Decimal, 15, 2]


class Lineitem(mesh.Contract):
    """One row per order and line."""

    l_orderkey: int = mesh.Field(key=True, ge=1)
    l_partkey: int = mesh.Field(ge=1)
    l_suppkey: int = mesh.Field(ge=1)
    l_linenumber: pl.Int32 = mesh.Field(key=True, ge=1, le=7)
    l_quantity: Money = mesh.Field(ge=1, le=50)
    l_extendedprice: Money = mesh.Field(gt=0)
    l_discount: Money = mesh.Field(ge=0, le=1)
    l_tax: Money = mesh.Field(ge=0, le=1)
    l_returnflag: str = mesh.Field(isin=["A", "N", "R"])
    l_linestatus: str = mesh.Field(isin=["F", "O"])
    l_shipdate: dt.date = mesh.Field(ge=_FIRST, le=_LAST)
    l_commitdate: dt.date = mesh.Field(ge=_FIRST, le=_LAST)
    l_receiptdate: dt.date
    l_shipinstruct: str = mesh.Field(isin=_INSTRUCTIONS)
    l_shipmode: str = mesh.Field(isin=_MODES, str_matches="^[A-Z ]+$")
    l_comment: str = mesh.Field(str_length={"min_value": 1, "max_value": 44})

    @mesh.dataframe_check
    @classmethod
    def is_received_after_it_was_shipped(cls, data: PolarsData) -> pl.LazyFrame:
        """Nothing arrives before it is sent."""
        return data.lazyframe.select(pl.col("l_receiptdate") > pl.col("l_shipdate"))

    @mesh.dataframe_check
    @classmethod
    def costs_at_least_its_tax(cls, data: PolarsData) -> pl.LazyFrame:
        """No tax is higher than the price."""
        return data.lazyframe.select(pl.col("l_extendedprice") > pl.col("l_tax"))


@mesh.data_product(contract=Lineitem)
def lineitem() -> None:
    """TPC-H's largest table."""


def product() -> DataProduct:
    """The product, as a domain `tpch` would publish it."""
    declaration = declaration_of(lineitem)
    if declaration is None:
        raise SystemExit("lineitem is not declared as a product")
    return declaration.bind("tpch", Path(__file__).parent)


def parquet(scale: float) -> Path:
    """The data at a scale, made when it is not there. One at scale 1 has 6 million rows."""
    folder = DATA / f"scale-{scale:g}"
    file = folder / "lineitem.parquet"
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        tool = Path(sys.executable).with_name("tpchgen-cli")
        words = ["parquet", "--scale-factor", f"{scale:g}", "--tables", "lineitem"]
        subprocess.run([tool, *words, "--output-dir", folder], check=True, capture_output=True)
    return file
