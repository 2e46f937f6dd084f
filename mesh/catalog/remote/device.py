"""Signing in without a browser here: by a code that is typed in elsewhere (RFC 8628).

Owns what is asked of a server (RFC 9728) and of its identity provider. Believes of the provider's
document only addresses that nobody can change on their way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from mesh.catalog.remote.client import checked_url
from mesh.catalog.remote.kept import Kept
from mesh.errors import IdentityError, ProviderUnavailableError
from mesh.settings.identity import is_safe

OFFER = "/.well-known/oauth-protected-resource"
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_TIMES = httpx2.Timeout(10.0)
_SLOWER_SECONDS = 5.0
_LONGEST_SECONDS = 3600.0
_ENDS = {
    "access_denied": "it was refused at the identity provider",
    "expired_token": "the code has expired",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """How a server lets people sign in: at which provider, and what is asked for."""

    url: str
    issuer: str
    client: str
    audience: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """What somebody types in, and where; `complete` is the URL with the code in it, if any.

    `ends` and `interval` are seconds, from now and between questions.
    """

    where: str
    user_code: str
    complete: str
    device_code: str = field(repr=False)
    ends: float
    interval: float


def offered(url: str) -> Offer:
    """How a server lets people sign in. Raises IdentityError where it does not."""
    url = checked_url(url)
    told = _got(url + OFFER, url)
    issuers, client = told.get("authorization_servers"), told.get("mesh_client")
    if not isinstance(issuers, list) or not issuers or not isinstance(client, str) or not client:
        raise IdentityError(
            "nobody can sign in there",
            where=url,
            hint="ask for a token of `mesh token create`; MESH_CATALOG__TOKEN takes it",
        )
    scopes = tuple(str(scope) for scope in told.get("scopes_supported", ()))
    return Offer(url, str(issuers[0]), client, str(told.get("resource", "")), scopes)


def asked_code(offer: Offer) -> Code:
    """A code of the provider's, for somebody to type in. Raises IdentityError."""
    scopes = dict.fromkeys((*offer.scopes, "offline_access"))
    form = {"client_id": offer.client, "scope": " ".join(scopes), **_audience(offer)}
    answer = _posted(_endpoint(offer.issuer, "device_authorization_endpoint"), form)
    told = answer.content
    where = told.get("verification_uri", told.get("verification_url"))
    texts = (where, told.get("user_code"), told.get("device_code"))
    if answer.error or not all(isinstance(text, str) and text for text in texts):
        raise IdentityError(
            f"the identity provider gives no code: {answer.error or 'it says none'}",
            where=offer.issuer,
            hint="its client has to be a public one, with the device flow",
        )
    where, user_code, device_code = (str(text) for text in texts)
    complete = str(told.get("verification_uri_complete", ""))
    if not all(is_safe(shown) for shown in (where, complete) if shown):
        raise IdentityError("the provider's address cannot be shown safely", where=offer.issuer)
    ends = min(_seconds(told, "expires_in", 600.0), _LONGEST_SECONDS)
    interval = _seconds(told, "interval", _SLOWER_SECONDS)
    return Code(where, user_code, complete, device_code, ends, interval)


def waited(offer: Offer, code: Code, sleep: Callable[[float], None] = time.sleep) -> Kept:
    """The sign-in, once somebody typed in the code. Raises IdentityError when nobody did."""
    endpoint = _endpoint(offer.issuer, "token_endpoint")
    form = {"grant_type": _GRANT, "device_code": code.device_code, "client_id": offer.client}
    interval, passed = code.interval, 0.0
    while passed < code.ends:
        sleep(interval)
        passed += interval
        try:
            answer = _posted(endpoint, form | _audience(offer))
        except ProviderUnavailableError:
            interval += _SLOWER_SECONDS
            continue
        if not answer.error:
            return _kept(offer, answer.content)
        if answer.error == "slow_down":
            interval += _SLOWER_SECONDS
        elif answer.error != "authorization_pending":
            what = _ENDS.get(answer.error, f"the identity provider says {answer.error}")
            raise IdentityError(f"nobody signed in: {what}", hint="`mesh login` begins anew")
    raise IdentityError(f"nobody signed in: {_ENDS['expired_token']}", hint="`mesh login` again")


def refreshed(kept: Kept) -> Kept:
    """A sign-in with a new token. Raises IdentityError when the provider gives none."""
    offer = Offer(kept.url, kept.issuer, kept.client, kept.audience, ())
    form = {
        "grant_type": "refresh_token",
        "refresh_token": kept.refresh,
        "client_id": kept.client,
        **_audience(offer),
    }
    answer = _posted(_endpoint(kept.issuer, "token_endpoint"), form)
    if answer.error:
        raise IdentityError(
            "your sign-in has ended", where=kept.url, hint=f"`mesh login --url {kept.url}`"
        )
    found = _kept(offer, answer.content)
    return found if found.refresh else replace(found, refresh=kept.refresh)


@dataclass(frozen=True, slots=True)
class _Answer:
    content: Mapping[str, Any]
    error: str


def _kept(offer: Offer, told: Mapping[str, Any]) -> Kept:
    access, refresh = told.get("access_token"), told.get("refresh_token", "")
    if not isinstance(access, str) or str(told.get("token_type", "")).lower() != "bearer":
        raise IdentityError("the identity provider gave no token", where=offer.issuer)
    return Kept(
        url=offer.url,
        issuer=offer.issuer,
        client=offer.client,
        audience=offer.audience,
        access=access,
        refresh=str(refresh),
        ends=time.time() + _seconds(told, "expires_in", 300.0),
    )


def _audience(offer: Offer) -> dict[str, str]:
    """What names the server to the provider: RFC 8707, and as Auth0 has it.

    Nothing where a scope names it already, as with Microsoft, which refuses both.
    """
    audience = offer.audience
    if not audience or any(scope.startswith(audience) for scope in offer.scopes):
        return {}
    return {"audience": audience} | ({"resource": audience} if "://" in audience else {})


def _endpoint(issuer: str, name: str) -> str:
    document = _got(f"{issuer.rstrip('/')}/.well-known/openid-configuration", issuer)
    found = document.get(name)
    if document.get("issuer") != issuer or not isinstance(found, str) or not is_safe(found):
        raise IdentityError(f"the identity provider has no {name} that can be used", where=issuer)
    return found


def _got(url: str, where: str) -> Mapping[str, Any]:
    """A JSON object; empty where there is none. Raises ProviderUnavailableError."""
    if not is_safe(url):
        raise IdentityError("it has to be https", where=where)
    try:
        answer = httpx2.get(url, timeout=_TIMES, follow_redirects=False)
    except httpx2.HTTPError as error:
        raise ProviderUnavailableError(
            f"nobody answers there: {str(error) or type(error).__name__}", where=where
        ) from error
    return _object(answer) if answer.is_success else {}


def _posted(url: str, form: Mapping[str, str]) -> _Answer:
    try:
        answer = httpx2.post(url, data=dict(form), timeout=_TIMES, follow_redirects=False)
    except httpx2.HTTPError as error:
        raise ProviderUnavailableError(
            f"the identity provider does not answer: {type(error).__name__}"
        ) from error
    content = _object(answer)
    if answer.is_success:
        return _Answer(content, "")
    if answer.is_server_error:
        raise ProviderUnavailableError(f"the identity provider answers {answer.status_code}")
    return _Answer(content, str(content.get("error", answer.status_code)))


def _object(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(told: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = told.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return max(float(value), 1.0) if is_number and value is not None else otherwise
