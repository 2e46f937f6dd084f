"""What is found, and terms of the business, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from mesh.catalog.search import SearchPage
from mesh.products.glossary import BusinessTerm
from mesh.serving.views.base import View


class MatchView(View):
    """Why something was found. `marks` are positions in `text`."""

    field: str
    text: str
    marks: list[tuple[int, int]]
    is_guess: bool


class HitView(View):
    """A product, or a dataset that others report."""

    key: str
    name: str
    domain: str
    kind: str
    owner: str
    product_owner: str
    description: str
    classification: str
    freshness: str
    quality: str
    access: str
    published_at: datetime | None
    reads: int
    completeness: float
    is_governed: bool
    matches: list[MatchView]


class FacetCountView(View):
    """How many of what was found has a value."""

    value: str
    count: int


class SearchView(View):
    """A page of what was found, best first; `next` is null at the end."""

    items: list[HitView]
    total: int
    facets: dict[str, list[FacetCountView]]
    notes: list[str]
    next: str | None

    @classmethod
    def of(cls, page: SearchPage) -> Self:
        """A page as it is shown."""
        told = page.as_json()
        return cls.model_validate(
            {
                "items": told["hits"],
                "total": told["total"],
                "facets": told["facets"],
                "notes": told["notes"],
                "next": told["cursor"] or None,
            }
        )


class TermView(View):
    """A term of the business, and the data that it is about."""

    id: str
    name: str
    definition: str
    synonyms: list[str]
    broader: str
    related: list[str]
    steward: str
    steward_email: str
    applies_to: list[str]

    @classmethod
    def of(cls, term: BusinessTerm) -> Self:
        """A term as it is shown."""
        return cls.model_validate(term.as_json())
