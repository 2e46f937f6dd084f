"""Who asks, and what they may do.

Owns `Authority.principal_of_secret`, the one place where a secret becomes a principal, whatever
protocol it came by, and `authorise`, which asks it for HTTP. Of the catalog a principal may what
its token is good for, and reading may be open to all; what is seen of data, the access model
decides of whom `identify` finds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool

from mesh.access import model
from mesh.catalog.store import Catalog
from mesh.catalog.tokens import PREFIX, Scope
from mesh.errors import IdentityError, ProviderUnavailableError
from mesh.serving.deciding import Deciding
from mesh.serving.identity.claims import Identity
from mesh.serving.identity.cookies import Jar
from mesh.serving.identity.signing_in import Identities
from mesh.serving.limits import Buckets
from mesh.serving.problems import ProblemError
from mesh.serving.requests import address_of
from mesh.settings import ServingSettings

_NEAR = frozenset({"localhost", "127.0.0.1", "::1"})

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of `mesh token create`, or an access token of the identity provider.",
)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` is empty for somebody without a token.

    `token` is the token's id. `known_as` finds whom the access model knows by that name, where data
    is served: it is asked only for data, so that the catalog answers whatever policies are like.
    """

    name: str
    allowed: frozenset[Scope]
    known_as: Callable[[], model.Principal] | None = field(default=None, compare=False, repr=False)
    token: str = ""

    @property
    def who(self) -> model.Principal | None:
        """Whom the access model knows; None where no data is served."""
        return None if self.known_as is None else self.known_as()

    def may(self, scope: Scope) -> bool:
        """Whether they may do what a scope allows."""
        return scope in self.allowed


@dataclass(frozen=True, slots=True)
class Authority:
    """Whose secrets are known: the catalog's tokens, and the identity provider's."""

    catalog: Catalog
    deciding: Deciding | None = None
    identities: Identities | None = None

    def principal_of_secret(self, secret: str) -> Principal | None:
        """Who comes with a secret; None for one that is no token of the catalog's that is good.

        Blocks while the catalog or the provider is asked. Raises IdentityError for a token of the
        provider that is not good, and ProviderUnavailableError when that cannot be told now.
        """
        if self.identities is not None and not secret.startswith(PREFIX):
            return self.principal_of(*self.identities.of_secret(secret))
        record = self.catalog.tokens.known(secret)
        if record is None:
            return None
        allowed = frozenset(scope for scope in Scope if record.allows(scope))
        deciding = self.deciding
        known = None if deciding is None else partial(deciding.principals, record.principal)
        return Principal(record.principal, allowed, known, record.id)

    def principal_of(self, identity: Identity, token: str) -> Principal:
        """Somebody whom the identity provider named, and the id of the token that says so."""
        assert self.identities is not None  # noqa: S101 -- who was named was named by it
        known = None if self.deciding is None else partial(self._known, identity)
        return Principal(identity.name, self.identities.scopes(identity), known, token)

    def holder(self, name: str, token: str) -> model.Principal | None:
        """Who holds the token of an id, as of now; None when it has ended, or is not theirs.

        An empty id is a name's alone. Asked where data is served.
        """
        assert self.deciding is not None  # noqa: S101 -- nothing is served without
        seen = self.identities.seen(token) if self.identities is not None else None
        if seen is not None:
            return self._known(seen) if seen.name == name else None
        if token and not self.catalog.tokens.is_valid(token):
            return None
        return self.deciding.principals(name)

    def _known(self, identity: Identity) -> model.Principal:
        assert self.deciding is not None  # noqa: S101 -- asked where data is served
        return self.deciding.principals(identity.name, identity.groups, identity.attributes)


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
    secret = _secret(request)
    if secret is None:
        return _let_in(request, None, _of_session(request))
    return _let_in(request, secret, await run_in_threadpool(_known, request, secret))


async def identify(request: Request) -> tuple[Principal, model.Principal]:
    """Somebody who may read, and whom the access model knows by that name.

    For what decides by who somebody is: then everybody shows a token, also where reading is open.
    Raises ProblemError.
    """
    return await run_in_threadpool(identify_here, request)


