"""Methods that outlast a connection that breaks under them.

Owns how often they are called again. A transaction that was lost is done as a whole, or not at all,
and which of both is not always known: so this is only for methods of which a second call changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from mesh.errors import CatalogLostError, CatalogUnavailableError

_ATTEMPTS = 3
_Method = TypeVar("_Method", bound=Callable[..., Any])


def outlasting(method: _Method) -> _Method:
    """Let a method be called again when its connection broke, a few times."""

    @wraps(method)
    def again(*args: Any, **kwargs: Any) -> Any:
        lost: CatalogLostError | None = None
        for _ in range(_ATTEMPTS):
            try:
                return method(*args, **kwargs)
            except CatalogLostError as error:
                lost = error
            except CatalogUnavailableError as error:
                # Of the attempt before it is not known what became: that is what to be told of.
                raise (lost or error) from error
        assert lost is not None  # noqa: S101 -- there was no other way out of the loop
        raise lost

    return cast("_Method", again)
