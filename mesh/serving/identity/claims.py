"""What a token says, and whom it makes of its bearer.

Owns which claims must hold before any is believed, and the way from claims to a name, groups and
attributes. A person's name has an `@`, and a service's none, so that neither can become the other;
a product's name belongs to no token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh.errors import IdentityError
from mesh.settings.identity import IdentitySettings

LEEWAY_SECONDS = 30
_LAST = 1e12
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f]{1,200}@[^@\s\x00-\x1f\x7f]{1,200}")
_CLIENT_CLAIMS = ("client_id", "azp", "appid", "cid")
"""Where providers name the client: RFC 9068, OpenID Connect, Microsoft and Okta."""
_OF_ID_TOKENS = frozenset({"nonce", "at_hash", "c_hash"})
_OTHER_KINDS = frozenset({"id", "refresh", "offline", "logout"})
"""What Keycloak says of tokens that are no access tokens, in a claim `typ`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody by the provider's word: a name, and what else it says. `ends` in seconds since 1970.

    `subject` is how the provider itself knows them.
    """

    name: str
    subject: str
    ends: float
    groups: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


def check_access(claims: Mapping[str, Any], settings: IdentitySettings, now: float) -> None:
    """Make sure that an access token is for this mesh, by a client of it. Raises IdentityError."""
    check_common(claims, settings.issuer, settings.audience, now)
    kind = claims.get("typ")
    if _OF_ID_TOKENS & claims.keys() or (isinstance(kind, str) and kind.lower() in _OTHER_KINDS):
        raise IdentityError("the token is no access token")
    if "cnf" in claims:
        raise IdentityError("the token is bound to its holder's key, which is not taken here")
    told = [claims[name] for name in _CLIENT_CLAIMS if name in claims]
    allowed = {settings.client, *settings.clients, *settings.services} - {""}
    if not told or not all(isinstance(client, str) and client in allowed for client in told):
        raise IdentityError(
            "the token was made for a client that is not taken here",
            hint="`identity.clients` lists the clients whose tokens are",
        )
    if settings.needed_scope and settings.needed_scope not in _scopes(claims):
        raise IdentityError(f"the token has not the scope {settings.needed_scope}")


def check_common(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> None:
    """Make sure of issuer, audience and times. Raises IdentityError.

    Times are compared so that what is no number, NaN included, never passes.
    """
    if claims.get("iss") != issuer:
        raise IdentityError("the token is another issuer's")
    told = claims.get("aud")
    if audience not in (told if isinstance(told, list) else [told]):
        raise IdentityError("the token is for somebody else (`aud`)")
    if not _moment(claims.get("exp")) > now - LEEWAY_SECONDS:
        raise IdentityError("the token has expired", hint="sign in again: `mesh login`")
    for name in ("nbf", "iat"):
        if name in claims and not _moment(claims[name]) <= now + LEEWAY_SECONDS:
            raise IdentityError(f"the token is not good yet (`{name}`)")


def identity_of(claims: Mapping[str, Any], settings: IdentitySettings) -> Identity:
    """Whom claims that hold speak of. Raises IdentityError for nobody that can be known here."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise IdentityError("the token does not say whose it is (`sub`)")
    named = found_in(claims, settings.person) is not None
    name = _person(claims, settings) if named else _service(claims, subject, settings)
    attributes = {name: found_in(claims, claim) for name, claim in settings.attributes.items()}
    return Identity(
        name=name,
        subject=subject,
        ends=_moment(claims.get("exp")),
        groups=_texts(found_in(claims, settings.groups)),
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def found_in(claims: Mapping[str, Any], name: str) -> Any:
    """A claim, by its name or by names with dots between; None where there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _person(claims: Mapping[str, Any], settings: IdentitySettings) -> str:
    name = found_in(claims, settings.person)
    if not isinstance(name, str) or not _ADDRESS.fullmatch(name):
        raise IdentityError(f"the token's `{settings.person}` is no e-mail address")
    if str(claims.get("email_verified", True)).lower() != "true":
        raise IdentityError("the identity provider did not verify the e-mail address")
    return name.casefold()


def _service(claims: Mapping[str, Any], subject: str, settings: IdentitySettings) -> str:
    name = settings.services.get(subject)
    if name is None:
        raise IdentityError(
            f"the token names nobody who is known here: it has no `{settings.person}`, and its "
            "`sub` is no service's",
            hint="let the provider put the claim into access tokens, or see `identity.services`",
        )
    own = {subject, *settings.clients} - {settings.client}  # by which people sign in
    if any(claims[client] not in own for client in _CLIENT_CLAIMS if client in claims):
        raise IdentityError("the token is another client's than the service's")
    return name


def _moment(told: object) -> float:
    """Seconds since 1970; NaN, which is neither before nor after anything, for anything else."""
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < _LAST:
        return float("nan")
    return float(told)


def _texts(told: object) -> tuple[str, ...]:
    if isinstance(told, str):
        return (told,)
    return tuple(x for x in told if isinstance(x, str)) if isinstance(told, list) else ()


def _scopes(claims: Mapping[str, Any]) -> set[str]:
    """Of the claim `scope`, or `scp` as Microsoft and Okta have it: texts, or words of one."""
    told = claims.get("scope", claims.get("scp"))
    return {word for text in _texts(told) for word in text.split()}