def identify_here(request: Request) -> tuple[Principal, model.Principal]:
    """The same for who is in a thread that may wait: to go to another costs as much as the rest."""
    secret = _secret(request)
    found = _of_session(request) if secret is None else _known(request, secret)
    asking = checked(_let_in(request, secret, found), Scope.READ)
    who = asking.who
    if not asking.name or who is None:
        raise unauthorised("this needs a token", "")
    return asking, who


def _let_in(
    request: Request, secret: str | None, found: Principal | IdentityError | None
) -> Principal:
    limits: Limits = request.app.state.limits
    if isinstance(found, Principal):
        limits.tokens.take(found.token)
        return found
    limits.addresses.take(address_of(request))
    if found is not None:
        raise refusal(found)
    if secret is not None:
        raise unauthorised("the token is unknown, expired or revoked", "invalid_token")
    is_open = is_reading_open(request.app.state.settings)
    return Principal("", frozenset({Scope.READ} if is_open else ()))


async def needs_nothing(request: Request) -> Principal:
    """Anybody, counted."""
    return await authorise(request)


async def _needs(
    request: Request,
    scopes: SecurityScopes,
    _shown: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)] = None,
) -> Principal:
    return checked(await authorise(request), Scope(scopes.scopes[0]))


async def _reads_openly(request: Request) -> Principal:
    return checked(await authorise(request), Scope.READ)


def needs(scope: Scope) -> Any:
    """What a route depends on, of which only who may do that gets past."""
    return Security(_needs, scopes=[str(scope)])


def reads(settings: ServingSettings) -> Any:
    """What a route depends on that everybody may read, or only who has a token."""
    reader: Callable[..., Any] = _reads_openly
    return Depends(reader) if is_reading_open(settings) else needs(Scope.READ)


def checked(principal: Principal, scope: Scope) -> Principal:
    """Somebody who may what a scope allows. Raises ProblemError for everybody else."""
    if principal.may(scope):
        return principal
    if not principal.name:
        raise unauthorised("this needs a token", "")
    raise ProblemError(
        403,
        f"the token is not good for {scope}",
        hint=f"`mesh token create --scope {scope}` makes one that is",
    )


def unauthorised(detail: str, error: str, hint: str = "") -> ProblemError:
    """The answer to somebody who shows no token, or one that is none."""
    challenge = f'Bearer realm="mesh", error="{error}"' if error else 'Bearer realm="mesh"'
    return ProblemError(
        401,
        detail,
        hint=hint
        or "send `Authorization: Bearer …`; `mesh token create` makes one, `mesh login` gets one",
        headers={"www-authenticate": challenge},
    )


def refusal(error: IdentityError) -> ProblemError:
    """The answer to somebody of whom the identity provider does not say enough, or nothing now."""
    if isinstance(error, ProviderUnavailableError):
        return ProblemError(503, error.what, hint=error.hint, headers={"retry-after": "5"})
    return unauthorised(error.what, "invalid_token", error.hint)


def jar_of(request: Request) -> Jar:
    """Where this server's cookies are, as a browser reaches it."""
    identities: Identities | None = request.app.state.identities
    url = identities.settings.url if identities is not None else ""
    return Jar((url or request.url.scheme).startswith("https"))


def _of_session(request: Request) -> Principal | None:
    """Whose browser asks. A cookie is sent by whatever page makes a browser ask: it only reads."""
    authority: Authority = request.app.state.authority
    if authority.identities is None or request.method != "GET":
        return None
    cookie = request.cookies.get(jar_of(request).name("session"), "")
    found = authority.identities.of_cookie(cookie)
    return None if found is None else authority.principal_of(*found)


def _secret(request: Request) -> str | None:
    """The token that is sent; None for none."""
    sent = request.headers.get("authorization")
    if sent is None:
        return None
    scheme, _, secret = sent.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _known(request: Request, secret: str) -> Principal | IdentityError | None:
    """Who comes with a secret, or why nobody does; None for a token that is unknown."""
    authority: Authority = request.app.state.authority
    try:
        return authority.principal_of_secret(secret)
    except IdentityError as error:
        return error
