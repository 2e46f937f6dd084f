"""Search, and the terms of the business."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mesh.serving.paging import Limit
from mesh.serving.routes.asking import NO_CONTROL, Asked
from mesh.serving.views.finding import SearchView, TermView

router = APIRouter()

Chosen = Annotated[list[Annotated[str, Query(max_length=200, pattern=NO_CONTROL)]], Query()]
_Word = Annotated[str, Query(max_length=200, pattern=NO_CONTROL)]


@router.get("/search", tags=["search"])
def search(  # noqa: PLR0913 -- each facet is a parameter
    catalog: Asked,
    *,
    q: Annotated[
        str, Query(max_length=1_000, description="Words; the last may be a beginning.")
    ] = "",
    domain: Chosen = [],  # noqa: B006 -- FastAPI's way to say that it may be left out
    owner: Chosen = [],  # noqa: B006
    kind: Chosen = [],  # noqa: B006
    classification: Chosen = [],  # noqa: B006
    freshness: Chosen = [],  # noqa: B006
    quality: Chosen = [],  # noqa: B006
    access: Chosen = [],  # noqa: B006
    limit: Limit = 20,
    cursor: Annotated[
        str,
        Query(max_length=500, pattern=r"^[A-Za-z0-9_.=-]*$", description="`next` of a page."),
    ] = "",
) -> SearchView:
    """Find products, and data that others report, best first, with the reason and with facets."""
    chosen = {
        "domain": domain,
        "owner": owner,
        "kind": kind,
        "classification": classification,
        "freshness": freshness,
        "quality": quality,
        "access": access,
    }
    facets = {name: values for name, values in chosen.items() if values}
    return SearchView.of(catalog.search.find(q, facets=facets, limit=limit, after=cursor))


@router.get("/terms", tags=["glossary"])
def terms(catalog: Asked, domain: _Word = "") -> list[TermView]:
    """What words of the business mean, by id."""
    return [TermView.of(term) for term in catalog.glossary.terms(domain)]


@router.get("/terms/{term}", tags=["glossary"])
def term(
    catalog: Asked,
    term: Annotated[
        str,
        Path(
            max_length=200,
            pattern=r"^[^\x00-\x1f/]+$",
            description="A term's id, its name or a synonym.",
            examples=["punctuality.on_time"],
        ),
    ],
) -> TermView:
    """One term, and the data that it is about."""
    return TermView.of(catalog.glossary.term(term))
