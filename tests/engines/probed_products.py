"""Products to be probed: two inputs whose contracts are known, and functions of every kind."""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from mesh.contracts.model import Column, Contract, Version
from mesh.contracts.rules import builtin
from mesh.engines.probing import Probe, probe
from mesh.naming import ProductId
from mesh.products.declaration import DataProduct
from mesh.products.modes import WriteMode
from mesh.products.ports import Input

FLIGHTS = "ops.flights_v1"
WEATHER = "sky.weather_v1"


def contract(name: str, columns: dict[str, str], rules: Sequence[Any] = ()) -> Contract:
    """A contract of nullable columns by name and type."""
    made = tuple(Column(column, kind, is_nullable=True) for column, kind in columns.items())
    return Contract(name, Version(1, 0, 0), "", made, tuple(rules))


CONTRACTS = {
    FLIGHTS: contract(
        "Flights",
        {
            "flight": "int64",
            "origin": "string",
            "carrier": "string",
            "left_at": "timestamp",
            "delay": "float64",
            "distance": "int64",
            "note": "string",
        },
        [builtin("isin", {"allowed_values": ["EWR", "JFK"]}, "origin")],
    ),
    WEATHER: contract(
        "Weather",
        {
            "origin": "string",
            "hour": "timestamp",
            "wind": "float64",
            "rain": "float64",
            "note": "string",
            "tags": "list<string>",
            "place": "struct<lat: float64, lon: float64>",
        },
    ),
}
ROWS = {
    "flights": pl.DataFrame(
        {
            "flight": [1, 2, 3, 4],
            "origin": ["EWR", "JFK", "EWR", "JFK"],
            "carrier": ["UA", "UA", "AA", "B6"],
            "left_at": pl.Series(
                ["2013-01-01 05:10", "2013-01-01 06:40", "2013-01-01 05:30", "2013-01-02 05:00"]
            ).str.to_datetime(time_unit="us", time_zone="UTC"),
            "delay": [3.0, None, 31.5, -2.0],
            "distance": [1400, 1416, 1089, 1576],
            "note": ["a", "b", None, "d"],
        }
    ),
    "weather": pl.DataFrame(
        {
            "origin": ["EWR", "JFK", "JFK"],
            "hour": pl.Series(
                ["2013-01-01 05:00", "2013-01-01 06:00", "2013-01-02 05:00"]
            ).str.to_datetime(time_unit="us", time_zone="UTC"),
            "wind": [10.5, 20.0, 3.0],
            "rain": [0.0, 0.2, None],
            "note": ["x", "y", "z"],
            "tags": [["a"], ["a", "b"], []],
            "place": [{"lat": 1.0, "lon": 2.0}] * 3,
        }
    ),
}


def product(
    function: Callable[..., Any],
    makes: dict[str, str],
    *,
    flights: Sequence[str] | None = None,
    weather: Sequence[str] | None = None,
    write: WriteMode | None = None,
    incremental: bool = False,
) -> DataProduct:
    """A product made by a function, which reads what its parameters name."""
    named = function.__code__.co_varnames[: function.__code__.co_argcount]
    ports = {
        "flights": Input(FLIGHTS, flights, incremental=incremental),
        "weather": Input(WEATHER, weather),
    }
    options = {} if write is None else {"write": write}
    return DataProduct(
        id=ProductId("reports", "made", 1),
        contract=contract("Made", makes),
        transform=function,
        inputs={name: ports[name] for name in named if name in ports},
        source="domains/reports/products/made.py",
        **options,
    )


def probed(function: Callable[..., Any], makes: dict[str, str], **declared: Any) -> Probe:
    """The probe of a function."""
    return probe(product(function, makes, **declared), CONTRACTS)


def origins(found: Probe) -> dict[str, set[str]]:
    """The lineage as text: `flights.delay` for a column of the flights."""
    short = {FLIGHTS: "flights", WEATHER: "weather"}
    return {
        name: {f"{short[product]}.{column}" for product, column in columns}
        for name, columns in found.lineage.items()
    }
