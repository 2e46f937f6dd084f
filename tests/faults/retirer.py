"""The end of a product as a child says it: see `tests.faults.nursery`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mesh
from mesh.catalog.store import Catalog
from mesh.lake import Lake
from mesh.products.collection import Organization
from mesh.products.domain import OrganizationManifest
from mesh.publishing import publish
from mesh.settings import UpkeepSettings
from mesh.upkeep.retiring import Retiring
from tests.behaviour.products import Orders, orders, product
from tests.catalog.factories import domain

PAST = "2026-01-01"


def ended(**options: Any):
    """A product whose last day is over."""
    return product(Orders, deprecated=PAST, successor="shop.orders_v2", **options)


def retiring(lake: Lake, catalog: Catalog, *products: Any, now: datetime | None = None) -> Retiring:
    """What retires in an organisation of one domain, of these products."""
    manifest = OrganizationManifest(name="shop", description="A shop.", domains=("shop",))
    organization = Organization(manifest, (domain("shop", *products),))
    return Retiring(organization, lake, catalog, UpkeepSettings(), now or datetime.now(UTC))


def retire_told(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Retire the product of these orders."""
    with Catalog.open(told["catalog"]) as catalog:
        declared = ended(write=mesh.Append())
        found = retiring(Lake(told["lake"]), catalog, declared).retire(
            declared, by=told["by"], why="they have moved"
        )
        yield {"says": "retired", "by": found.retired_by}


def home(folder: Path) -> dict[str, Any]:
    """Where a child finds lake and catalog."""
    return {"lake": str(folder / "lake"), "catalog": f"sqlite:///{folder / 'catalog.db'}"}


def publish_ended(folder: Path):
    """Ten orders of a product whose last day is over; returns the product."""
    told = home(folder)
    declared = ended(write=mesh.Append())
    data = orders([(n, "DE", 1.0) for n in range(10)])
    with Catalog.open(told["catalog"]) as catalog:
        catalog.record(publish(declared, data, lake=Lake(told["lake"]), run_id="first"))
    return declared
