"""A server that knows people by the word of a provider, and tokens that say what a test wants."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jws
from joserfc.jwk import import_key
from starlette.testclient import TestClient

from mesh.access.model import Principal
from mesh.access.principals import Directory
from mesh.catalog.store import Catalog
from mesh.products.domain import OrganizationManifest
from mesh.serving.app import make_app
from mesh.serving.authority import Authority
from mesh.serving.deciding import Deciding
from mesh.serving.identity.provider import Provider
from mesh.serving.identity.signing_in import Identities
from mesh.settings import ServingSettings
from mesh.settings.identity import IdentitySettings
from tests.peers.identity.provider import AUDIENCE, RealProvider
from tests.serving.sharing.lakes import Told, Views

HOST = "http://localhost"
ORGANIZATION = OrganizationManifest.model_validate(
    {
        "name": "Tests",
        "domains": ["shop"],
        "groups": {"analysts": ["analyst"], "partners": ["platform_engineer"]},
        "attributes": {"carrier": "text"},
        "people": [{"name": "Olga", "email": "olga@example.com", "roles": ["auditor"]}],
        "services": [{"name": "export", "domain": "shop", "roles": ["analyst"]}],
    }
)
DECIDING = Deciding(Views, Directory({}, ORGANIZATION).principal, Told())


@dataclass
class Clock:
    """A clock that a test moves."""

    now: float = field(default_factory=time.time)

    def __call__(self) -> float:
        """The time that it shows."""
        return self.now


def settings_of(provider: RealProvider, **changes: Any) -> IdentitySettings:
    """What is set for that provider."""
    told = {
        "issuer": provider.issuer,
        "audience": AUDIENCE,
        "client": "mesh",
        "services": {"nightly": "export"},
        "attributes": {"carrier": "carrier"},
    }
    return IdentitySettings.model_validate(told | changes)


@dataclass
class Knowing:
    """A server's knowledge of people, and the clock that it goes by."""

    catalog: Catalog
    settings: IdentitySettings
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        provider = Provider(self.settings, clock=self.clock)
        self.identities = Identities(self.settings, provider, clock=self.clock)

    @property
    def authority(self) -> Authority:
        """The one place where a secret becomes a principal."""
        return Authority(self.catalog, DECIDING, self.identities)

    def who(self, secret: str) -> Principal:
        """Whom the access model knows by a secret."""
        found = self.authority.principal_of_secret(secret)
        assert found is not None
        assert found.who is not None
        return found.who

    def client(self, base_url: str = HOST, **serving: Any) -> TestClient:
        """The server, as anybody reaches it; reading needs a token."""
        told = ServingSettings.model_validate({"reading": "token", **serving})
        app = make_app(self.catalog, told, deciding=DECIDING, identities=self.identities)
        return TestClient(app, base_url=base_url, follow_redirects=False)


def signed(key: dict[str, Any], claims: Any, **header: Any) -> str:
    """A token that a key signed, saying anything."""
    told = {"alg": key["alg"], "kid": key["kid"], "typ": "at+jwt", **header}
    told = {name: value for name, value in told.items() if value is not None}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[told["alg"]], strict_check_header=False)
    sound = {name: value for name, value in told.items() if _is_sound(name, value)}
    made = jws.serialize_compact(sound, payload, import_key(key), registry=registry)
    if sound == told:
        return made
    head = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    return f"{head}.{made.partition('.')[2]}"  # joserfc signs no header that is unsound


def _is_sound(name: str, value: object) -> bool:
    return name not in {"kid", "typ"} or isinstance(value, str)


def claims_of(provider: RealProvider, **changes: Any) -> dict[str, Any]:
    """What an access token of Ana's says; a change to None leaves a claim out."""
    now = int(time.time())
    told = {
        "iss": provider.issuer, "aud": AUDIENCE, "sub": "ana", "client_id": "mesh", "iat": now,
        "exp": now + 600, "jti": "one", "email": "ana@example.com", "email_verified": True,
        "groups": ["analysts"], **changes,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}
