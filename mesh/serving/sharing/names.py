"""What products are called in the protocol, and lists a page at a time.

Owns the one share, `mesh`, with a schema a domain and a table a major version: what others call
`weather.observations_v1` is `mesh.weather.observations_v1` here, which reads as it does in SQL
wherever a share becomes a catalog (docs/adr/0027-one-share-with-a-schema-a-domain.md).
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from mesh.errors import InvalidNameError
from mesh.naming import ProductId
from mesh.serving.sharing.refusing import RefusedError, nothing_there

PREFIX = "/delta-sharing"
"""Where the protocol is, below the server."""
SHARE = "mesh"
MOST_RESULTS = 500
_SPACE = uuid.UUID("5d9d1e0f-6f0c-4d0b-9a4e-6d2b4e0c5a11")
_Item = TypeVar("_Item")


def product_of(share: str, schema: str, table: str) -> ProductId:
    """The product of a table's name. Raises RefusedError, as for a table that is not there."""
    if share != SHARE:
        raise nothing_there(f"share {share[:80]}")
    try:
        return ProductId.parse(f"{schema}.{table}")
    except InvalidNameError:
        raise nothing_there(table_name(schema, table)) from None


def table_name(schema: str, table: str) -> str:
    """A table's name in messages."""
    return f"table {SHARE}.{schema[:80]}.{table[:80]}"


def share_json() -> dict[str, Any]:
    """The share."""
    return {"name": SHARE, "id": str(uuid.uuid5(_SPACE, SHARE))}


def schema_json(domain: str) -> dict[str, Any]:
    """A domain."""
    return {"name": domain, "share": SHARE, "id": str(uuid.uuid5(_SPACE, domain))}


def table_json(product: ProductId) -> dict[str, Any]:
    """A product's major version."""
    return {
        "name": product.versioned,
        "schema": product.domain,
        "share": SHARE,
        "shareId": share_json()["id"],
        "id": str(uuid.uuid5(_SPACE, str(product))),
    }


def sort_key(product: ProductId) -> str:
    """What tables are in the order of."""
    return f"{product.domain}.{product.versioned}"


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: how many at most, after which name.

    The list may change between two pages: the next begins after a name, not at a position.
    """

    most: int
    after: str

    @classmethod
    def of(cls, most: int | None, token: str | None) -> Page:
        """What a request says. Raises RefusedError."""
        limit = MOST_RESULTS if most is None else min(most, MOST_RESULTS)
        return cls(limit, _opened(token) if token else "")

    def of_names(self, names: Iterable[_Item], named: Callable[[_Item], str]) -> Given[_Item]:
        """That part of a list in the order of its names, of which no more is looked at."""
        left = (item for item in names if named(item) > self.after)
        found = list(islice(left, self.most + 1))
        given = found[: self.most]
        last = named(given[-1]) if given else self.after
        return Given(given, _sealed(last) if len(found) > self.most else "")


@dataclass(frozen=True, slots=True)
class Given(Generic[_Item]):
    """Some of a list, and the token of where the rest begins; empty at its end."""

    items: Sequence[_Item]
    following: str

    def as_json(self, shown: Callable[[_Item], dict[str, Any]]) -> dict[str, Any]:
        """The page as the protocol has it."""
        return {"items": [shown(item) for item in self.items], "nextPageToken": self.following}


def _sealed(key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([key]).encode()).decode().rstrip("=")


def _opened(token: str) -> str:
    try:
        (found,) = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if isinstance(found, str):
            return found
    except (ValueError, TypeError):
        pass
    raise RefusedError(400, "pageToken is none that was given: leave it out to begin again")
