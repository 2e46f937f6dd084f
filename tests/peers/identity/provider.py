"""A real OpenID provider on a port of this machine, and the ways to get its tokens.

Who signs in is named by `login_hint`; everybody agrees to everything.
"""

import base64
import hashlib
import json
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

FOLDER = Path(__file__).parent
AUDIENCE, OTHER = "https://mesh.test/api", "https://other.test/api"
SECRET = "of-the-export-of-every-night-0001"
CALLBACK = "http://localhost/login/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_BROWSING = {
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token", DEVICE],
    "response_types": ["code"],
    "redirect_uris": [CALLBACK],
}
_SERVICE = {"client_secret": SECRET, "grant_types": ["client_credentials"], "response_types": [],
            "redirect_uris": []}  # fmt: skip
TOLD = {
    "audience": AUDIENCE,
    "other_audience": OTHER,
    "token_seconds": 600,
    "device_seconds": 600,
    "default_person": "ana",
    "services": {"impostor": {"groups": ["partners"]}},
    "people": {
        "ana": {"email": "Ana@example.com", "email_verified": True, "groups": ["analysts"],
                "carrier": "UA"},
        "mal": {"email": "olga@example.com", "email_verified": False},
        "nobody": {"groups": ["analysts"]},
        "nightly": {"groups": ["analysts"]},
    },
    "clients": [
        {"client_id": "mesh", **_BROWSING},
        {"client_id": "elsewhere", **_BROWSING},
        {"client_id": "portal", **_BROWSING, "token_endpoint_auth_method": "client_secret_basic",
         "client_secret": SECRET, "redirect_uris": [CALLBACK, "https://mesh.test/login/callback"]},
        {"client_id": "nightly", **_SERVICE},
        {"client_id": "impostor", **_SERVICE},
    ],
}  # fmt: skip


@dataclass
class RealProvider:
    """The provider, as it runs."""

    process: subprocess.Popen
    issuer: str

    def order(self, name: str, **arguments: Any) -> Any:
        """Tell it something: what it answers."""
        self.process.stdin.write(json.dumps({"order": name, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["done"]

    def of_service(self, client: str = "nightly", **form: str) -> str:
        """An access token of a service, by its client credentials."""
        told = {"grant_type": "client_credentials", **form}
        answer = httpx2.post(f"{self.issuer}/token", data=told, auth=(client, SECRET))
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def of_person(self, person: str = "ana", client: str = "mesh", **asked: str) -> dict[str, Any]:
        """The tokens of somebody who signs in with a browser."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        question = {
            "client_id": client, "response_type": "code", "redirect_uri": CALLBACK,
            "scope": "openid email profile mesh.read", "login_hint": person, "state": "s",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256", **asked,
        }  # fmt: skip
        url = str(httpx2.URL(f"{self.issuer}/auth", params=question))
        with httpx2.Client() as browser:
            code = parse_qs(urlsplit(followed(browser, url)).query)["code"][0]
        told = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK,
                "client_id": client, "code_verifier": verifier}  # fmt: skip
        answer = httpx2.post(f"{self.issuer}/token", data=told)
        assert answer.status_code == 200, answer.text
        return answer.json()


def followed(browser: httpx2.Client, url: str) -> str:
    """Where the provider sends somebody who signs in: the URL of the callback, not asked for."""
    place = urlsplit(url).netloc
    for _ in range(12):
        answer = browser.get(url)
        assert answer.is_redirect, answer.text
        url = urljoin(url, answer.headers["location"])
        if urlsplit(url).netloc != place:
            return url
    raise AssertionError(url)


def allow(url: str, person: str = "ana") -> None:
    """What somebody does with the URL that `mesh login` shows."""
    with httpx2.Client(follow_redirects=True) as browser:
        page = browser.get(url)
        for _ in range(4):
            form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
            action = re.search(r'action="([^"]+)"', page.text)
            if not action:
                break
            page = browser.post(urljoin(url, action[1]), data=form | {"confirm": "yes"})
        assert page.status_code == 200, page.text


@contextmanager
def running(**changes: Any) -> Iterator[RealProvider]:
    """The provider, until the block ends."""
    if not (FOLDER / "node_modules" / ".installed").exists():
        pytest.fail(f"{FOLDER / 'node_modules'} is not there: `make test` makes it")
    command = [str(shutil.which("node")), str(FOLDER / "provider.mjs"), json.dumps(TOLD | changes)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield RealProvider(process, json.loads(process.stdout.readline())["issuer"])
        finally:
            process.stdin.close()
            process.wait(timeout=30)
