"""Signing in with a browser: OpenID Connect's code flow with PKCE.

Owns what is sent to the provider and what must come back, and the session that comes of it. State,
nonce and verifier follow from one random text and the server's key: a browser keeps that text
alone, sealed. Where a browser goes after it signed in is a path of this server's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from urllib.parse import urlencode

from mesh.errors import IdentityError
from mesh.serving.identity.claims import Identity, check_common, found_in, identity_of
from mesh.serving.identity.cookies import LARGEST, Seal
from mesh.serving.identity.keys import signed_claims
from mesh.serving.identity.provider import Provider
from mesh.settings.identity import IdentitySettings

LOGIN_SECONDS = 600
AFTERWARDS = "/docs"
_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?")
_LONGEST_PATH = 1_000
_TYPES = ("JWT",)
_ENDED = 10_000


@dataclass(frozen=True, slots=True)
class Leaving:
    """A browser on its way to the provider: the URL there, and the cookie that it keeps."""

    url: str
    cookie: str


class Browsing:
    """Signs browsers in. Shared by threads; sessions that were ended are this process's own."""

    def __init__(
        self,
        settings: IdentitySettings,
        provider: Provider,
        *,
        key: bytes,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._clock = clock
        self._logins, self._sessions = Seal(key, "login"), Seal(key, "session")
        self._over: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, back: str, callback: str) -> Leaving:
        """Send a browser to the provider. Raises ProviderUnavailableError."""
        chance = secrets.token_urlsafe(32)
        question = {
            "response_type": "code",
            "client_id": self._settings.client,
            "redirect_uri": callback,
            "scope": " ".join(self._settings.scopes),
            "state": self._logins.derived(f"state {chance}"),
            "nonce": self._logins.derived(f"nonce {chance}"),
            "code_challenge": _challenge(self._logins.derived(f"verifier {chance}")),
            "code_challenge_method": "S256",
        }
        endpoint = self._provider.endpoint("authorization_endpoint")
        ends = self._clock() + LOGIN_SECONDS
        cookie = self._logins.sealed({"chance": chance, "back": own_path(back), "ends": ends})
        joined = "&" if "?" in endpoint else "?"
        return Leaving(f"{endpoint}{joined}{urlencode(question)}", cookie)

    def finish(self, query: Mapping[str, str], cookie: str, callback: str) -> tuple[str, str]:
        """The session of a browser that came back, and the path that it wanted to go to.

        Raises IdentityError, and ProviderUnavailableError.
        """
        told = self._logins.opened(cookie, self._clock())
        state = self._logins.derived(f"state {told['chance']}") if told else ""
        sent = query.get("state", "").encode(errors="replace")
        if told is None or not hmac.compare_digest(sent, state.encode()):
            raise IdentityError("this sign-in was not begun in this browser", hint="open /login")
        if query.get("iss", self._settings.issuer) != self._settings.issuer:
            raise IdentityError("the answer is another identity provider's")
        if "error" in query or not query.get("code"):
            raise IdentityError("the identity provider let nobody sign in", hint="open /login")
        form = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": callback,
            "client_id": self._settings.client,
            "code_verifier": self._logins.derived(f"verifier {told['chance']}"),
        }
        answer = self._provider.post("token_endpoint", form)
        nonce = self._logins.derived(f"nonce {told['chance']}")
        return self._begun(self._person(answer.get("id_token"), nonce)), str(told["back"])

    def session(self, cookie: str) -> Identity | None:
        """Whose session a cookie is; None for one that was not made here, or has ended."""
        told = self._sessions.opened(cookie, self._clock())
        with self._lock:
            is_over = cookie in self._over
        if told is None or is_over:
            return None
        return Identity(**{**told, "groups": tuple(told["groups"])})

    def proof(self, cookie: str) -> str:
        """What only a page of this server knows of a session: that its own holder ends it."""
        return self._sessions.derived(f"logout {cookie}")

    def end(self, cookie: str, proof: str) -> None:
        """Let a session be good no more. Raises IdentityError without its proof."""
        if not hmac.compare_digest(self.proof(cookie).encode(), proof.encode(errors="replace")):
            raise IdentityError("this was not asked for by a page of this server")
        with self._lock:
            self._over[cookie] = None
            if len(self._over) > _ENDED:
                self._over.popitem(last=False)

    def _person(self, token: object, nonce: str) -> Identity:
        """Who signed in, by an ID token. Raises IdentityError."""
        if not isinstance(token, str):
            raise IdentityError("the identity provider did not say who signed in")
        claims, own = signed_claims(token, _TYPES, self._provider.keys), self._settings.client
        check_common(claims, self._settings.issuer, own, self._clock())
        said, audience = claims.get("nonce"), claims.get("aud")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode(), nonce.encode()):
            raise IdentityError("the ID token is of another sign-in (`nonce`)")
        is_alone = not isinstance(audience, list) or len(audience) == 1
        if claims.get("azp", own if is_alone else None) != own:
            raise IdentityError("the ID token is for another client (`azp`)")
        if found_in(claims, self._settings.person) is None:
            raise IdentityError(f"the ID token has no `{self._settings.person}`")
        return identity_of(claims, self._settings)

    def _begun(self, identity: Identity) -> str:
        ends = self._clock() + self._settings.session_seconds
        told = asdict(replace(identity, ends=ends))
        cookie = self._sessions.sealed(told)
        if len(cookie) > LARGEST:
            raise IdentityError(
                "the identity provider says more of you than a browser keeps",
                hint="let it send only groups that organization.yaml names",
            )
        return cookie


def own_path(back: str) -> str:
    """A path of this server's; its documentation for whatever may be none, or lead elsewhere."""
    is_own = len(back) <= _LONGEST_PATH and _OWN_PATH.fullmatch(back)
    return back if is_own and not back.startswith(("//", "/login", "/logout")) else AFTERWARDS


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
