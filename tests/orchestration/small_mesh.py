"""A mesh of two domains in a folder of its own, small enough to run in milliseconds.

`weather.readings_v1` reads a CSV file that tests write; `reports.daily_v1` reads the readings.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from mesh.orchestration.workspace import Workspace
from mesh.settings import Settings, load

GOOD = "NYC,2013-01-01T00:00:00Z,39.0,a\nNYC,2013-01-01T01:00:00Z,38.5,b\n"
ONE_IMPOSSIBLE = GOOD + "NYC,2013-01-01T02:00:00Z,451.0,c\n"
TWO_IMPOSSIBLE = GOOD + "NYC,2013-01-01T02:00:00Z,451.0,c\nNYC,2013-01-01T03:00:00Z,999.0,d\n"

MANIFEST = """\
name: {name}
purpose: Tries things out.
kind: {kind}
team:
  name: {title} Team
  product_owner: {{name: Ada, email: ada@example.com}}
  business_technology_partner: {{name: Ben, email: ben@example.com}}
  data_steward: {{name: Cleo, email: cleo@example.com}}
contact: {{email: {name}@example.com, channel: "#{name}"}}
terms: {{usage: For tests., limitations: For nothing else.}}
"""

DEFINITIONS = """\
import mesh

defs = mesh.definitions(__file__)
"""

READINGS = '''\
"""Readings of every station."""
from pathlib import Path

import polars as pl

import mesh

FILE = Path(__file__).parents[3] / "readings.csv"


class Readings(mesh.Contract):
    """One row per station and hour."""

    station: str = mesh.Field(key=True, isin=["NYC", "BOS"], description="Where it stands")
    observed_at: mesh.UTCDatetime = mesh.Field(key=True)
    temperature_f: float = mesh.Field(
        ge=-60, le=140, unit="degF", classification="public", description="Air temperature."
    )
    reporter: str = mesh.Field(str_length={"max_value": 3}, classification="personal")

    class Config:
        version = "1.2.0"


@mesh.data_product(
    contract=Readings,
    on_violation=mesh.Quarantine(tolerance=0.4),
    schedule="30 5 * * *",
    freshness=mesh.Freshness(within="1d"),
    tags={"source system": "stations & satellites"},
)
def readings() -> pl.LazyFrame:
    """Everything that the stations sent."""
    schema = {"station": pl.String, "at": pl.String, "temperature_f": pl.Float64, "who": pl.String}
    sent = pl.scan_csv(FILE, has_header=False, schema=schema)
    at = pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    return sent.select("station", at.alias("observed_at"), "temperature_f", reporter="who")
'''

DAILY = '''\
"""The warmest hour of each station."""
import polars as pl

import mesh


class Daily(mesh.Contract):
    """One row per station."""

    station: str = mesh.Field(key=True, references="weather.stations_v1.station")
    warmest_f: float = mesh.Field(le=40, raise_warning=True)


@mesh.data_product(
    contract=Daily,
    inputs={"readings": mesh.Input("weather.readings_v1", purpose="what to wear")},
)
def daily(readings: pl.LazyFrame) -> pl.LazyFrame:
    return readings.group_by("station").agg(warmest_f=pl.col("temperature_f").max())
'''

STATIONS = '''\
"""Every station, a publication a country."""
import polars as pl

import mesh
from mesh.products.ports import StaticPartitions


class Stations(mesh.Contract):
    """One row per station."""

    country: str
    station: str = mesh.Field(key=True)


@mesh.data_product(
    contract=Stations,
    write=mesh.ReplacePartitions(by="country"),
    partitions=StaticPartitions(["US", "CA"]),
)
def stations(partition: str) -> pl.DataFrame:
    names = {"US": ["NYC", "BOS"], "CA": ["YUL"]}[partition]
    return pl.DataFrame({"country": [partition] * len(names), "station": names})
'''


@dataclass(frozen=True, slots=True)
class SmallMesh:
    """The folder of a small mesh."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "SmallMesh":
        """Write a new one."""
        made = cls(root)
        made.write("pyproject.toml", '[tool.mesh]\ndomains = "teams"\n')
        made.write("teams/__init__.py", '"""Teams."""\n')
        made.write("teams/organization.yaml", "name: Small\ndomains: [weather, reports]\n")
        made.add_domain("weather", "source-aligned", readings=READINGS, stations=STATIONS)
        made.add_domain("reports", "consumer-aligned", daily=DAILY)
        made.send(GOOD)
        return made

    @property
    def settings(self) -> Settings:
        return load(self.root)

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.settings)

    def send(self, rows: str) -> None:
        """Let the stations send these rows."""
        self.write("readings.csv", rows)

    def add_domain(self, name: str, kind: str, **products: str) -> None:
        """Write a domain with these modules of products."""
        home = f"teams/{name}"
        self.write(f"{home}/__init__.py", "")
        self.write(f"{home}/domain.yaml", MANIFEST.format(name=name, title=name.title(), kind=kind))
        self.write(f"{home}/definitions.py", DEFINITIONS)
        self.write(f"{home}/products/__init__.py", "")
        for module, source in products.items():
            self.write(f"{home}/products/{module}.py", source)

    def definitions_file(self, domain: str) -> str:
        return os.fspath(self.root / "teams" / domain / "definitions.py")

    def write(self, path: str, text: str) -> None:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
