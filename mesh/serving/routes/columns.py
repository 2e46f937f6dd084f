"""Lineage of columns, what versions were made from, profiles, and who uses a product."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mesh.catalog.model import Direction
from mesh.catalog.traced import Reach
from mesh.errors import UnknownProductError
from mesh.serving.routes.asking import NO_CONTROL, Asked, Name
from mesh.serving.routes.products import Depth
from mesh.serving.views.lineage import ColumnLineageView, MadeVersionView
from mesh.serving.views.use import ProfileView, UsageView

router = APIRouter()


@router.get("/lineage/columns", tags=["lineage"])
def column_lineage(
    catalog: Asked,
    dataset: Annotated[
        str,
        Query(
            min_length=1,
            max_length=500,
            pattern=NO_CONTROL,
            description="A product's full name, or `namespace#name` of a reported dataset.",
            examples=["weather.observations_v1"],
        ),
    ],
    column: Annotated[
        str,
        Query(max_length=255, pattern=NO_CONTROL, description="All of its columns by default."),
    ] = "",
    direction: Direction = "up",
    depth: Depth = 10,
    through: Annotated[
        Reach, Query(description="`direct` leaves out what only decides: filters, joins, order.")
    ] = "all",
) -> ColumnLineageView:
    """What a column comes from (`up`), or what comes from it (`down`)."""
    return ColumnLineageView.of(
        catalog.traces.follow([(dataset, column)], direction, depth, through=through)
    )


@router.get("/products/{name}/versions/{version}/lineage", tags=["lineage"])
def version_lineage(
    catalog: Asked,
    name: Name,
    version: Annotated[int, Path(ge=0, le=2**53, description="The table's version.")],
    depth: Depth = 10,
) -> list[MadeVersionView]:
    """Which publications made a version, and from which versions of what, nearest first."""
    full = catalog.browsing.full_name(name)
    return [MadeVersionView.of(made) for made in catalog.made_from(full, version, depth)]


@router.get("/products/{name}/profile", tags=["products"])
def profile(catalog: Asked, name: Name) -> ProfileView:
    """What the rows of the latest publication look like; of guarded columns no values."""
    full = catalog.browsing.full_name(name)
    found = catalog.profiles.of(full)
    if found is None:
        raise UnknownProductError(f"{full}'s profile", ())
    return ProfileView.of(found)


@router.get("/products/{name}/usage", tags=["products"])
def usage(
    catalog: Asked,
    name: Name,
    days: Annotated[int, Query(ge=1, le=3650, description="How far back reads count.")] = 30,
) -> UsageView:
    """Who read a product, and which of its columns."""
    full = catalog.browsing.full_name(name)
    consumers, columns = catalog.usage.of(full, days), catalog.usage.columns(full, days)
    return UsageView.of(full, days, consumers, columns)
