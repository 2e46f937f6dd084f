"""What Dagster shows of last days: of a product that has one, and of those that read it.

Owns the words, and the names of the tags and metadata that carry them. Knows declarations only: a
code location is loaded without the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh.products.declaration import DataProduct

DEPRECATED = "mesh/deprecated"
"""Tag and metadata of a product that has a last day."""

ENDING_INPUTS = "mesh/ending_inputs"
"""Tag and metadata of a product that reads some which have a last day; the tag is the first."""

ENDING_AGREEMENTS = "mesh/ending_agreements"
"""Metadata of a publication that read under agreements which end soon."""


def last_day(product: DataProduct) -> str:
    """Until when a deprecated product is there, and what to use instead; empty for others."""
    if product.deprecated is None:
        return ""
    instead = f": use {product.successor}" if product.successor else ""
    return f"its last day is {product.deprecated}{instead}"


def end_tags(product: DataProduct, ending: Sequence[DataProduct]) -> dict[str, str]:
    """Tags to find products by that end, or that read what ends."""
    own = {DEPRECATED: str(product.deprecated)} if product.deprecated else {}
    days = [str(other.deprecated) for other in ending if other.deprecated]
    return {**own, **({ENDING_INPUTS: min(days)} if days else {})}


def end_texts(product: DataProduct, ending: Sequence[DataProduct]) -> dict[str, str]:
    """Markdown for metadata, by name; empty where nothing ends."""
    rows = [f"| {o.id} | {o.deprecated} | {o.successor or 'none'} |" for o in ending]
    head = ["| input | last day | read instead |", "|---|---|---|"]
    return {DEPRECATED: last_day(product), ENDING_INPUTS: "\n".join([*head, *rows]) if rows else ""}


def end_lines(product: DataProduct, ending: Sequence[DataProduct]) -> Iterator[str]:
    """What stands first in a description."""
    if told := last_day(product):
        yield f"**Deprecated**: {told}"
    for other in ending:
        instead = f": read {other.successor}" if other.successor else ""
        yield f"**Reads what ends**: {other.id}, whose last day is {other.deprecated}{instead}"
