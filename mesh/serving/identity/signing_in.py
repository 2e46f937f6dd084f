"""Those who come with the identity provider's word: who they are, and until when.

Owns the way from a token to an identity, and which identities were seen, so that a link that was
made for one is followed as theirs. They are this process's own, and forgotten when it ends.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Self

from mesh.access.secret import MaskSecret
from mesh.catalog.tokens import INCLUDED, Scope
from mesh.serving.identity.browsing import Browsing
from mesh.serving.identity.claims import Identity, check_access, identity_of
from mesh.serving.identity.keys import signed_claims
from mesh.serving.identity.provider import Provider
from mesh.settings import Settings
from mesh.settings.identity import IdentitySettings

PREFIX = "sign-in:"
"""Begins the id of a token that is no token of the catalog's."""
_PURPOSE = b"mesh.serving.identity/1\0cookies"
_REMEMBERED = 10_000


class Identities:
    """Knows people and services by tokens of the identity provider. Shared by threads."""

    def __init__(
        self,
        settings: IdentitySettings,
        provider: Provider,
        clock: Callable[[], float] = time.time,
        *,
        key: bytes | None = None,
    ) -> None:
        """Sessions of browsers are sealed with `key`; without one, with one of this process's."""
        self.settings = settings
        self.provider = provider
        self._clock = clock
        sealing = key or secrets.token_bytes(32)
        self.browsing = Browsing(settings, provider, key=sealing, clock=clock)
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, Identity] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Those of the provider that is set; None when there is none."""
        told = settings.identity
        if not told.is_on:
            return None
        bundle = settings.path(told.ca_bundle) if told.ca_bundle else None
        key = hmac.digest(MaskSecret.of(settings).value, _PURPOSE, "sha256")
        return cls(told, Provider(told, bundle), key=key)

    def of_secret(self, secret: str) -> tuple[Identity, str]:
        """Whose an access token is, and an id for it. Raises IdentityError."""
        claims = signed_claims(secret, self.settings.token_types, self.provider.keys)
        check_access(claims, self.settings, self._clock())
        return self.remembered(identity_of(claims, self.settings), secret)

    def of_cookie(self, cookie: str) -> tuple[Identity, str] | None:
        """Whose a browser's session is, and an id for it; None for none that is good."""
        found = self.browsing.session(cookie)
        return None if found is None else self.remembered(found, cookie)

    def remembered(self, identity: Identity, secret: str) -> tuple[Identity, str]:
        """Somebody who was found, and the id under which they are known until they end."""
        token = PREFIX + hashlib.sha256(secret.encode()).hexdigest()[:32]
        with self._lock:
            self._seen[token] = identity
            self._seen.move_to_end(token)
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return identity, token

    def seen(self, token: str) -> Identity | None:
        """Who came with the token of an id; None when it has ended, or was not seen here."""
        with self._lock:
            found = self._seen.get(token)
        return found if found is not None and found.ends > self._clock() else None

    def scopes(self, identity: Identity) -> frozenset[Scope]:
        """What they may of the catalog: read, and what their groups are given."""
        given = self.settings.catalog_scopes
        own = {Scope.READ, *(Scope(given[group]) for group in identity.groups if group in given)}
        return frozenset(scope for scope in Scope if any(scope in INCLUDED[had] for had in own))
