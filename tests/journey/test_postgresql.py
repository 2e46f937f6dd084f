"""A URL and nothing else moves the reference mesh to PostgreSQL: the catalog there is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.settings import load
from tests.catalog import postgresql
from tests.journey.conftest import Newcomer, copied_mesh

AGREE = "definitions, lake and catalog agree"
SAMPLE = ("network.carriers_v1", "network.airports_v1", "weather.observations_v1")
LOOKS: tuple[tuple[str, ...], ...] = (
    ("list", "--json"),
    ("show", "punctuality.departures", "--json"),
    ("lineage", "punctuality.delay_drivers_v1", "--up", "--json"),
    ("lineage", "punctuality.delay_drivers_v1", "--columns", "--json"),
    ("search", "wind", "--json"),
    ("glossary", "list", "--json"),
)


@pytest.fixture
def url() -> Iterator[str]:
    with postgresql.serving() as server, postgresql.database(server.home) as made:
        yield made


def said(newcomer: Newcomer) -> list[object]:
    """What commands say of the catalog."""
    return [json.loads(newcomer.types(*words), object_hook=_lasting) for words in LOOKS]


def _lasting(told: dict[str, object]) -> dict[str, object]:
    """Without reads: search tells those before a product was last indexed, and a copy is indexed anew."""
    return {name: value for name, value in told.items() if name != "reads"}


def test_the_demos_catalog_is_the_same_in_postgresql(newcomer: Newcomer, url: str) -> None:
    moved = Newcomer(newcomer.folder, {"MESH_CATALOG__URL": url})
    newcomer.types("catalog", "copy", load(newcomer.folder).catalog_url, url)

    assert AGREE in newcomer.types("catalog", "verify")
    assert AGREE in moved.types("catalog", "verify")
    assert said(moved) == said(newcomer)
    assert moved.types("run", "--all", "--run-id", "demo", "--no-report").count("unchanged") >= 11


def test_products_that_are_made_with_a_catalog_in_postgresql_have_the_same_one(
    tmp_path: Path, url: str
) -> None:
    newcomer = Newcomer(copied_mesh(tmp_path), {"MESH_CATALOG__URL": url})
    newcomer.types("run", *SAMPLE, "--run-id", "demo", "--no-report")

    # Held against a catalog in SQLite that is made of the same definitions and lake.
    assert AGREE in newcomer.types("catalog", "verify")
    assert not list(tmp_path.rglob("catalog.db"))
    in_sqlite = Newcomer(newcomer.folder)
    in_sqlite.types("catalog", "sync")
    assert said(newcomer)[0] == said(in_sqlite)[0]
