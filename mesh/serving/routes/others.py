"""Domains, receipts by their ids, and the lineage of any dataset."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mesh.catalog.model import Direction
from mesh.serving.routes.asking import NO_CONTROL, Asked
from mesh.serving.routes.products import Depth
from mesh.serving.views.evidence import LineageView, ReceiptView
from mesh.serving.views.products import DomainView

router = APIRouter()

_Id = Annotated[str, Path(max_length=100, pattern=r"^[0-9a-f]+$")]
_DomainName = Annotated[
    str, Path(max_length=100, pattern=r"^[a-z][a-z0-9_]*$", examples=["weather"])
]
_MOST = 1_000
"""Receipts of a run that are shown: one a product and partition."""


@router.get("/domains", tags=["domains"])
def domains(catalog: Asked) -> list[DomainView]:
    """Every domain, by name."""
    return [DomainView.of(domain) for domain in catalog.domains()]


@router.get("/domains/{name}", tags=["domains"])
def domain(catalog: Asked, name: _DomainName) -> DomainView:
    """One domain, its people and its terms."""
    return DomainView.of(catalog.browsing.domain(name))


@router.get("/receipts", tags=["receipts"])
def receipts_of_run(
    catalog: Asked,
    run: Annotated[
        str,
        Query(min_length=1, max_length=200, pattern=NO_CONTROL, description="The id of a run."),
    ],
) -> list[ReceiptView]:
    """What a run published, by product."""
    return [ReceiptView.of(found) for found in catalog.browsing.receipts_of_run(run, _MOST)]


@router.get("/receipts/{publication_id}", tags=["receipts"])
def receipt(catalog: Asked, publication_id: _Id) -> ReceiptView:
    """The evidence of one publication."""
    return ReceiptView.of(catalog.browsing.receipt(publication_id))


@router.get("/lineage", tags=["lineage"])
def lineage(
    catalog: Asked,
    dataset: Annotated[
        str,
        Query(
            min_length=1,
            max_length=500,
            pattern=NO_CONTROL,
            description="A product's name, or `namespace#name` of a dataset that was reported.",
            examples=["weather.observations_v1"],
        ),
    ],
    direction: Direction = "up",
    depth: Depth = 10,
) -> LineageView:
    """What a dataset is made from (`up`), or what is made from it (`down`)."""
    return LineageView.of(catalog.lineage(dataset, direction, depth))
