"""Who asks, and what they may do.

Owns `authorise`, the one place where a request becomes a principal: the access model asks and
answers here. Today a principal may what its token is good for, and reading may be open to all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool

from mesh.catalog.tokens import Scope, TokenRecord
from mesh.serving.limits import Buckets
from mesh.serving.problems import ProblemError
from mesh.serving.requests import address_of
from mesh.settings import ServingSettings

_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})

bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token of `mesh token create`."
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` is empty for somebody without a token."""

    name: str
    allowed: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether they may do what a scope allows."""
        return scope in self.allowed


@dataclass(frozen=True, slots=True)
class Limits:
    """The buckets of those with a token, and of addresses without."""

    tokens: Buckets
    addresses: Buckets

    @classmethod
    def of(cls, settings: ServingSettings) -> Limits:
        """Full buckets, as large as is set."""
        return cls(
            Buckets(settings.token_requests_per_second), Buckets(settings.requests_per_second)
        )


def is_near(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else reaches."""
    return host in _NEAR


def is_reading_open(settings: ServingSettings) -> bool:
    """Whether everybody who reaches the server may read: through a proxy, many more do."""
    if settings.reading == "auto":
        return is_near(settings.host) and not settings.proxies
    return settings.reading == "open"


async def authorise(request: Request) -> Principal:
    """Who asks, by their token. Raises ProblemError: 401 for a bad token, 429 for too much.

    A token that is wrong is refused even where nobody needs one: whoever sends it believes it good.
    """
    limits: Limits = request.app.state.limits
    secret = _secret(request)
    record = await run_in_threadpool(_known, request, secret) if secret is not None else None
    if record is None:
        limits.addresses.take(address_of(request))
        if secret is not None:
            raise _unauthorised("the token is unknown, expired or revoked", "invalid_token")
        is_open = is_reading_open(request.app.state.settings)
        return Principal("", frozenset({Scope.READ} if is_open else ()))
    limits.tokens.take(record.id)
    return Principal(record.principal, frozenset(s for s in Scope if record.allows(s)))


async def needs_nothing(request: Request) -> Principal:
    """Anybody, counted."""
    return await authorise(request)


async def _needs(
    request: Request,
    scopes: SecurityScopes,
    _shown: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> Principal:
    return _checked(await authorise(request), Scope(scopes.scopes[0]))


async def _reads_openly(request: Request) -> Principal:
    return _checked(await authorise(request), Scope.READ)


def needs(scope: Scope) -> Any:
    """What a route depends on, of which only who may do that gets past."""
    return Security(_needs, scopes=[str(scope)])


def reads(settings: ServingSettings) -> Any:
    """What a route depends on that everybody may read, or only who has a token."""
    reader: Callable[..., Any] = _reads_openly
    return Depends(reader) if is_reading_open(settings) else needs(Scope.READ)


def _checked(principal: Principal, scope: Scope) -> Principal:
    if principal.may(scope):
        return principal
    if not principal.name:
        raise _unauthorised("this needs a token", "")
    raise ProblemError(
        403,
        f"the token is not good for {scope}",
        hint=f"`mesh token create --scope {scope}` makes one that is",
    )


def _unauthorised(detail: str, error: str) -> ProblemError:
    challenge = f'Bearer realm="mesh", error="{error}"' if error else 'Bearer realm="mesh"'
    return ProblemError(
        401,
        detail,
        hint="send `Authorization: Bearer …`; `mesh token create` makes a token",
        headers={"www-authenticate": challenge},
    )


def _secret(request: Request) -> str | None:
    """The token that is sent; None for none."""
    sent = request.headers.get("authorization")
    if sent is None:
        return None
    scheme, _, secret = sent.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _known(request: Request, secret: str) -> TokenRecord | None:
    found: TokenRecord | None = request.app.state.catalog.tokens.known(secret)
    return found
