"""What a request says: who asks, under which name this server is known to them, and what for.

Owns what is believed of it. Everybody shows a token, also where the catalog may be read without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from mesh.access.model import Principal
from mesh.serving import authority
from mesh.serving.bodies import read_json
from mesh.serving.sharing.answering import Hints
from mesh.serving.sharing.grants import Grant
from mesh.serving.sharing.linking import Bearer
from mesh.serving.sharing.names import PREFIX
from mesh.serving.sharing.refusing import RefusedError
from mesh.serving.sharing.sharing import Sharing

_MOST_HINTS = 100
_LONGEST_HINT = 100_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token that may read: who they are, and how links are made for them."""

    who: Principal
    bearer: Bearer


async def _caller(request: Request) -> Caller:
    asking, who = await authority.identify(request)
    url = f"{str(request.base_url).rstrip('/')}{PREFIX}"
    return Caller(who, Bearer(who.name, asking.token, url))


Asker = Annotated[Caller, Depends(_caller)]


async def follower(request: Request, grant: Grant) -> None:
    """Who follows a link needs no token; one that is shown must be its holder's.

    Raises RefusedError, and ProblemError (429) for too much.
    """
    if "authorization" not in request.headers:
        request.app.state.limits.tokens.take(grant.token or grant.principal)
        return
    _, who = await authority.identify(request)
    if who.name != grant.principal:
        raise RefusedError(403, "this link was made for somebody else")


async def body_of(request: Request) -> Mapping[str, Any]:
    """The body of a query; an empty one asks for everything. Raises ProblemError."""
    if request.headers.get("content-length") == "0":
        return {}
    body = await read_json(request)
    if not isinstance(body, dict):
        raise RefusedError(400, "the body is no JSON object")
    return body


def whole(body: Mapping[str, Any], name: str) -> int | None:
    """A number of a query that is not negative; None when it does not say. Raises RefusedError."""
    value: object = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise RefusedError(400, f"{name} is no whole number that may be")
    return value


def text(body: Mapping[str, Any], name: str) -> str:
    """A text of a query; empty when it does not say. Raises RefusedError."""
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_HINT:
        raise RefusedError(400, f"{name} is no text that may be")
    return value


def hints_of(body: Mapping[str, Any]) -> Hints:
    """What a query says of the rows that it needs. Raises RefusedError."""
    said = body.get("predicateHints") or []
    if not isinstance(said, list) or not all(isinstance(item, str) for item in said):
        raise RefusedError(400, "predicateHints is no list of texts")
    sql = tuple(item for item in said[:_MOST_HINTS] if len(item) <= _LONGEST_HINT)
    return Hints(whole(body, "limitHint"), text(body, "jsonPredicateHints"), sql)


def sharing_of(request: Request) -> Sharing:
    """The lake that is shared."""
    found: Sharing = request.app.state.sharing
    return found


Shared = Annotated[Sharing, Depends(sharing_of)]
