"""Pages: how a list goes on.

Owns cursors. A cursor says after which row the next page begins, so that rows which are written or
leave meanwhile shift nothing. It is opaque, and holds no secret.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from mesh.catalog.remote.plain import codec_of
from mesh.serving.problems import ProblemError
from mesh.serving.views.base import View

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")
_Item = TypeVar("_Item")

Limit = Annotated[int, Query(ge=1, le=200, description="Items of a page at most.", examples=[50])]
Cursor = Annotated[
    str | None,
    Query(
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next` of the page before; none for the first page.",
    ),
]


class Page(View, Generic[_Item]):
    """Some of a list, and the cursor of what follows; null at the end."""

    items: list[_Item]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Pager(Generic[_Row, _Key]):
    """The pages of one list: what a row's key is, and how a key is written."""

    kind: Any
    key: Callable[[_Row], _Key]

    def after(self, cursor: str | None) -> _Key | None:
        """The key that a cursor holds. Raises ProblemError for one that we did not write."""
        if cursor is None:
            return None
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            if not text.isprintable() or "\\u" in text:  # what no database takes as a text
                raise self._unknown()
            found: _Key = codec_of(self.kind).decode(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise self._unknown() from error
        return found

    def page(self, rows: Sequence[_Row], limit: int, shown: Callable[[_Row], _Item]) -> Page[_Item]:
        """A page of the rows that were found, of which one more than the limit was asked for."""
        kept = rows[:limit]
        following = self._cursor(kept[-1]) if len(rows) > limit else None
        return Page[Any](items=[shown(row) for row in kept], next=following)

    def _cursor(self, row: _Row) -> str:
        text = json.dumps(codec_of(self.kind).encode(self.key(row)), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @staticmethod
    def _unknown() -> ProblemError:
        return ProblemError(
            404, "there is no such page of this list", hint="leave the cursor out to begin again"
        )
