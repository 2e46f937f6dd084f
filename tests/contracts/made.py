"""Contracts that tests share: a whole one, and ones made in a line around one annotation."""

from typing import Any

import polars as pl
import pytest

import mesh
from mesh.contracts.pandera import load
from mesh.errors import ContractDefinitionError


def made(annotation: Any = int, config: dict[str, Any] | None = None, **field: Any) -> Any:
    """A model with one column, `value`."""
    body = {"__annotations__": {"value": annotation}, "value": mesh.Field(**field)}
    if config is not None:
        body["Config"] = type("Config", (), config)
    return type("Made", (mesh.Contract,), {"__module__": "somewhere", **body})


def problems_of(model: Any) -> list[str]:
    """What is wrong with a model, each problem with its place."""
    with pytest.raises(ContractDefinitionError) as caught:
        load(model)
    return [f"{p.where}: {p.what}" for p in caught.value.problems]


class Observations(mesh.Contract):
    """One row per airport and hour.

    As the weather bureau reports it.
    """

    origin: str = mesh.Field(isin=["EWR", "JFK"], key=True, description="IATA code")
    observed_at: mesh.UTCDatetime = mesh.Field(key=True)
    temperature_f: float = mesh.Field(ge=-60, le=140, nullable=True, unit="degF")
    station: str = mesh.Field(
        references="network.airports_v1.faa",
        classification="confidential",
        str_length={"max_value": 3},
        raise_warning=True,
    )

    @mesh.check("temperature_f", title="is whole")
    @classmethod
    def is_whole(cls, data):
        """Thermometers show whole degrees."""
        return data.lazyframe.select(pl.col(data.key) % 1 == 0)

    @mesh.dataframe_check
    @classmethod
    def has_both_airports(cls, data):
        return data.lazyframe.select(pl.col("origin").n_unique() == 2)

    class Config:
        version = "2.3.4"
        row_count = mesh.RowCount(at_least=10, at_most=99)
        unique = ("station", "observed_at")
