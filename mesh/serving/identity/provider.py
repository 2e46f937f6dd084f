"""The identity provider: where its endpoints are, and the keys that it signs with.

Owns what is asked of it over HTTP, and how often. Keys come from where the provider's own document
says, whatever a token says. One that is known goes on for a day while the provider is away; a token
cannot make the server ask more than once a minute.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx2

from mesh.errors import IdentityError, ProviderUnavailableError, SettingsError
from mesh.serving.identity.keys import ProviderKey, keys_of
from mesh.settings.identity import IdentitySettings, is_safe

_FRESH_SECONDS = 600.0
_KEPT_SECONDS = 24 * 3600.0
_AGAIN_SECONDS = 60.0
_FAILED_SECONDS = 5.0
"""How long a provider that failed, and of which nothing is known yet, is let be."""
_TIMES = httpx2.Timeout(5.0)
_LARGEST = 1024 * 1024
_WHO = "the identity provider: "
_HINT = "check `identity.issuer`, and that this server reaches it; mesh tokens work meanwhile"


@dataclass(slots=True)
class _Known:
    """What was had of the provider, and when: seconds of the clock."""

    document: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, tuple[ProviderKey, ...]] = field(default_factory=dict)
    at: float = float("-inf")
    tried: float = float("-inf")
    failure: str = ""


class Provider:
    """One identity provider. Shared by threads."""

    def __init__(
        self,
        settings: IdentitySettings,
        ca_bundle: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer = settings.issuer
        self._own = _authentication(settings)
        self._verify = _trusting(ca_bundle)
        self._clock = clock
        self._lock = threading.Lock()
        self._known = _Known()

    def keys(self, kid: str) -> tuple[ProviderKey, ...]:
        """The keys of an id. Raises IdentityError for none, and ProviderUnavailableError."""
        known = self._current()
        if kid not in known.keys and self._clock() - known.tried >= _AGAIN_SECONDS:
            known = self._asked(known)
        if kid in known.keys:
            return known.keys[kid]
        if known.at < known.tried:  # the last attempt failed: the key may well be there
            raise _unavailable(f"{known.failure}, and the token's key is not known")
        raise IdentityError("the token is signed with a key that the identity provider has not")

    def endpoint(self, name: str) -> str:
        """The URL of an endpoint, such as `token_endpoint`. Raises ProviderUnavailableError."""
        found = self._current().document.get(name)
        if not isinstance(found, str) or not is_safe(found):
            raise _unavailable(f"it names no {name} that can be used")
        return found

    def post(self, endpoint: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """What an endpoint answers to our client's form. Raises IdentityError if it refuses."""
        url = self.endpoint(endpoint)
        try:
            with (
                self._client() as client,
                client.stream("POST", url, data=dict(form), auth=self._own) as answer,
            ):
                content, status = _content(answer), answer.status_code
        except httpx2.HTTPError as error:
            raise _unavailable(f"it does not answer: {type(error).__name__}") from error
        if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise _unavailable(f"it answers with {status}")
        if status != httpx2.codes.OK:
            raise IdentityError("the identity provider refuses")
        return content

    def _current(self) -> _Known:
        """What is known, asked for again when it is old. Raises ProviderUnavailableError."""
        known, now = self._known, self._clock()
        if now - known.at < _FRESH_SECONDS:
            return known
        waiting = _AGAIN_SECONDS if known.keys else _FAILED_SECONDS
        if now - known.tried >= waiting and not (known.keys and self._lock.locked()):
            known = self._asked(known)  # where there is something to go on with, one thread asks
        if self._clock() - known.at > _KEPT_SECONDS:
            raise _unavailable(known.failure or "it does not answer")
        return known

    def _asked(self, seen: _Known) -> _Known:
        """What the provider says now; what was known when it does not answer.

        One thread asks, and those that need its answer wait for it.
        """
        with self._lock:
            if self._known is seen:
                try:
                    self._known = self._fetched()
                except ProviderUnavailableError as error:
                    self._known = replace(seen, tried=self._clock(), failure=error.what)
            return self._known

    def _fetched(self) -> _Known:
        with self._client() as client:
            path = "/.well-known/openid-configuration"
            document = _got(client, self.issuer.rstrip("/") + path)
            if document.get("issuer") != self.issuer:
                raise _unavailable("it calls itself otherwise than `identity.issuer`")
            where = document.get("jwks_uri")
            if not isinstance(where, str) or not is_safe(where):
                raise _unavailable("it names no jwks_uri that can be used")
            keys = keys_of(_got(client, where))
        now = self._clock()
        return _Known(document, keys, now, now)

    def _client(self) -> httpx2.Client:
        return httpx2.Client(timeout=_TIMES, verify=self._verify, follow_redirects=False)


def _got(client: httpx2.Client, url: str) -> Mapping[str, Any]:
    try:
        with client.stream("GET", url) as answer:
            if answer.status_code != httpx2.codes.OK:
                raise _unavailable(f"it answers with {answer.status_code}")
            return _content(answer)
    except httpx2.HTTPError as error:
        raise _unavailable(f"it does not answer: {type(error).__name__}") from error


def _content(answer: httpx2.Response) -> Mapping[str, Any]:
    """The JSON object of an answer; empty for an error's that is none."""
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _LARGEST:
            raise _unavailable("its answer is too large")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    if answer.status_code == httpx2.codes.OK:
        raise _unavailable("its answer is no JSON object")
    return {}


def _authentication(settings: IdentitySettings) -> httpx2.BasicAuth | None:
    """How our client shows that it is ours; a public one cannot, and PKCE does it."""
    if not settings.client_secret:
        return None
    return httpx2.BasicAuth(quote_plus(settings.client), quote_plus(settings.client_secret))


def _trusting(bundle: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if bundle is not None:
        try:
            context.load_verify_locations(bundle)
        except OSError as error:  # ssl.SSLError, for what is no certificate, is one
            raise SettingsError(
                "the certificates cannot be read",
                where=str(bundle),
                hint="MESH_IDENTITY__CA_BUNDLE names a PEM file",
            ) from error
    return context


def _unavailable(what: str) -> ProviderUnavailableError:
    what = what.removeprefix(_WHO)
    return ProviderUnavailableError(_WHO + what, hint=_HINT)
