"""Where the next page begins: after the rank of the last hit, not after so many.

A page that is asked for while others publish leaves nothing out that stands where it stood.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import json
from collections.abc import Sequence

from mesh.errors import InvalidCursorError

Rank = tuple[int | str, ...]
_PARTS = (int, int, int, int, int, str)


def written(rank: Rank) -> str:
    """The cursor of what comes after a rank."""
    text = json.dumps(rank, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place(cursor: str, ranks: Sequence[Rank]) -> int:
    """How many of these, in order, a cursor has passed. Raises InvalidCursorError."""
    return bisect.bisect_right(ranks, read(cursor)) if cursor else 0


def read(cursor: str) -> Rank:
    """The rank that a cursor was written of. Raises InvalidCursorError."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        rank = json.loads(text)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidCursorError(cursor) from error
    is_rank = isinstance(rank, list) and tuple(map(type, rank)) == _PARTS
    if not is_rank:
        raise InvalidCursorError(cursor)
    return tuple(rank)
